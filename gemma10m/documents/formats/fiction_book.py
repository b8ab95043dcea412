"""Read FictionBook (FB2): author, title and annotation, paragraphs, verses and tables of a book in one file of XML."""

from __future__ import annotations

from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.raised import LOWERED, RAISED, Scripts
from gemma10m.documents.formats.xml_events import Attributes, parse_to_damage
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_LINES = {"p", "v", "subtitle", "text-author", "date", "tr", "book-title", "author"}
_NAMES = {"first-name", "middle-name", "last-name", "nickname"}  # of an author
_CELLS = {"td", "th"}
_UNREAD = {
    *("stylesheet", "binary", "src-title-info", "document-info", "publish-info", "custom-info", "output"),
    *("genre", "keywords", "coverpage", "lang", "src-lang", "translator", "sequence", "home-page", "email", "id"),
}
_SCRIPTS = {"sup": RAISED, "sub": LOWERED}


def write_fiction_book(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a book. Raises `UnreadableError` and `DiskError`."""
    book = _Book(writer)
    parse_to_damage(content.blocks(), book.start, book.end, book.text, lambda: writer.blank, writer.note)
    if writer.blank:
        raise UnreadableError("a FictionBook without text")


class _Book:
    def __init__(self, writer: TextWriter) -> None:
        self._writer = writer
        self._unread = 0  # elements that are open from the one on that is not read
        self._open = False  # a line is
        self._line: list[str] = []
        self._cells = 0  # of the line, which have begun
        self._script, self._scripts = "", Scripts()
        self._title: list[str] | None = None  # the lines of the one that is open
        self._title_at = 0
        self._about = self._poems = 0  # elements that are open: of what is told of the book, and poems

    def start(self, tag: str, given: Attributes) -> None:
        if self._unread or tag in _UNREAD:
            self._unread += 1
        elif tag == "title-info":
            self._about += 1
        elif tag == "poem":
            self._poems += 1
        elif tag == "date" and self._about:
            self._unread = 1
        elif tag in _NAMES:
            self._line.append(" ")
        elif tag == "title":
            self._title, self._title_at = [], self._writer.nbytes
        elif tag in _LINES:
            self._open = True
        elif tag in _CELLS:
            self._line.append(self._scripts.end() + "\t" * (self._cells > 0))
            self._scripts.begin()
            self._cells += 1
        elif tag in _SCRIPTS or given.get("type") == "note":
            self._script = _SCRIPTS.get(tag, RAISED)

    def end(self, tag: str) -> None:
        if self._unread:
            self._unread -= 1
        elif tag == "title-info":
            self._about -= 1
        elif tag == "poem":
            self._poems -= 1
        elif tag in _LINES and self._open:
            self._end_line()
        elif tag == "title" and self._title is not None:
            if (title := " ".join(self._title)) and not self._poems:  # what follows a poem is no part of it
                self._writer.place(f"section {title}", self._title_at)
            self._title = None
        elif tag in _SCRIPTS or tag == "a":
            self._script = ""

    def text(self, text: str) -> None:
        if self._open and not self._unread:
            self._line.append(self._scripts.write(text.replace("\n", " ").replace("\t", " "), self._script))

    def _end_line(self) -> None:
        cells = "".join([*self._line, self._scripts.end()]).split("\t")
        line = "\t".join(" ".join(cell.split()) for cell in cells)
        self._writer.write(line + "\n")
        if self._title is not None:
            self._title.append(line)
        self._scripts.begin()
        self._line, self._cells, self._open = [], 0, False
