"""Read manual pages, in man's macros or in BSD's mdoc: each paragraph becomes a line, and headings are places."""

from __future__ import annotations

import re

from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.mdoc_page import MdocPage
from gemma10m.documents.formats.plain_text import whole_text
from gemma10m.documents.formats.troff_page import TroffPage, arguments
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_TITLE = re.compile(r"^\.(TH|Dd|Dt)\s", re.MULTILINE)
_PARAGRAPHS = set("PP P LP HP IP TP TQ sp RS RE br SY YS Sp ti bp".split())
_FONTS = set("B I SM SB R CW".split())  # their words are apart
_MIXED = set("BR RB BI IB IR RI".split())  # theirs are not
_AS_IT_IS, _FILLED = {"nf", "EX", "Vb"}, {"fi", "EE", "Ve"}
_NOT_SHOWN = set("IX PD AT UC DT TA TE T& UE ME ..".split())


def write_manual(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a manual page. Raises `UnreadableError` and `DiskError`."""
    text = whole_text(content, "a manual page", writer)
    title = _TITLE.search(text)
    page = MdocPage(writer) if title and title[1] != "TH" else ManPage(writer)
    for line in text.replace("\\\n", "").split("\n"):  # a backslash continues a line
        page.read(line.rstrip())
    page.end_paragraph()
    if writer.blank:
        raise UnreadableError("a manual page without text")


class ManPage(TroffPage):
    """Read man's macros, man(7)."""

    _tag_follows = False
    _heading_follows = False

    def add(self, text: str) -> None:
        if not text and self.is_filled:
            return
        if self._heading_follows:
            self._head([text.strip('"')])
        elif self._tag_follows:
            self._tag_follows = False
            self.words += [text, ""]
        else:
            super().add(text)

    def macro(self, name: str, rest: str) -> None:
        if name in _NOT_SHOWN:
            return
        given = [text for text, _ in arguments(rest)]
        if name == "TH" and given:
            self._say(f"{given[0]}({given[1]})" if len(given) > 1 else given[0])
            self.end_paragraph()
        elif name in ("SH", "SS"):
            self.is_filled = True
            self._head([self.escapes.text(each) for each in given])
        elif name in _PARAGRAPHS:
            self._begin_paragraph(name, given)
        elif name in _AS_IT_IS or name in _FILLED:
            self.end_paragraph()
            self.is_filled = name in _FILLED
        elif name in _MIXED:
            self._say("".join(given))
        elif name == "OP":
            self._say(f"[{' '.join(given)}]")
        elif (name in _FONTS or name in self.defined or not name.islower()) and given:  # shown by its words
            self._say(" ".join(given))

    def _say(self, text: str) -> None:
        self.add(self.escapes.text(text))

    def _begin_paragraph(self, name: str, given: list[str]) -> None:
        self.end_paragraph()
        self._tag_follows = name in ("TP", "TQ")
        if given and name in ("IP", "SY"):
            self.words += [self.escapes.text(given[0]), ""]

    def _head(self, words: list[str]) -> None:
        """Write a heading, whose words may be on the next line."""
        self._tag_follows = False
        self._heading_follows = not words
        self.head(" ".join(words))
