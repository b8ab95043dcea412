"""Read manual pages, in man's macros or in BSD's mdoc: each paragraph becomes a line, and headings are places."""

from __future__ import annotations

import re

from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.mdoc_page import MdocPage
from gemma10m.documents.formats.plain_text import whole_text
from gemma10m.documents.formats.troff_escapes import JOINED
from gemma10m.documents.formats.troff_page import TroffPage, arguments
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_TITLE = re.compile(r"^[.'][ \t]*(TH|Dd|Dt)\s", re.MULTILINE)
_CONTINUED = re.compile(r"(?<!\\)((?:\\\\)*)\\\n")
_PARAGRAPHS = set("PP P LP HP IP TP TQ sp RS RE br SY YS Sp ti bp".split())
_FONTS = set("B I SM SB R CW".split())  # their words are apart
_MIXED = set("BR RB BI IB IR RI".split())  # theirs are not
_AS_IT_IS, _FILLED = {"nf", "EX", "Vb"}, {"fi", "EE", "Ve"}
_NOT_SHOWN = set("IX PD AT UC DT TA TE T& . LINKSTYLE".split())


def write_manual(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a manual page. Raises `UnreadableError` and `DiskError`."""
    text = whole_text(content, "a manual page", writer).replace(JOINED, "")
    title = _TITLE.search(text)
    page = MdocPage(writer) if title and title[1] != "TH" else ManPage(writer)
    for line in _CONTINUED.sub(r"\1", text).split("\n"):  # a backslash continues a line
        page.read(line.rstrip())
    page.end()
    if writer.blank:
        raise UnreadableError("a manual page without text")


class ManPage(TroffPage):
    """Read man's macros, man(7)."""

    _tag_follows = False
    _heading_follows = False
    _link = ""

    def add(self, text: str) -> None:
        if not text and self.is_filled:
            return
        if self._heading_follows:
            self._head([text.strip('"')])
        elif self._tag_follows:
            super().add(text)
            self._tag_follows = self.continues
            self.words += [] if self._tag_follows else [""]
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
        elif text := self._words_of(name, given):
            self._say(text)

    def _words_of(self, name: str, given: list[str]) -> str:
        """Return what a macro makes of its own words."""
        if name in _MIXED:
            return "".join(given)
        if name in ("UR", "MT"):  # the link's text follows
            self._link = "".join(given[:1])
            return ""
        if name in ("UE", "ME"):
            return f"<{self._link}>{''.join(given[:1])}"
        if name == "OP":
            return f"[{' '.join(given)}]"
        return " ".join(given) if name in _FONTS or not name.islower() else ""  # of a macro that is not known, too

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
