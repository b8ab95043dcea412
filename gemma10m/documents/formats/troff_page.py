"""Read the requests of troff that sources of manual pages have: conditions, definitions, strings and tbl's tables."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from gemma10m.documents import limits
from gemma10m.documents.formats.troff_escapes import TroffEscapes
from gemma10m.documents.spool import TextWriter

_REQUEST = re.compile(r"[.'][ \t]*([^\s\\]{1,20})(.*)")
_CONDITION = re.compile(
    r"""\s*(!?)\s*("[^"]*"[^"]*"|'[^']*'[^']*'|\\n\[[^\]]*\]|\\n\(..|[^\s\\]*)\s*(.*)"""  # equal texts come first
)
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\.|[^\s\\]|\\$)+)')
_GIVEN = re.compile(r"\\\$(?:([1-9])|[*@])")
_TAB = re.compile(r"\btab\s*\((.)\)")
_DEEPEST = 8
_MOST_MACROS, _MOST_LINES, _LONGEST = 200, 200, 1000  # macros, lines of one, and characters of a line or argument
_MOST_EXPANDED = 1 << 22  # characters that macros of the page's own become
_A_LINE = 50  # characters that reading a line costs at least
_LONGEST_REQUEST = 1 << 18  # a longer one is text: its arguments would take many times its memory
_ENDS = {"ig": "..", "de": "..", "de1": "..", "am": "..", "EQ": ".EN"}  # of what is not shown


class TroffPage(ABC):
    """Write each paragraph as a line, and headings as places. What is no request goes to `macro`."""

    def __init__(self, writer: TextWriter) -> None:
        self.escapes = TroffEscapes()
        self.words: list[str] = []  # of the open paragraph
        self.is_filled = True
        self.defined: dict[str, list[str]] = {}  # macros of the page's own, and their lines
        self._writer = writer
        self._until = ""  # the request that ends what is not shown
        self._definition: list[str] = []  # lines up to there
        self._expanded = 0
        self._skipped = 0  # open blocks of a condition that is not met
        self._met = True  # the last condition
        self._tab = ""  # between the cells of the open table
        self._is_format = False  # the table's rows have not begun
        self._open_cells = 0  # of several lines
        self._depth = 0  # conditions in conditions

    def read(self, line: str) -> None:
        """Read the next line."""
        if self._until:
            self._read_definition(line)
        elif self._skipped:
            self._skipped = max(0, self._skipped + line.count("\\{") - line.count("\\}"))
        elif self._tab and not line.startswith(".TE"):
            self._read_row(line)
        elif line.startswith((".", "'")):
            if found := _REQUEST.match(line):
                self._request(found[1], found[2].strip())
        elif line.strip() or not self.is_filled:
            self.add(self.escapes.text(line))
        else:
            self.end_paragraph()

    @abstractmethod
    def macro(self, name: str, rest: str) -> None:
        """Read a macro with the rest of its line."""

    def expand(self, name: str, given: list[str]) -> None:
        """Read the lines of a macro of the page's own, as often and as deep as limits allow."""
        given = [each[:_LONGEST] for each in given[:9]]
        for line in tuple(self.defined[name]):
            if self._depth == _DEEPEST or self._expanded > _MOST_EXPANDED:
                return
            line = _GIVEN.sub(lambda found: " ".join(given[int(found[1]) - 1 :][:1] if found[1] else given), line)
            self._expanded += len(line) + _A_LINE
            self._depth += 1
            self.read(line)
            self._depth -= 1

    def add(self, text: str) -> None:
        """Add text to the open paragraph, or as a line of its own where lines are kept."""
        if not self.is_filled:
            self._writer.write(self.shown(text) + "\n")
        elif text:
            if text.startswith((" ", "\t")):
                self.end_paragraph()
            self.words.append(text.strip())

    def end_paragraph(self) -> None:
        """Write the open paragraph."""
        text = self.shown(" ".join(self.words)).strip(" ")
        self.words.clear()
        if text:
            self._writer.write(text + "\n")

    def shown(self, text: str) -> str:
        """Return text as it is written."""
        return text

    def head(self, title: str) -> None:
        """Write a heading and mark its place."""
        self.end_paragraph()
        if title := " ".join(self.shown(title).split()):
            self._writer.write("" if self._writer.blank else "\n")
            self._writer.place(f"section {title[: limits.LABEL]}")
            self._writer.write(title + "\n")

    def _request(self, name: str, rest: str) -> None:
        if name in ("if", "ie", "el"):
            self._read_if(name, rest)
        elif name in _ENDS:
            named, end, *_ = [*rest.split(), "", ""]
            self._until = f".{end}" if name != "ig" and end else _ENDS[name]
            self._definition = []
            if name.startswith("de") and len(self.defined) < _MOST_MACROS:
                self.defined[named] = self._definition
        elif name == "ds":
            self.escapes.define(rest)
        elif name == "TS":
            self.end_paragraph()
            self._tab, self._is_format = "\t", True
        elif name == "TE":
            self._tab = ""
        elif len(rest) > _LONGEST_REQUEST:
            self.add(self.escapes.text(rest))
        else:
            self.macro(name, rest)

    def _read_definition(self, line: str) -> None:
        if line.startswith(self._until):
            self._until = ""
        elif len(self._definition) < _MOST_LINES:
            self._definition.append(line[:_LONGEST].replace("\\\\", "\\"))

    def _read_if(self, name: str, rest: str) -> None:
        """Read what a condition is for, or skip it: text for a terminal is shown, text for a printer is not."""
        if name == "el":
            self._met = not self._met
        elif found := _CONDITION.match(rest):
            self._met, rest = _is_met(found[2]) != bool(found[1]), found[3]
        opened = rest.count("\\{") - rest.count("\\}")
        if not self._met:
            self._skipped = max(0, opened)
        elif self._depth < _DEEPEST:
            self._depth += 1
            self.read(rest.replace("\\{", "").replace("\\}", "").strip())
            self._depth -= 1

    def _read_row(self, line: str) -> None:
        """Read a line of a table: its options, the format of its columns, or a row."""
        if self._is_format:
            self._tab = found[1] if (found := _TAB.search(line)) else self._tab
            self._is_format = not line.endswith(".")
        elif line == ".T&":
            self._is_format = True
        elif line not in ("_", "=") and not line.startswith("."):
            self.words.append(line.replace("T{", "").replace("T}", ""))
            self._open_cells += line.count("T{") - line.count("T}")
            if self._open_cells <= 0:
                row = " ".join(self.words).split(self._tab)
                self.words = ["\t".join(self.escapes.text(cell).strip() for cell in row)]
                self._open_cells = 0
                self.end_paragraph()


def _is_met(condition: str) -> bool:
    """Tell if a condition is met for a terminal: `n`, groff's own number, or two equal texts."""
    if condition.startswith(('"', "'")):
        _, *texts = condition.split(condition[0])
        return texts[:1] == texts[1:2]
    return condition == "n" or condition.startswith(("\\n(.g", "\\n[.g]"))


def arguments(rest: str) -> list[tuple[str, bool]]:
    """Return a macro's arguments, and of each if it is in quotes."""
    return [(plain or quoted.replace('""', '"'), not plain) for quoted, plain in _ARGUMENT.findall(rest)]
