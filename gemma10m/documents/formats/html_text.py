"""HTML as text: a line for each block, headings as places."""

from __future__ import annotations

import codecs
import re

from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats import markup
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter
from gemma10m.documents.text import EncodingDetector, decoder

_HEADINGS = {"h1", "h2", "h3"}
_PARAGRAPHS = {
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "pre",
    "blockquote",
    "table",
    "ul",
    "ol",
    "dl",
    "figure",
}
_LINES = set(
    "address article aside body br caption center dd details dialog div dt fieldset figcaption footer form frame head "
    "header hr html legend li main menu nav option section summary tbody textarea tfoot thead tr".split()
)
_CELLS = {"td", "th"}
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([a-zA-Z0-9_.:-]{1,40})""", re.IGNORECASE)
_DECLARED_WITHIN = 1024  # bytes; as in the HTML standard


def write_html(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Raises `UnreadableError` and `DiskError`."""
    write_page(decode_page(content.whole("an HTML page")), writer, "section")
    if writer.blank:
        raise UnreadableError("an HTML page without text")


def decode_page(page: bytes) -> str:
    """By its byte-order mark, else as UTF-8, else as it says itself, else as Windows-1252. Raises `UnreadableError`."""
    detector = EncodingDetector(page)
    detector.feed(page, final=True)
    text = page[len(detector.mark) :]
    if detector.encoding == "cp1252" and (declared := _CHARSET.search(page[:_DECLARED_WITHIN])):
        try:
            if codecs.lookup(declared[1].decode()).name != "iso8859-1":  # which means Windows-1252 on the web
                return str(text, declared[1].decode())
        except (LookupError, ValueError):
            pass
    return decoder(detector.encoding).decode(text, True)


def write_page(text: str, writer: TextWriter, word: str) -> None:
    """`word` stands before a heading in the name of its place. Raises `DiskError`."""
    page = _Page(writer, word)
    for token in markup.tokens(text):
        if token.kind == "text":
            page.text(token.value)
        else:
            page.tag(token.value, starts=token.kind == "start")
    page.end()


class _Page:
    def __init__(self, writer: TextWriter, word: str) -> None:
        self._writer, self._word = writer, word
        self._gap = ""  # white space owed before the next text
        self._begun = False
        self._verbatim = 0  # open <pre>
        self._heading: list[str] | None = None
        self._heading_at = 0

    def text(self, text: str) -> None:
        if self._verbatim:
            self._write(text)
            return
        words = " ".join(text.split())
        if text[:1].isspace():
            self._owe(" ")
        if words:
            self._write(words)
            if text[-1].isspace():
                self._owe(" ")

    def tag(self, name: str, starts: bool) -> None:
        if name in _PARAGRAPHS:
            self._owe("\n\n")
        elif name in _LINES:
            self._owe("\n")
        elif name in _CELLS:
            self._owe("\t")
        if name == "pre":
            self._verbatim = max(0, self._verbatim + (1 if starts else -1))
        if name in _HEADINGS:
            self._end_heading()
            self._heading = [] if starts else None

    def end(self) -> None:
        self._end_heading()
        if self._begun:
            self._writer.write("\n")

    def _owe(self, gap: str) -> None:
        """The largest gap counts: a paragraph, a line, a cell, a space."""
        self._gap = max(self._gap, gap, key=("", " ", "\t", "\n", "\n\n").index)

    def _write(self, text: str) -> None:
        if self._begun:
            self._writer.write(self._gap)
        if self._heading is not None:
            if not self._heading:
                self._heading_at = self._writer.nbytes
            self._heading.append(self._gap if self._heading else "")
            self._heading.append(text)
        self._gap, self._begun = "", True
        self._writer.write(text)

    def _end_heading(self) -> None:
        title = "".join(self._heading or []).strip()
        if title:
            self._writer.place(f"{self._word} {title}", self._heading_at)
        self._heading = None
