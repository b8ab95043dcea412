"""Find the titles that a book's navigation gives its pages."""

from __future__ import annotations

from collections.abc import Callable

from gemma10m.documents import limits
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import BombError
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.safe_open import UnreadableError

_LONGEST = 2000  # characters of a title


def titles(book: Zip, navigation: list[str], find: Callable[[str, str], str]) -> dict[str, str]:
    """Return the title of each page that the members of `navigation` name; of several the first counts.

    find: return the member that an address means in another member, or raise `UnreadableError`. What is damaged is
    passed over.
    """
    found: dict[str, str] = {}
    for member in navigation:

        def add(href: str, title: str, member: str = member) -> None:
            try:
                path = find(href, member)
            except UnreadableError:
                return
            if path in book.members and title:
                found.setdefault(path, title)

        contents = _Contents(add)
        try:
            parse_xml(member, book.blocks(member), contents.start, contents.end, contents.text)
        except BombError:
            raise
        except UnreadableError:
            continue
    return found


class _Contents:
    """Receive the events of `nav.xhtml` (EPUB 3) or `toc.ncx` (EPUB 2)."""

    def __init__(self, add: Callable[[str, str], None]) -> None:
        self._add = add
        self._depth = self._contents = 0  # open elements; how many there are in the table of contents' own
        self._title: list[str] | None = None  # of the entry that is open
        self._size = 0
        self._href = self._label = ""

    def start(self, tag: str, given: Attributes) -> None:
        self._depth += 1
        if tag == "navMap" or (tag == "nav" and "toc" in given.get("type", "").split()):
            self._contents = self._contents or self._depth
        elif not self._contents:
            return
        elif tag in ("a", "navLabel"):
            self._title, self._size, self._href = [], 0, given.get("href", "")
        elif tag == "navPoint":
            self._label = ""
        elif tag == "content" and self._label:
            self._add(given.get("src", ""), self._label)

    def end(self, tag: str) -> None:
        if self._depth == self._contents:
            self._contents = 0
        self._depth -= 1
        if self._title is not None and tag in ("a", "navLabel"):
            self._label, self._title = " ".join("".join(self._title).split())[: limits.LABEL], None
            if tag == "a" and self._href:
                self._add(self._href, self._label)

    def text(self, text: str) -> None:
        if self._title is not None and self._size < _LONGEST:
            self._title.append(text)
            self._size += len(text)
