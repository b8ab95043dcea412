"""Rewrite plain text where no LF ends its lines, it holds files in base64, or declares an encoding."""

from __future__ import annotations

import re

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.charset import NOT_UTF8, declared_by_text, decoded
from gemma10m.documents.formats.data_uris import MARK, shortened
from gemma10m.documents.spool import TextWriter
from gemma10m.documents.text import EncodingDetector, decoder, is_binary, nul_bytes, wrong_bytes

_OTHER_END = re.compile("\r\n|\r|\x85")  # NEL is the line's end of EBCDIC
_WIDE_ENDS = re.compile(rb"[\n\r]\0|\0[\n\r]")


def is_rewritten(content: Content) -> bool:
    """Tell if `write_text` changes the text. Raises `UnreadableError`."""
    head = content.head()
    if is_binary(head) or content.size() > limits.LARGEST_WHOLE:
        return False
    text = content.whole("a text")
    other_ends = _has_other_ends(head, EncodingDetector(head).wide)
    return other_ends or MARK.encode() in text or bool(declared_by_text(text))


def write_text(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write plain text with LF line ends, `data:` addresses shortened. Raises `UnreadableError` and `DiskError`."""
    text = whole_text(content, "a text", writer)
    writer.write(shortened(text if "\n" in text else _OTHER_END.sub("\n", text), writer))


def whole_text(content: Content, what: str, writer: TextWriter) -> str:
    """Return the whole text; the writer notes what is not in the encoding it should be. Raises `UnreadableError`."""
    data = content.whole(what)
    detector = EncodingDetector(data)
    detector.feed(data, final=True)
    if name := declared_by_text(data):
        return "".join(decoded(data, 0, name, writer))
    if detector.encoding == "cp1252":
        writer.note(f"it is {NOT_UTF8}")
    elif detector.wrong:
        writer.note(wrong_bytes(detector.wrong, "UTF-8"))
    if detector.nuls:
        writer.note(nul_bytes(detector.nuls))
    return decoder(detector.encoding).decode(data[len(detector.mark) :], True)


def _has_other_ends(head: bytes, wide: bool) -> bool:
    if wide:
        found = {end.strip(b"\0") for end in _WIDE_ENDS.findall(head)}
        return found == {b"\r"}
    return b"\n" not in head and (b"\r" in head or b"\xc2\x85" in head)
