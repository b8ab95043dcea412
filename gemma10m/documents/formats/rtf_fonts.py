"""Decode the bytes of an RTF file, whose code page is that of their font."""

from __future__ import annotations

import codecs

from gemma10m.documents.formats.symbols import symbol

_CHARSETS = {0: 1252, 77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258}
_CHARSETS |= {177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250, 254: 437, 255: 437}
_SYMBOL_CHARSET = 2
_CODECS = {1361: "johab", 10000: "mac-roman", 65001: "utf-8"}
_PAGES = {"mac": 10000, "pc": 437, "pca": 850}


class RtfFonts:
    """Hold the font table, and the code page of text whose font names none."""

    def __init__(self) -> None:
        self.default = -1  # the number of the font of text that names none
        self._codec = "cp1252"
        self._codecs: dict[int, str] = {}
        self._symbolic: set[int] = set()
        self._names: dict[int, str] = {}

    def act(self, word: str, number: int, font: int) -> None:
        """Receive a control word about code pages. font: the entry of the font table that is open, or -1."""
        if word == "deff":
            self.default = number
        elif word == "fcharset" and font >= 0 and number == _SYMBOL_CHARSET:
            self._symbolic.add(font)
        elif word in ("fcharset", "cpg"):
            page = _CHARSETS.get(number) if word == "fcharset" else number
            if font >= 0 and page is not None:  # one that is not known, such as 1, leaves the choice to the file
                self._codecs[font] = _codec(page, self._codec)
        elif word in ("ansicpg", *_PAGES):
            self._codec = _codec(_PAGES.get(word, number), "cp1252")

    def set_name(self, font: int, name: str) -> None:
        self._names.setdefault(font, name.strip(" ;"))

    def name(self, font: int) -> str:
        return self._names.get(self._of(font), "")

    def decode(self, data: bytes, font: int) -> str:
        """Return the text of bytes in a font; -1 for the default one."""
        font = self._of(font)
        if font in self._symbolic:
            return "".join(symbol(code, self._names.get(font, "")) for code in data)
        return data.decode(self._codecs.get(font, self._codec), "replace")

    def _of(self, font: int) -> int:
        return self.default if font < 0 else font


def _codec(page: int, otherwise: str) -> str:
    try:
        return codecs.lookup(_CODECS.get(page, f"cp{page}")).name
    except LookupError:
        return otherwise
