"""Rewrite plain text where no LF ends its lines, it holds files in base64, declares an encoding or is in an old one,
has marks for a printer or a terminal, or ends within a character of UTF-16.
"""

from __future__ import annotations

import codecs
import re
from itertools import chain

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.charset import declared_by_text, decoded, guessed
from gemma10m.documents.formats.data_uris import MARK, shortened
from gemma10m.documents.formats.overwritten import TERMINAL, has_progress, without_progress
from gemma10m.documents.guessing import Guess, guess_of, not_utf8
from gemma10m.documents.spool import TextWriter
from gemma10m.documents.text import EncodingDetector, decoder, is_binary, no_mark, nul_bytes, wrong_bytes

_OTHER_END = re.compile("\r\n|\r|\x85")  # NEL is the line's end of EBCDIC
_OVERSTRUCK = re.compile(r"([^\n\b])\x08(?=\1)|_\x08(?=[^\n\b])|(?<=[^\n\b])\x08_|\+\x08(?=o)")  # as man prints
_BACK = re.compile(rb"\r[^\r\n]")
_WIDE_ENDS = re.compile(rb"[\n\r]\0|\0[\n\r]")


def is_rewritten(content: Content) -> bool:
    """Tell if `write_text` changes the text. Raises `UnreadableError`."""
    head = content.head()
    if is_binary(head):
        return False
    if content.size() > limits.LARGEST_WHOLE:
        return guess_of(content.blocks()) is not None
    text, detector = content.whole("a text"), EncodingDetector(head)
    if _has_other_ends(head, detector.wide) or MARK.encode() in text or declared_by_text(text):
        return True
    if detector.wide:
        return _cut_bytes(text, detector) > 0
    if not text.isascii() and guess_of([text]):
        return True
    if b"\b" not in text and b"\x1b" not in text and not _BACK.search(text):
        return False
    shown = text.decode("utf-8", "replace")
    return bool(_OVERSTRUCK.search(shown) or TERMINAL.search(shown)) or has_progress(shown)


def write_text(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write plain text with LF line ends, `data:` addresses shortened, without marks for a printer or a terminal.

    A text that is not held whole is only decoded. Raises `UnreadableError` and `DiskError`.
    """
    if content.size() > limits.LARGEST_WHOLE and (guess := guess_of(content.blocks())):
        _write_long(content, guess, writer)
        return
    text = whole_text(content, "a text", writer)
    text = without_progress(text) if "\n" in text else _OTHER_END.sub("\n", text)
    writer.write(shortened(TERMINAL.sub("", _OVERSTRUCK.sub("", text)), writer))


def whole_text(content: Content, what: str, writer: TextWriter) -> str:
    """Return the whole text; the writer notes what is not in the encoding it should be. Raises `UnreadableError`."""
    data = content.whole(what)
    detector = EncodingDetector(data)
    if cut := _cut_bytes(data, detector):
        writer.note(wrong_bytes(cut, detector.encoding.upper()))
        data = data[:-cut] + "\ufffd".encode(detector.encoding)
    detector.feed(data, final=True)
    if name := declared_by_text(data):
        return "".join(decoded(data, 0, name, writer))
    if detector.nuls:
        writer.note(nul_bytes(detector.nuls))
    if detector.encoding == "cp1252":
        return "".join(guessed(data, detector, writer))
    if detector.wrong:
        writer.note(wrong_bytes(detector.wrong, "UTF-8"))
    if detector.wide and not detector.mark:
        writer.note(no_mark(detector.encoding))
    return decoder(detector.encoding).decode(data[len(detector.mark) :], True)


def _cut_bytes(data: bytes, detector: EncodingDetector) -> int:
    """Return how many bytes are left over at the end of UTF-16 or UTF-32."""
    return len(data) % detector.unit


def _write_long(content: Content, guess: Guess, writer: TextWriter) -> None:
    decode, wrong = codecs.getincrementaldecoder(guess.codec)("replace"), 0
    for block in chain(content.blocks(), [b""]):
        text = decode.decode(block, not block)
        wrong += text.count("\ufffd")
        writer.write(text)
    writer.note(f"it is {not_utf8(guess)}")
    if wrong:
        writer.note(wrong_bytes(wrong, guess.name))


def _has_other_ends(head: bytes, wide: bool) -> bool:
    if wide:
        found = {end.strip(b"\0") for end in _WIDE_ENDS.findall(head)}
        return found == {b"\r"}
    return b"\n" not in head and (b"\r" in head or b"\xc2\x85" in head)
