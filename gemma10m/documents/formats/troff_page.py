"""Read the requests of troff that sources of manual pages have: conditions, definitions, strings and tbl's tables."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from gemma10m.documents import limits
from gemma10m.documents.formats.troff_escapes import JOINED, TroffEscapes
from gemma10m.documents.spool import TextWriter

_REQUEST = re.compile(r"[.'][ \t]*([^\s\\]{1,60})(.*)")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)\\[\"#].*")
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\.|[^\s\\]|\\$)+)')
_GIVEN = re.compile(r"(?<!\\)\\(?:\$([0-9*@])|\$\(..|\$\[[^\]]*\]|n(?:\(\.\$|\[\.\$\]))")
_TAB = re.compile(r"\btab\s*\((.)\)")
_DEEPEST = 40  # conditions and macros in one another
_MOST_MACROS, _MOST_LINES, _LONGEST = 200, 200, 1000  # macros, lines of one, and characters of a line or argument
_MOST_EXPANDED = 1 << 22  # characters that macros of the page's own become
_A_LINE = 50  # characters that reading a line costs at least
_LONGEST_REQUEST = 1 << 18  # a longer one is text: its arguments would take many times its memory
_ENDS = {"EQ": "EN"} | dict.fromkeys(("ig", "de", "de1", "am", "am1"), ".")  # requests that end what is not shown
_RULES = {"_", "=", r"\_", r"\=", r"\^"}  # in a table's cell: a line, and a cell that goes on from above


class TroffPage(ABC):
    """Write each paragraph as a line, and headings as places. What is no request goes to `macro`."""

    def __init__(self, writer: TextWriter) -> None:
        self.escapes = TroffEscapes()
        self.words: list[str] = []  # of the open paragraph
        self.is_filled = True
        self._defined: dict[str, list[str]] = {}  # macros of the page's own, and their lines
        self._renamed: dict[str, str] = {}  # other names of macros
        self._writer = writer
        self._until = ""  # the request that ends what is not shown
        self._definition: list[str] = []  # lines up to there
        self._expanded = 0
        self._skipped = 0  # open blocks of a condition that is not met
        self._met: list[bool] = []  # conditions that may have an alternative
        self.continues = False  # does the next text touch the last one?
        self._tab = ""  # between the cells of the open table
        self._is_format = False  # the table's rows have not begun
        self._row: list[str] = []  # cells of the open row
        self._block: list[str] | None = None  # paragraphs of an open cell of several lines
        self._depth = 0  # conditions and macros in one another

    def read(self, line: str) -> None:
        """Read the next line."""
        if self._until:
            self._read_definition(line)
        elif self._skipped:
            self._skipped = max(0, self._skipped + line.count("\\{") - line.count("\\}"))
        elif self._tab and not line.startswith(".TE"):
            self._read_row(line)
        else:
            self._read_line(line)

    def end(self) -> None:
        """Write what is open at the end of the page."""
        self._end_table()
        self.end_paragraph()

    @abstractmethod
    def macro(self, name: str, rest: str) -> None:
        """Read a macro with the rest of its line."""

    def add(self, text: str) -> None:
        """Add text to the open paragraph, or as a line of its own where lines are kept."""
        touches, self.continues = self.continues, text.endswith(JOINED)
        text = text.replace(JOINED, "")
        if self.is_filled and text:
            if text.startswith((" ", "\t")) and not touches:
                self.end_paragraph()
            text = text if touches or self.continues else text.strip()
        if text:
            self.words.append(JOINED + text if touches else text)
        if not self.is_filled and not self.continues:
            self._write(self.shown(" ".join(self.words)))
            self.words.clear()

    def end_paragraph(self) -> None:
        """Write the open paragraph."""
        text = self.shown(" ".join(self.words)).strip(" ")
        self.words.clear()
        self.continues = False
        if text:
            self._write(text)

    def shown(self, text: str) -> str:
        """Return text as it is written."""
        return text.replace(f" {JOINED}", "").replace(JOINED, "")

    def head(self, title: str) -> None:
        """Write a heading and mark its place."""
        self._end_table()
        self.end_paragraph()
        if title := " ".join(self.shown(title).split()):
            self._writer.write("" if self._writer.blank else "\n")
            self._writer.place(f"section {title[: limits.LABEL]}")
            self._writer.write(title + "\n")

    def _write(self, text: str) -> None:
        if self._block is None:
            self._writer.write(text + "\n")
        else:
            self._block.append(text)

    def _read_line(self, line: str) -> None:
        if line.startswith((".", "'")):
            if found := _REQUEST.match(line):
                self._request(found[1], _COMMENT.sub(r"\1", found[2]).strip())
        elif line.strip() or not self.is_filled:
            self.add(self.escapes.text(line))
        else:
            self.end_paragraph()

    def _request(self, name: str, rest: str) -> None:
        if name in ("if", "ie", "el", "while"):
            self._read_if(name, rest)
        elif name in _ENDS:
            self._begin_definition(name, rest)
        elif name in ("rn", "als"):
            self._rename(name, rest)
        elif name in ("ds", "as", "nr", "tr"):
            self.escapes.define(name, rest)
        elif name == "TS":
            self.end_paragraph()
            self._tab, self._is_format = "\t", True
        elif name == "TE":
            self._end_table()
        elif name == "nop" or len(rest) > _LONGEST_REQUEST:
            self.add(self.escapes.text(rest))
        else:
            self._call(name, rest.replace("\\\\", "\\"))

    def _call(self, name: str, rest: str) -> None:
        if name in self._defined:
            self._expand(name, rest)
        else:
            self.macro(self._renamed.get(name, name), rest)

    # --- macros of the page's own ---

    def _begin_definition(self, name: str, rest: str) -> None:
        self._until, self._definition = _ENDS[name], []
        if name == "EQ":
            return
        named, end, *_ = ["", *rest.split(), ""] if name == "ig" else [*rest.split(), "", ""]
        self._until = end or self._until
        if name.startswith("de") and len(self._defined) < _MOST_MACROS:
            self._defined[named] = self._definition
        elif name.startswith("am"):
            self._definition = self._defined.get(named, self._definition)

    def _read_definition(self, line: str) -> None:
        if (found := _REQUEST.match(line.removeprefix("\\"))) and found[1] == self._until:
            self._until = ""
        elif len(self._definition) < _MOST_LINES:
            self._definition.append(line[:_LONGEST].replace("\\\\", "\\"))

    def _rename(self, name: str, rest: str) -> None:
        """Give a macro another name: `rn` takes the old name first, and ends it."""
        names = rest.split()[:2]
        if len(names) < 2 or len(self._renamed) >= _MOST_MACROS:
            return
        old, new = names if name == "rn" else reversed(names)
        if old in self._defined:
            self._defined[new] = self._defined.pop(old) if name == "rn" else self._defined[old]
        else:
            self._renamed[new] = self._renamed.get(old, old)

    def _expand(self, name: str, rest: str) -> None:
        """Read the lines of a macro of the page's own, as often and as deep as limits allow."""
        given = [text[:_LONGEST] for text, _ in arguments(rest)]
        values = dict(enumerate([name, *given[:9]]))

        def value(found: re.Match[str]) -> str:
            if not found[1]:
                return str(len(given)) if found[0][1] == "n" else ""
            if found[1].isdigit():
                return values.get(int(found[1]), "")
            return " ".join(given[:9] if found[1] == "*" else (f'"{each}"' for each in given[:9]))

        for line in tuple(self._defined[name]):
            if self._depth == _DEEPEST or self._expanded > _MOST_EXPANDED:
                return
            line = _GIVEN.sub(value, line)
            self._expanded += len(line) + _A_LINE
            self._depth += 1
            self.read(line)
            self._depth -= 1

    # --- conditions ---

    def _read_if(self, name: str, rest: str) -> None:
        """Read what a condition is for, or skip it: text for a terminal is shown, text for a printer is not."""
        if name == "el":
            met = not self._met.pop() if self._met else False
        else:
            met, rest = self.escapes.numbers.is_met(rest, self._is_defined)
        if name == "ie":
            self._met = [*self._met[-_DEEPEST:], met]
        opened = rest.count("\\{") - rest.count("\\}")
        if not met:
            self._skipped = max(0, opened)
        elif self._depth < _DEEPEST:
            self._depth += 1
            self.read(rest.replace("\\{", "").replace("\\}", "").strip())
            self._depth -= 1

    def _is_defined(self, name: str) -> bool:
        return name in self._defined or self.escapes.is_defined(name)

    # --- tables ---

    def _read_row(self, line: str) -> None:
        """Read a line of a table: its options, the format of its columns, a row, or a line of a cell."""
        if self._is_format:
            self._tab = found[1] if (found := _TAB.search(line)) else self._tab
            self._is_format = not line.endswith(".")
        elif self._block is not None and not line.startswith("T}"):
            self._read_line(line)
        elif self._block is not None:
            self._end_block()
            if line.startswith(self._tab, 2):
                self._read_cells(line[3:])
            else:
                self._end_row()
        elif line == ".T&":
            self._is_format = True
        elif line.startswith(".") and not line[1:2].isdigit():
            self._read_line(line)
        elif line not in _RULES:
            self._read_cells(line)

    def _read_cells(self, line: str) -> None:
        """Read the cells of a row, the last of which may begin lines of its own."""
        *cells, last = line.split(self._tab)
        self._row += map(self._cell, cells)
        if last.strip() == "T{":
            self.end_paragraph()
            self._block = []
        else:
            self._row.append(self._cell(last))
            self._end_row()

    def _cell(self, text: str) -> str:
        return "" if text.strip() in _RULES else self.escapes.text(text).strip()

    def _end_block(self) -> None:
        self.end_paragraph()
        self.is_filled = True
        self._row.append(" ".join(self._block or ()))
        self._block = None

    def _end_row(self) -> None:
        if self._row:
            self.words = ["\t".join(self._row)]
            self._row = []
            self.end_paragraph()

    def _end_table(self) -> None:
        if self._block is not None:
            self._end_block()
        self._end_row()
        self._tab = ""


def arguments(rest: str) -> list[tuple[str, bool]]:
    """Return a macro's arguments, and of each if it is in quotes."""
    return [(plain or quoted.replace('""', '"'), not plain) for quoted, plain in _ARGUMENT.findall(rest)]
