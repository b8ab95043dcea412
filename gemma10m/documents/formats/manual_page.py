"""Read manual pages in man's macros: each paragraph becomes a line, and headings are places."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.plain_text import whole_text
from gemma10m.documents.formats.troff_escapes import TroffEscapes
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_REQUEST = re.compile(r"[.'][ \t]*([^\s\\]{1,20})(.*)")
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\.|[^\s\\]|\\$)+)')
_CONDITION = re.compile(r"\s*(!?)\s*(\\n\[[^\]]*\]|\\n\(..|[^\s\\]*)\s*(.*)")
_TAB = re.compile(r"\btab\s*\((.)\)")
_PARAGRAPHS = set("PP P LP HP IP TP TQ sp RS RE br SY YS Sp ti bp".split())
_FONTS = set("B I SM SB R CW".split())  # their words are apart
_MIXED = set("BR RB BI IB IR RI".split())  # theirs are not
_AS_IT_IS, _FILLED = {"nf", "EX", "Vb"}, {"fi", "EE", "Ve"}
_NOT_SHOWN = set("IX PD AT UC DT TA TE T& UE ME ..".split())
_DEEPEST = 8
_ENDS = {"ig": "..", "de": "..", "de1": "..", "am": "..", "EQ": ".EN"}  # of what is not shown


def write_manual(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a manual page. Raises `UnreadableError` and `DiskError`."""
    page = _ManualPage(writer)
    for line in _lines(whole_text(content, "a manual page", writer)):
        page.read(line)
    page.end_paragraph()
    if writer.blank:
        raise UnreadableError("a manual page without text")


def _lines(text: str) -> Iterator[str]:
    """Yield lines, with those joined that a backslash continues."""
    for line in text.replace("\\\n", "").split("\n"):
        yield line.rstrip()


class _ManualPage:
    def __init__(self, writer: TextWriter) -> None:
        self._writer = writer
        self._escapes = TroffEscapes()
        self._words: list[str] = []  # of the open paragraph
        self._until = ""  # the request that ends what is not shown
        self._skipped = 0  # open blocks of a condition that is not met
        self._met = True  # the last condition
        self._is_filled = True
        self._tag_follows = False
        self._heading_follows = False
        self._tab = ""  # between the cells of the open table
        self._is_format = False  # the table's rows have not begun
        self._open_cells = 0  # of several lines
        self._depth = 0  # conditions in conditions

    def read(self, line: str) -> None:
        """Read the next line."""
        if self._until:
            self._until = "" if line.startswith(self._until) else self._until
        elif self._skipped:
            self._skipped = max(0, self._skipped + line.count("\\{") - line.count("\\}"))
        elif self._tab and not line.startswith(".TE"):
            self._read_row(line)
        elif line.startswith((".", "'")):
            if found := _REQUEST.match(line):
                self._request(found[1], found[2].strip())
        elif line.strip() or not self._is_filled:
            self._add(line)
        else:
            self.end_paragraph()

    def end_paragraph(self) -> None:
        """Write the open paragraph."""
        text = " ".join(self._words).strip(" ")
        self._words.clear()
        if text:
            self._writer.write(text + "\n")

    def _add(self, text: str) -> None:
        if not (text := self._escapes.text(text)) and self._is_filled:
            return
        if self._heading_follows:
            self._head([text.strip('"')])
        elif self._tag_follows:
            self._tag_follows = False
            self._words += [text, ""]
        elif self._is_filled:
            if text.startswith((" ", "\t")):
                self.end_paragraph()
            self._words.append(text.strip())
        else:
            self._writer.write(text + "\n")

    def _request(self, name: str, rest: str) -> None:
        if name in ("if", "ie", "el"):
            self._read_if(name, rest)
        elif name in _ENDS:
            self._until = f".{rest.split()[1]}" if name != "ig" and len(rest.split()) > 1 else _ENDS[name]
        elif name == "ds":
            self._escapes.define(rest)
        elif name == "TS":
            self.end_paragraph()
            self._tab, self._is_format = "\t", True
        elif name == "TE":
            self._tab = ""
        elif name not in _NOT_SHOWN:
            self._macro(name, [quoted.replace('""', '"') or plain for quoted, plain in _ARGUMENT.findall(rest)])

    def _macro(self, name: str, given: list[str]) -> None:
        if name == "TH" and given:
            self._add(f"{given[0]}({given[1]})" if len(given) > 1 else given[0])
            self.end_paragraph()
        elif name in ("SH", "SS"):
            self._is_filled = True
            self._head([self._escapes.text(each) for each in given])
        elif name in _PARAGRAPHS:
            self._begin_paragraph(name, given)
        elif name in _AS_IT_IS or name in _FILLED:
            self.end_paragraph()
            self._is_filled = name in _FILLED
        elif name in _MIXED:
            self._add("".join(given))
        elif name == "OP":
            self._add(f"[{' '.join(given)}]")
        elif (name in _FONTS or not name.islower()) and given:  # a macro of its own is shown by its words
            self._add(" ".join(given))

    def _begin_paragraph(self, name: str, given: list[str]) -> None:
        self.end_paragraph()
        self._tag_follows = name in ("TP", "TQ")
        if given and name in ("IP", "SY"):
            self._words += [self._escapes.text(given[0]), ""]

    def _head(self, words: list[str]) -> None:
        """Write a heading, whose words may be on the next line."""
        self.end_paragraph()
        self._tag_follows = False
        self._heading_follows = not words
        if title := " ".join(" ".join(words).split()):
            self._writer.write("" if self._writer.blank else "\n")
            self._writer.place(f"section {title[: limits.LABEL]}")
            self._writer.write(title + "\n")

    def _read_if(self, name: str, rest: str) -> None:
        """Read what a condition is for, or skip it: text for a terminal is shown, text for a printer is not."""
        if name == "el":
            self._met = not self._met
        elif found := _CONDITION.match(rest):
            is_met = found[2] == "n" or found[2].startswith(("\\n(.g", "\\n[.g]"))
            self._met, rest = is_met != bool(found[1]), found[3]
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
            self._words.append(line.replace("T{", "").replace("T}", ""))
            self._open_cells += line.count("T{") - line.count("T}")
            if self._open_cells <= 0:
                row = " ".join(self._words).split(self._tab)
                self._words = ["\t".join(self._escapes.text(cell).strip() for cell in row)]
                self._open_cells = 0
                self.end_paragraph()
