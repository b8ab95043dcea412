"""Read RTF: groups of text and control words. Each paragraph and each row of a table becomes a line."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import Any, NamedTuple

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.counts import counted
from gemma10m.documents.formats.raised import raised
from gemma10m.documents.formats.symbols import UNKNOWN, symbol
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_CHARSETS = {77: 10000, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256}
_CHARSETS |= {186: 1257, 204: 1251, 222: 874, 238: 1250, 255: 437}
_SYMBOL_CHARSET = 2
_SIGNS = {"emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”"}
_SIGNS |= {"bullet": "•", "emspace": "\u2003", "enspace": "\u2002", "tab": "\t", "~": "\u00a0", "_": "-"}
_LINES = {"line", "lbr", "page", "column", "\n", "\r"}
_UNREAD = set(
    "colortbl info pict objdata fldinst upr shprslt sp nonesttables stylesheet fonttbl generator bkmkstart bkmkend "
    "xe tc rxe txe private themedata datafield filetbl listtable listoverridetable rsidtbl atnid atnref".split()
)
_MARGINS = set("header headerl headerr headerf footer footerl footerr footerf".split())
_STARRED = {"shpinst", "shptxt", "footnote", "annotation", "atnauthor", "ud", "result"}  # that are read for all that
_ASIDE = ("footnote", "annotation", "atnauthor", "shptxt")  # what is not written where it stands
_DEEPEST = 1000  # groups in groups
_LEFT_OUT = {"v": "hidden", "strike": "struck", "striked": "struck"}
_PROPERTIES = set("ud plain pard intbl itap outlinelevel uc deleted super up nosupersub".split()) | set(_LEFT_OUT)


class _State(NamedTuple):
    """Hold the settings that a group inherits from the one around it."""

    unread: bool = False
    hidden: bool = False
    struck: bool = False
    raised: bool = False
    deleted: bool = False
    font: int = -1
    fallback: int = 1  # characters that follow a \\u for older programs
    in_table: bool = False
    heading: bool = False
    into: str = ""  # "", "fonttbl" or one of _ASIDE


def write_rtf(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of an RTF file. Raises `UnreadableError` and `DiskError`."""
    reader = _RtfReader(writer)
    reader.read(content.whole("an RTF file"))
    reader.end()
    if writer.blank:
        raise UnreadableError("an RTF file without text")


