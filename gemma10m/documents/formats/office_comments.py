"""Read the comments of a sheet or a slide, and the names of those who wrote them."""

from __future__ import annotations

from collections.abc import Collection

from gemma10m.documents import limits
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.formats.sheet_rows import CellText
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver, parse_xml
from gemma10m.documents.safe_open import UnreadableError

_COMMENTS = ("comment", "threadedComment", "cm", "reply")  # of sheets, of slides, and of slides since 2021
_AUTHORS = ("cmAuthor", "author", "person")
_MOST_AUTHORS = 10_000
_THREADED, _BEFORE = "tc=", "Comment:"  # a copy for older programs, which says so in a paragraph before the comment


class OfficeComments(XmlReceiver):
    """Receive a part of comments or of their authors; hold each comment as a line.

    threads: the cells whose threads of comments have been read; their copies for older programs are not.
    """

    def __init__(self, threads: Collection[str] = ()) -> None:
        self.lines: list[str] = []
        self.authors: dict[str, str] = {}  # by their ids, which are their places in a list where they have none
        self.cells: set[str] = set()  # that have comments
        self._threads = threads
        self._open: list[tuple[int, str, str, CellText]] = []  # the line's place, author, cell reference, and text
        self._author: CellText | None = None
        self._is_text = False
        self._size = 0  # characters of all comments

    def start(self, tag: str, given: Attributes) -> None:
        self._is_text = tag in ("t", "text")
        if tag in _COMMENTS:
            author = given.get("authorId") or given.get("personId", "")
            self._open.append((len(self.lines), author, given.get("ref", ""), CellText()))
        elif tag in _AUTHORS and len(self.authors) < _MOST_AUTHORS:
            self._author = CellText()
            self.authors[given.get("id", str(len(self.authors)))] = given.get("name") or given.get("displayName", "")
        elif tag == "p" and self._open:
            self._open[-1][-1].add(" ")

    def text(self, text: str) -> None:
        if self._open and self._is_text:
            self._open[-1][-1].add(text)
        elif self._author:
            self._author.add(text)

    def end(self, tag: str) -> None:
        if tag == "author" and self._author:
            name = self._author.take()
            self._author = None
            self.authors.update({key: name for key in list(self.authors)[-1:] if name})
        elif tag in _COMMENTS and self._open:
            at, author, place, cell = self._open.pop()
            self._add(at, self.authors.get(author, ""), place, cell.take())
        self._is_text = False

    def _add(self, at: int, author: str, place: str, text: str) -> None:
        if author.startswith(_THREADED):
            if place in self._threads:
                return
            author, text = "", text.partition(_BEFORE)[2].strip() or text
        self._size += len(text)
        if self._size > limits.LARGEST_WHOLE:
            raise UnreadableError(f"comments of more than {limits.LARGEST_WHOLE >> 20} MiB")
        if text:
            self.cells.add(place)
            of = f" on {place}" if place else ""
            self.lines.insert(at, f"[comment by {' '.join(author.split()) or 'somebody'}{of}] {text}")


def read_comments(document: Zip, name: str, comments: OfficeComments) -> None:
    """Read a part of comments, or of authors. Raises `UnreadableError` for damage; what is before it is kept."""
    parse_xml(name, document.blocks(name), comments.start, comments.end, comments.text)
