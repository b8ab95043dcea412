"""Decode bytes: by the byte-order mark, then as UTF-8, where few bytes may be wrong, then as Windows-1252.

A NUL byte in the first block makes a file binary, as it does for git, unless it is UTF-16 or UTF-32 without a mark; a
later one is a wrong byte. No byte of a source is ever changed.
"""

from __future__ import annotations

import codecs
import re
from typing import Protocol

from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.unmarked import unmarked_encoding
from gemma10m.encodings import LOSSY

# UTF-32's little-endian mark begins with UTF-16's: it must be tried first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)

_FIRST_BLOCK = 8000  # bytes in which git looks for a NUL
_BEFORE = 4096  # bytes of the sample before the first that is not UTF-8: how rare such bytes are is telling
_SAMPLE = 1 << 16  # bytes

# The five bytes Windows-1252 leaves undefined stand for the C1 controls of the same number, so that each byte has a
# character of its own. NUL is no text.
_CP1252 = "\ufffd" + "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(1, 256))


class TextDecoder(Protocol):
    """Decode block by block; the state holds the bytes of a character that is not whole yet."""

    def decode(self, data: bytes, final: bool = ..., /) -> str: ...

    def getstate(self) -> tuple[bytes, int]: ...


class _Cp1252Decoder:
    """Decode Windows-1252, one character for each byte."""

    def decode(self, data: bytes, final: bool = False, /) -> str:
        return codecs.charmap_decode(data, "strict", _CP1252)[0]

    def getstate(self) -> tuple[bytes, int]:
        return b"", 0


_ESCAPED = re.compile("[\udc80-\udcff]")  # a wrong byte, as "surrogateescape" has it
_WRONG = re.compile("[\0\udc80-\udcff]")


class _LossyDecoder:
    """Decode UTF-8 with wrong bytes. A U+FFFD of the file's own becomes three: each has the width of one byte."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def decode(self, data: bytes, final: bool = False, /) -> str:
        return _WRONG.sub("\ufffd", self._decoder.decode(data, final).replace("\ufffd", "\ufffd" * 3))

    def getstate(self) -> tuple[bytes, int]:
        return self._decoder.getstate()


def decoder(encoding: str) -> TextDecoder:
    """Return an incremental decoder for the bytes after the byte-order mark; its state is the bytes it holds back.

    It is strict, but for `LOSSY`.
    """
    if encoding == "cp1252":
        return _Cp1252Decoder()
    if encoding == LOSSY:
        return _LossyDecoder()
    return codecs.getincrementaldecoder(encoding.removesuffix("-sig"))("strict")


def wrong_bytes(number: int, encoding: str) -> str:
    """Return the notice for bytes that an encoding has no character for."""
    are = "1 byte is not" if number == 1 else f"{number:,} bytes are not"
    return f"{are} {encoding}: read as U+FFFD"


def no_mark(encoding: str) -> str:
    """Return the notice for a text in UTF-16 or UTF-32 that does not say so."""
    return f"no byte-order mark: read as {encoding.upper()}"


def nul_bytes(number: int) -> str:
    """Return the notice for NUL bytes in a text."""
    return f"{number:,} NUL {'byte is' if number == 1 else 'bytes are'} read as U+FFFD"


def is_binary(head: bytes) -> bool:
    """Tell if a file that begins with `head` is binary."""
    return b"\0" in head[:_FIRST_BLOCK] and not EncodingDetector(head).wide


class EncodingDetector:
    """Find the encoding of a file from its blocks, in one pass and constant memory."""

    def __init__(self, first_block: bytes) -> None:
        unmarked = b"", unmarked_encoding(first_block[:_FIRST_BLOCK]) or "utf-8"
        self.mark, self._declared = next((m for m in _MARKS if first_block.startswith(m[0])), unmarked)
        self._decoder = codecs.getincrementaldecoder(self._declared.removesuffix("-sig"))("strict")
        self._position = 0
        self._wider = 0  # bytes more than characters: Windows-1252 hardly ever looks like UTF-8
        self.wrong = 0  # bytes that are not UTF-8
        self.nuls = 0
        self.sample = b""  # of a text that is not UTF-8: what is around and after the first wrong byte

    @property
    def wide(self) -> bool:
        """Tell if it is UTF-16 or UTF-32."""
        return self._declared.startswith(("utf-16", "utf-32"))

    @property
    def unit(self) -> int:
        """Return the least number of bytes that a character has."""
        return int(self._declared[4:6]) // 8 if self.wide else 1

    @property
    def is_ascii(self) -> bool:
        """Tell if all bytes so far are ASCII."""
        return not self._wider and self.encoding == "utf-8"

    def feed(self, block: bytes, final: bool) -> None:
        """Count the next block. Raises `UnreadableError` for a binary file, and where the byte-order mark is wrong."""
        if not self.wide and (nuls := block.count(0)):
            if (first := self._position + block.find(0)) < _FIRST_BLOCK:
                raise UnreadableError(
                    f"binary (a NUL byte at offset {first})",
                    hint="only text is read: convert it to text first",
                )
            self.nuls += nuls
        data = block[len(self.mark) :] if self._position == 0 else block
        if self.sample:
            self.sample += data[: _SAMPLE - len(self.sample)]
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            if self.wide:
                raise UnreadableError(
                    f"broken: it begins as {self._declared.upper()} but is not", hint="save it as UTF-8"
                ) from error
            start = max(0, error.start - _BEFORE)
            self.sample = error.object[start : start + _SAMPLE]
            self._decoder.errors = "surrogateescape"
            text = self._decoder.decode(data, final)
        if self._decoder.errors != "strict":
            self.wrong += len(_ESCAPED.findall(text))
        self._wider += len(data) - len(text)
        self._position += len(block)

    @property
    def encoding(self) -> str:
        """Return the name of the encoding, as `decoder` takes it."""
        if not self.wrong and not self.nuls:
            return self._declared
        return LOSSY if 2 * self.wrong <= self._wider else "cp1252"
