"""Bytes to text: byte-order mark, then strict UTF-8, then Windows-1252. No byte of a source is ever changed."""

from __future__ import annotations

import codecs
from typing import Protocol

from gemma10m.documents.safe_open import UnreadableError

# UTF-32's little-endian mark begins with UTF-16's: it must be tried first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)

# The five bytes Windows-1252 leaves undefined stand for the C1 controls of the same number, so that each byte has a
# character of its own.
_CP1252 = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))


class TextDecoder(Protocol):
    def decode(self, data: bytes, final: bool = ..., /) -> str: ...

    def getstate(self) -> tuple[bytes, int]: ...


class _Cp1252Decoder:
    def decode(self, data: bytes, final: bool = False, /) -> str:
        return codecs.charmap_decode(data, "strict", _CP1252)[0]

    def getstate(self) -> tuple[bytes, int]:
        return b"", 0


def decoder(encoding: str) -> TextDecoder:
    """A strict incremental decoder for the bytes after the byte-order mark; its state is the bytes it holds back."""
    if encoding == "cp1252":
        return _Cp1252Decoder()
    return codecs.getincrementaldecoder(encoding.removesuffix("-sig"))("strict")


class EncodingDetector:
    """Finds the encoding of a file from its blocks, in one pass and constant memory."""

    def __init__(self, first_block: bytes) -> None:
        self.mark, self._declared = next((m for m in _MARKS if first_block.startswith(m[0])), (b"", "utf-8"))
        self._decoder: TextDecoder | None = decoder(self._declared)
        self._position = 0

    @property
    def _wide(self) -> bool:
        return self._declared.startswith(("utf-16", "utf-32"))

    def feed(self, block: bytes, final: bool) -> None:
        """Raises `UnreadableError` for a NUL byte, and for bytes that are not what the byte-order mark says."""
        if not self._wide and (nul := block.find(0)) >= 0:
            raise UnreadableError(
                f"binary (a NUL byte at offset {self._position + nul})",
                hint="only text is read: convert it to text first (UTF-16 text needs its byte-order mark)",
            )
        if self._decoder is not None:
            text = block[len(self.mark) :] if self._position == 0 else block
            try:
                self._decoder.decode(text, final)
            except UnicodeDecodeError as error:
                if self._wide:
                    raise UnreadableError(
                        f"broken: it begins as {self._declared.upper()} but is not", hint="save it as UTF-8"
                    ) from error
                self._decoder = None
        self._position += len(block)

    @property
    def encoding(self) -> str:
        return "cp1252" if self._decoder is None else self._declared