class _RtfReader:
    def __init__(self, writer: TextWriter) -> None:
        self._writer = writer
        self._state = _State()
        self._groups: list[_State] = []
        self._starred = False
        self._skip = 0  # characters that stand for the last \\u
        self._codec, self._codecs, self._fonts = "cp1252", dict[int, str](), dict[int, str]()
        self._bytes = bytearray()  # of a character that may take more than one
        self._text: dict[str, list[str]] = {"": []}  # of what is open, by what it goes into
        self._row: list[str] = []
        self._raised = ""
        self._notes: list[str] = []
        self._boxes: list[str] = []
        self._author = "somebody"
        self._left_out = Counter[str]()  # characters, by the reason
        self._unknown = 0
        self._margins: set[str] = set()

    def read(self, data: bytes) -> None:
        at = 0
        while found := _TOKEN.match(data, at):
            at = found.end()
            word, number, code, sign, brace, text = found.groups()
            if word == b"bin":
                at += max(0, int(number or 0))
            elif word:
                self._word(word.decode("ascii"), None if number is None else int(number))
            elif code:
                self._byte(bytes([int(code, 16)]))
            elif text:
                self._byte(text)
            elif sign == b"*":
                self._starred = True
            elif sign:
                self._word(sign.decode("latin-1"), None)
            elif brace == b"{":
                self._open()
            elif brace == b"}":
                self._close()

    def end(self) -> None:
        self._decode()
        while self._groups:  # it ends too early
            self._close()
            self._writer.note("it ends too early: its end may be missing")
        self._end_cell()
        self._end_row()
        for note in self._boxes + self._notes:
            self._writer.write(note + "\n")
        if self._margins:
            self._writer.note(f"its {' and '.join(sorted(self._margins))} are not read")
        for why, number in self._left_out.items():
            self._writer.note(f"{counted(number, 'character', f' of {why} text')} not read")
        if self._unknown:
            self._writer.note(f"{counted(self._unknown, 'sign', ' of symbol fonts')} not known")

    def _open(self) -> None:
        self._decode()
        self._starred = False
        if len(self._groups) >= _DEEPEST:
            raise UnreadableError("damaged: its groups lie too deep in one another")
        self._groups.append(self._state)

    def _close(self) -> None:
        """End a group; text may follow the outermost one, and braces that end nothing."""
        self._decode()
        if not self._groups:
            return
        inner, self._state = self._state, self._groups.pop()
        if inner.into != self._state.into and inner.into in self._text:
            self._keep("".join(self._text.pop(inner.into)).strip(), inner.into)

    def _keep(self, text: str, into: str) -> None:
        text = " ".join(text.split())
        if into == "atnauthor":
            self._author = text
        elif into == "annotation":
            self._notes.append(f"[comment by {self._author}] {text}")
        elif into == "shptxt":
            self._boxes.append(text)
        elif into == "footnote":
            self._notes.append(f"[{len(self._notes) + 1}] {text}")
            self._write(f"[{len(self._notes)}]")

    def _word(self, word: str, number: int | None) -> None:
        if word != "u":
            self._decode()
        starred, self._starred = self._starred, False
        if word in _MARGINS:
            self._margins.add(word[:6] + "s")
        if word == "fonttbl":
            self._state = self._state._replace(into="fonttbl", unread=True)
        elif word in _UNREAD or word in _MARGINS or (starred and word not in _STARRED):
            self._state = self._state._replace(unread=True)
        elif word in _ASIDE:
            self._text.setdefault(word, [])
            self._state = self._state._replace(into=word, in_table=False)
        elif word in _SIGNS:
            self._write(_SIGNS[word])
        elif word in _LINES:
            self._write(" " if self._state.in_table else "\n")
        elif word in _PROPERTIES:
            self._state = self._state._replace(**_property(word, number))
        elif not self._state.unread or word in ("f", "fcharset", "cpg", "ansicpg"):
            self._act(word, number)

    def _act(self, word: str, number: int | None) -> None:
        if word == "u":
            self._unicode(number or 0)
        elif word in ("par", "sect"):
            self._end_paragraph()
        elif word in ("nestcell", "nestrow"):  # a table in a cell is text of the cell
            self._write(" ")
        elif word == "cell":
            self._end_cell()
        elif word == "row":
            self._end_row()
        elif word == "f":
            self._state = self._state._replace(font=number or 0)
        elif word in ("ansicpg", "mac", "pc", "pca"):
            self._codec = _codec({"mac": 10000, "pc": 437, "pca": 850}.get(word, number or 0), "cp1252")
        elif word == "fcharset" and self._state.into == "fonttbl":
            charset = number or 0
            named = "symbol" if charset == _SYMBOL_CHARSET else _codec(_CHARSETS.get(charset, 0), "")
            self._codecs[self._state.font] = named or "cp1252"

    def _byte(self, data: bytes) -> None:
        """Add text, or a byte of it."""
        if self._skip:
            cut = min(self._skip, len(data))
            self._skip, data = self._skip - cut, data[cut:]
        if self._state.into == "fonttbl":
            self._fonts.setdefault(self._state.font, data.decode("latin-1").strip(" ;"))
        elif not self._state.unread:
            self._bytes += data

    def _decode(self) -> None:
        self._skip = 0
        if not self._bytes:
            return
        codec = self._codecs.get(self._state.font, self._codec)
        data, self._bytes = bytes(self._bytes), bytearray()
        if codec == "symbol":
            self._write("".join(symbol(code, self._fonts.get(self._state.font, "")) for code in data))
        else:
            self._write(data.decode(codec, "replace"))

    def _unicode(self, number: int) -> None:
        self._decode()
        code = number & 0xFFFF if number < 0 else number
        font = self._fonts.get(self._state.font, "")
        if 0xD800 <= code < 0xE000:  # half of a character
            self._write(chr(code))
        elif 0xF000 <= code <= 0xF0FF:
            self._write(symbol(code, font))
        else:
            self._write(chr(code) if code < 0x110000 else UNKNOWN)
        self._skip = self._state.fallback

    def _write(self, text: str) -> None:
        state = self._state
        if state.unread or state.deleted:
            return
        if state.hidden or state.struck:
            self._left_out["hidden" if state.hidden else "struck"] += len(text)
            return
        self._unknown += text.count(UNKNOWN)
        parts = self._text.setdefault(state.into, [])
        if state.raised:
            self._raised += text
            return
        if self._raised:
            before, self._raised = self._raised, ""
            parts.append(raised("".join(parts[-4:])[-4:], before))
        parts.append(text)

    def _taken(self) -> str:
        """Return the text of the open paragraph or cell, which ends here."""
        state, self._state = self._state, _State(into=self._state.into)
        self._write("")
        self._state = state
        text = "".join(self._text[""])
        self._text[""].clear()
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _end_paragraph(self) -> None:
        if self._state.into or self._state.in_table:
            self._write(" ")
            return
        text = self._taken()
        if self._state.heading and text.strip():
            self._writer.place(f"section {text[: limits.LABEL]}")
        self._writer.write(text + "\n" + "".join(f"{box}\n" for box in self._boxes))
        self._boxes = []

    def _end_cell(self) -> None:
        self._row.append(" ".join(self._taken().split()))

    def _end_row(self) -> None:
        if any(self._row) or len(self._row) > 1:
            self._writer.write("\t".join(self._row) + "\n")
        self._row = []


def _codec(page: int, otherwise: str) -> str:
    name = {10000: "mac-roman", 65001: "utf-8"}.get(page, f"cp{page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return otherwise


def _property(word: str, number: int | None) -> dict[str, Any]:
    """Return what a word of `_PROPERTIES` changes in the state."""
    is_on = number != 0
    changes: dict[str, dict[str, Any]] = {
        "ud": {"unread": False},  # the same text as the group around it, which is not read, in Unicode
        "plain": {"hidden": False, "struck": False, "raised": False, "deleted": False},
        "pard": {"in_table": False, "heading": False},
        "intbl": {"in_table": True},
        "itap": {"in_table": bool(number)},
        "outlinelevel": {"heading": (number or 0) < 3},
        "uc": {"fallback": min(max(number or 0, 0), 100)},
        **{word: {why: is_on} for word, why in _LEFT_OUT.items()},
        "deleted": {"deleted": is_on},
        "super": {"raised": is_on},
        "up": {"raised": is_on},
        "nosupersub": {"raised": False},
    }
    return changes[word]
