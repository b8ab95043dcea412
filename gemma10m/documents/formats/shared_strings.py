"""Read a workbook's strings: rich text of cells, and the list that cells share, which is kept in a temporary file."""

from __future__ import annotations

import os
import re
import struct
import weakref

from gemma10m.documents.formats.docx_styles import SCRIPTS, is_on
from gemma10m.documents.formats.sheet_rows import CellText
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver
from gemma10m.documents.safe_open import BLOCK, read_block
from gemma10m.documents.spool import Spool

_END = struct.Struct("<Q")  # the offset at which a string ends
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")  # characters that XML cannot hold


def unescaped(text: str) -> str:
    """Return a line with the characters that it has escapes for; some of them end lines."""
    return " ".join(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), text).split()) if "_x" in text else text


class RichText:
    """Receive the runs of a string, without the marks of how its words are pronounced."""

    def __init__(self) -> None:
        self.cell = CellText()
        self.struck = 0  # characters that are not read
        self._is_text = self._is_phonetic = self._is_struck = False
        self._script = ""

    def start(self, tag: str, given: Attributes) -> None:
        self._is_text = tag == "t"
        if tag == "rPh":
            self._is_phonetic = True
        elif tag == "r":
            self._is_struck, self._script = False, ""
        elif tag == "strike":
            self._is_struck = is_on(given)
        elif tag == "vertAlign":
            self._script = SCRIPTS.get(given.get("val", ""), "")

    def end(self, tag: str) -> None:
        self._is_text = False
        if tag in ("rPh", "r"):
            self._is_phonetic = self._is_struck = False
            self._script = ""

    def text(self, text: str) -> None:
        if self._is_text and not self._is_phonetic:
            if self._is_struck:
                self.struck += len(text)
            else:
                self.cell.add(text, self._script)


class SharedStrings(XmlReceiver):
    """Receive the part of shared strings; memory does not grow with them."""

    def __init__(self) -> None:
        self.rich = RichText()
        self._texts, self._ends = _Appended(), _Appended()

    def start(self, tag: str, given: Attributes) -> None:
        self.rich.start(tag, given)

    def text(self, text: str) -> None:
        self.rich.text(text)

    def end(self, tag: str) -> None:
        self.rich.end(tag)
        if tag == "si":
            self._texts.add(unescaped(self.rich.cell.take()).encode("utf-8", "replace"))
            self._ends.add(_END.pack(self._texts.nbytes))

    def get(self, number: str) -> str | None:
        """Return the string of this number, or None for one that is lost. Raises `DiskError`."""
        at = int(number) * _END.size if number.isdecimal() and len(number) < 10 else -1
        if not 0 <= at < self._ends.nbytes:
            return None
        ends = self._ends.read(max(0, at - _END.size), at + _END.size)
        begin = _END.unpack_from(ends)[0] if at else 0
        return self._texts.read(begin, _END.unpack(ends[-_END.size :])[0]).decode()


class _Appended:
    """Hold bytes in a file without a name, the last ones in memory until they are read."""

    def __init__(self) -> None:
        self._spool, self._waiting = Spool(), bytearray()
        self._descriptor: int | None = None
        self.nbytes = 0

    def add(self, data: bytes) -> None:
        self._waiting += data
        self.nbytes += len(data)
        if len(self._waiting) >= BLOCK:
            self._flush()

    def read(self, start: int, stop: int) -> bytes:
        if self._waiting:
            self._flush()
        if self._descriptor is None:
            self._descriptor = self._spool()
            weakref.finalize(self, os.close, self._descriptor)
        return read_block(self._descriptor, start, stop - start)

    def _flush(self) -> None:
        self._spool.write(bytes(self._waiting))
        self._waiting.clear()
