"""Read RTF: groups of text and control words. Each paragraph and each row of a table becomes a line."""

from __future__ import annotations

import re
from collections import Counter

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.counts import counted
from gemma10m.documents.formats.field_codes import Fields
from gemma10m.documents.formats.raised import APART, Scripts
from gemma10m.documents.formats.rtf_fonts import RtfFonts
from gemma10m.documents.formats.rtf_forms import FORM, RtfForm
from gemma10m.documents.formats.rtf_lists import LIST_TABLES, RtfLists
from gemma10m.documents.formats.rtf_math import ROOT, STRUCTURE, RtfFormula
from gemma10m.documents.formats.rtf_state import PROPERTIES, RtfState
from gemma10m.documents.formats.rtf_tables import DEFINITIONS, RtfTable
from gemma10m.documents.formats.symbols import UNKNOWN, symbol
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_FALLBACK = re.compile(rb"\{(?:\\'[0-9a-fA-F]{2}|\?)\}")  # of a \\u, in a group of its own
_SIGNS = {"emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”"}
_SIGNS |= {"bullet": "•", "emspace": "\u2003", "enspace": "\u2002", "qmspace": "\u2005", "tab": "\t", "_": "-"}
_SIGNS |= {"~": "\u00a0", "zwj": "\u200d", "zwnj": "\u200c"}
_ESCAPED = (b"{", b"}", b"\\")
_LINES = {"line", "lbr", "page", "column"}
_PARAGRAPHS = {"par", "sect", "\n", "\r"}
_NESTED = {"nestcell", "nestrow"}
_ROWS = {"cell", "row", *_NESTED}
_UNREAD = set(
    "colortbl info pict objdata upr mmathPict shprslt sp nonesttables stylesheet generator bkmkstart bkmkend "
    "xe tc rxe txe private themedata datafield filetbl rsidtbl atnid atnref".split()
)
_MARGINS = set("header headerl headerr headerf footer footerl footerr footerf".split())
_STARRED = {"shpinst", "do", "ud", "result", "formfield"}  # that are read for all that
_BOXES, _NUMBERS = ("shptxt", "dptxbxtext"), ("listtext", "pntext")
_ASIDE = ("footnote", "annotation", "atnauthor", "ffl", *_BOXES, *_NUMBERS)  # what is not written where it stands
_DESTINATIONS = {"fonttbl", "fldinst", ROOT, *_ASIDE, *LIST_TABLES}
_FONTS = {"f", "fcharset", "cpg", "ansicpg", "deff", "mac", "pc", "pca"}
_DEEPEST = 1000  # groups in groups


