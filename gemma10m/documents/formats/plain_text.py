"""Rewrite plain text that is not kept unchanged: lines that do not end with LF, and files in base64 inside of it."""

from __future__ import annotations

import re

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
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
    return _has_other_ends(head, EncodingDetector(head).wide) or MARK.encode() in content.whole("a text")


def write_text(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write plain text with LF line ends, `data:` addresses shortened. Raises `UnreadableError` and `DiskError`."""
    text = whole_text(content, "a text", writer)
    writer.write(shortened(text if "\n" in text else _OTHER_END.sub("\n", text), writer))


def whole_text(content: Content, what: str, writer: TextWriter) -> str:
    """Return the whole text; the writer notes the bytes that are not UTF-8. Raises `UnreadableError`."""
    data = content.whole(what)
    detector = EncodingDetector(data)
    detector.feed(data, final=True)
    if detector.encoding == "cp1252":
        writer.note("it is not UTF-8: read as Windows-1252")
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