def write_rtf(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of an RTF file. Raises `UnreadableError` and `DiskError`."""
    reader = _RtfReader(writer, budget)
    reader.read(content.whole("an RTF file"))
    reader.end()
    if writer.blank:
        raise UnreadableError("an RTF file without text")


class _RtfReader:
    def __init__(self, writer: TextWriter, budget: Budget) -> None:
        self._writer = writer
        self._state = RtfState()
        self._groups: list[RtfState] = []
        self._starred = False
        self._skip = 0  # characters that stand for the last \\u
        self._fonts = RtfFonts()
        self._bytes = bytearray()  # of a character that may take more than one
        self._text: dict[str, list[str]] = {"": []}  # of what is open, by what it goes into
        self._scripts: dict[str, Scripts] = {}  # of the same
        self._joined = False  # the open paragraph has the text of one whose end is not shown
        self._begun = False  # it has its number
        self._number = ""  # of it, by the file
        self._lists = RtfLists(budget)
        self._row: list[str] = []
        self._table = RtfTable(budget)
        self._fields = Fields()
        self._form = RtfForm()
        self._formula = RtfFormula()
        self._notes: list[str] = []
        self._boxes: list[str] = []
        self._author = "somebody"
        self._left_out = Counter[str]()  # characters, by the reason
        self._unknown = 0
        self._objects = 0
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
                at = self._after_fallback(data, at) if word == b"u" else at
            elif code:
                self._byte(bytes([int(code, 16)]))
            elif text:
                self._byte(text)
            elif sign:
                self._sign(sign)
            elif brace == b"{":
                self._open()
            elif brace == b"}":
                self._close()

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._starred = True
        elif sign in _ESCAPED:
            self._byte(sign)
        else:
            self._word(sign.decode("latin-1"), None)

    def _after_fallback(self, data: bytes, at: int) -> int:
        """Return where the text continues after a \\u whose substitute is in a group of its own: `\\u8217{\\'92}`."""
        found = _FALLBACK.match(data, at) if self._skip else None
        if not found:
            return at
        self._skip = 0
        return found.end()

    def end(self) -> None:
        self._decode()
        while self._groups:  # it ends too early
            self._close()
            self._writer.note("it ends too early: its end may be missing")
        self._end_text()
        self._writer.write(self._table.take())
        for note in self._boxes + self._notes:
            self._writer.write(note + "\n")
        if self._margins:
            self._writer.note(f"its {' and '.join(sorted(self._margins))} are not read")
        for why, number in self._left_out.items():
            self._writer.note(f"{counted(number, 'character', f' of {why} text')} not read")
        if self._objects:
            self._writer.note(f"{counted(self._objects, 'embedded object', ' of another program')} not read")
        if self._unknown:
            self._writer.note(f"{counted(self._unknown, 'sign', ' of symbol fonts')} not known")

    def _open(self) -> None:
        self._decode()
        self._starred = False
        if len(self._groups) >= _DEEPEST:
            raise UnreadableError("damaged: its groups lie too deep in one another")
        self._groups.append(self._state)
        self._state = self._state._replace(tag="")

    def _close(self) -> None:
        """End a group; text may follow the outermost one, and braces that end nothing."""
        self._decode()
        if not self._groups:
            return
        if len(self._groups) == 1:
            self._end_text()
        inner, self._state = self._state, self._groups.pop()
        if inner.tag:
            self._end_tagged(inner)
        if inner.into != self._state.into and inner.into in self._text:
            self._end_script(inner.into)
            self._keep("".join(self._text.pop(inner.into)), inner.into)

    def _end_tagged(self, inner: RtfState) -> None:
        if inner.tag == "field":
            for text, script in self._fields.end():
                self._write(text, script)
        elif inner.tag == "formfield":
            self._fields.fill_in(self._form.end())
        elif inner.tag == ROOT:
            self._write(self._formula.text, APART)
        else:
            self._formula.end(inner.tag)

    def _keep(self, written: str, into: str) -> None:
        text, state = " ".join(written.split()), self._state
        if state.deleted or state.unread:
            return
        if why := state.left_out:
            self._left_out[why] += len(text)
        elif into == "ffl":
            self._form.add(text)
        elif into == "atnauthor":
            self._author = text
        elif into == "annotation":
            self._notes.append(f"[comment by {self._author}] {text}")
        elif into in _NUMBERS and state.into:
            self._write(written)
        elif into in _NUMBERS:
            self._number = written
        elif into in _BOXES:
            self._boxes.append(text)
        elif into == "footnote":
            self._notes.append(f"[{len(self._notes) + 1}] {text}")
            self._write(f"[{len(self._notes)}]")

    def _word(self, word: str, number: int | None) -> None:
        if word != "u":
            self._decode()
        starred, self._starred = self._starred, False
        if self._state.math and word.startswith("m") and not self._state.tag:
            self._begin_element(word[1:])
            return
        if word in _FONTS:
            self._set_font(word, number or 0)
        elif word in _DESTINATIONS:
            self._begin_destination(word)
        elif word in _UNREAD or word in _MARGINS or (starred and word not in _STARRED):
            self._leave_unread(word)
        elif word in _SIGNS:
            self._write(_SIGNS[word])
        elif word in _LINES:
            self._write(" " if self._state.in_table else "\n")
        elif word in PROPERTIES:
            self._set(word, number)
        elif not self._state.unread:
            self._act(word, number)

    def _set(self, word: str, number: int | None) -> None:
        self._state = self._state.changed(word, number)
        if self._state.into in LIST_TABLES:
            self._lists.act(word, number or 0)
        if self._joined and self._state.in_table and not self._state.into:  # no paragraph joins a cell
            self._write_paragraph(self._taken())

    def _begin_result(self) -> None:
        self._fields.separate()
        if self._state.into == "fldinst":  # the code had no group of its own
            self._state = self._state._replace(into=self._groups[-1].into if self._groups else "")

    def _leave_unread(self, word: str) -> None:
        self._state = self._state._replace(unread=True)
        self._objects += word == "objdata"
        if word in _MARGINS:
            self._margins.add(word[:6] + "s")

    def _begin_destination(self, word: str) -> None:
        if word == ROOT:
            self._formula = RtfFormula()
            self._state = self._state._replace(math=STRUCTURE, tag=ROOT)
        elif word in _ASIDE:
            self._text.setdefault(word, [])
            self._state = self._state._replace(into=word, in_table=False)
        else:
            self._state = self._state._replace(into=word, unread=self._state.unread or word == "fonttbl")

    def _set_font(self, word: str, number: int) -> None:
        if word == "f":
            self._state = self._state._replace(font=number)
        else:
            self._fonts.act(word, number, self._state.font if self._state.into == "fonttbl" else -1)

    def _begin_element(self, tag: str) -> None:
        """Begin an element of a formula, which is the open group."""
        self._state = self._state._replace(math=self._formula.start(tag), tag=tag)

    def _act(self, word: str, number: int | None) -> None:
        if word == "u":
            self._unicode(number or 0)
        elif self._state.into in LIST_TABLES:
            self._lists.act(word, number or 0)
        elif word in _PARAGRAPHS:
            self._end_paragraph()
        elif word in _ROWS:
            self._end_in_table(word)
        elif word in DEFINITIONS and not self._state.into:
            self._table.define(word, number or 0)
        else:
            self._act_in_field(word, number)

    def _act_in_field(self, word: str, number: int | None) -> None:
        if word == "field":
            self._fields.begin()
            self._state = self._state._replace(tag=word)
        elif word == "fldrslt":
            self._begin_result()
        elif word == "formfield":
            self._state = self._state._replace(tag=word)
        elif word in FORM:
            self._form.set(word, number or 0)

    def _byte(self, data: bytes) -> None:
        """Add text, or a byte of it."""
        if self._skip:
            cut = min(self._skip, len(data))
            self._skip, data = self._skip - cut, data[cut:]
        if self._state.into == "fonttbl":
            self._fonts.set_name(self._state.font, data.decode("latin-1"))
        elif not self._state.unread:
            self._bytes += data

    def _decode(self) -> None:
        self._skip = 0
        if not self._bytes:
            return
        data, self._bytes = bytes(self._bytes), bytearray()
        self._write(self._fonts.decode(data, self._state.font))

    def _unicode(self, number: int) -> None:
        self._decode()
        code = number & 0xFFFF if number < 0 else number
        font = self._fonts.name(self._state.font)
        if 0xD800 <= code < 0xE000:  # half of a character
            self._write(chr(code))
        elif 0xF000 <= code <= 0xF0FF:
            self._write(symbol(code, font))
        else:
            self._write(chr(code) if code < 0x110000 else UNKNOWN)
        self._skip = self._state.fallback

    def _write(self, text: str, script: str = "") -> None:
        state = self._state
        if state.unread or state.deleted:
            return
        if state.left_out:
            self._left_out[state.left_out] += len(text)
        elif state.into == "fldinst":
            self._fields.add(text)
        elif state.math:
            self._formula.add(text, state.math)
        elif state.into in LIST_TABLES:
            self._lists.add(text, state.into)
        else:
            self._begin_paragraph(" ")
            self._unknown += text.count(UNKNOWN)
            if state.into != "ffl":
                self._fields.see(text)
            scripts = self._scripts.get(state.into) or self._scripts.setdefault(state.into, Scripts())
            script = script or ("" if state.initial else state.script)
            self._text.setdefault(state.into, []).append(scripts.write(text, script))

    def _begin_paragraph(self, gap: str) -> None:
        """Write the paragraph's number, which is counted unless the file holds it: a deleted paragraph has none."""
        if self._begun or self._state.into:
            return
        number = "" if self._number else self._lists.next(self._state.list, self._state.level)
        self._text[""].append(self._number or (number + gap if number else ""))
        self._begun, self._number = True, ""

    def _end_script(self, into: str) -> None:
        scripts = self._scripts.setdefault(into, Scripts())
        self._text[into].append(scripts.end())
        scripts.begin()

    def _taken(self) -> str:
        """Return the text of the open paragraph or cell, which ends here."""
        self._end_script("")
        text = "".join(self._text[""])
        self._text[""].clear()
        self._joined = self._begun = False
        self._number = ""
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _end_paragraph(self) -> None:
        """End the open paragraph, unless the next one joins it: behind an initial, and where this end is not shown."""
        if self._state.hidden or self._state.deleted or self._state.initial:
            self._joined = self._joined or not (self._state.into or self._state.in_table)
            return
        self._begin_paragraph("")
        if self._state.into:
            self._write(" ")
        elif self._state.in_table:
            self._write(" ")
            self._begun = False
        else:
            self._write_paragraph(self._taken())

    def _write_paragraph(self, text: str) -> None:
        self._writer.write(self._table.take())
        if self._state.heading and text.strip():
            self._writer.place(f"section {text[: limits.LABEL]}")
        self._writer.write(text + "\n" + "".join(f"{box}\n" for box in self._boxes))
        self._boxes = []

    def _end_text(self) -> None:
        """End the paragraph or row that is open where the file ends."""
        text = self._taken()
        if self._row or self._state.in_table:
            self._row += [" ".join(text.split())] if text.strip() else []
            self._end_row()
        elif text.strip():
            self._write_paragraph(text if self._groups else text.strip(" "))

    def _end_in_table(self, word: str) -> None:
        """End a cell or a row. A table in a cell, a box or a note is text of it."""
        if word in _NESTED or self._state.into:
            self._write(" ")
        elif word == "cell":
            self._begin_paragraph("")
            boxes, self._boxes = self._boxes, []
            self._row.append(" ".join(" ".join([self._taken(), *boxes]).split()))
        else:
            self._end_row()

    def _end_row(self) -> None:
        if any(self._row) or len(self._row) > 1:
            self._table.add(self._row)
        self._row = []
