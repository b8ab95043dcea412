"""EPUB: a zip file of pages in XHTML, and the order they are read in.

A page without a heading has the title that the table of contents gives it.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple
from urllib.parse import unquote

from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import BombError
from gemma10m.documents.formats.charset import decode_page
from gemma10m.documents.formats.epub_titles import first_words, has_heading, titles, words
from gemma10m.documents.formats.html_text import write_page
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_NCX = "application/x-dtbncx+xml"
_NO_PAGES = ("image/", "audio/", "video/", "font/", "text/css", "application/x-dtbncx", "application/javascript")
_FALLBACKS = 8  # of one item, one behind the other
_NAVIGATION = 4  # tables of contents that are read
_NAMED = 5  # parts that are missing


class _Item(NamedTuple):
    href: str
    kind: str
    fallback: str  # the id of the item that is read where this one is no page
    properties: str

    @property
    def is_page(self) -> bool:
        return self.kind == "image/svg+xml" or not self.kind.startswith(_NO_PAGES)


class _Package(NamedTuple):
    items: dict[str, _Item]  # by their ids
    spine: dict[str, None]  # ids, in the order they are read

    @property
    def navigation(self) -> list[str]:
        """Return where the tables of contents are, the one of EPUB 3 first."""
        items = self.items.values()
        return [each.href for each in items if "nav" in each.properties.split()] + [
            each.href for each in items if each.kind == _NCX
        ]


def write_epub(book: Zip, writer: TextWriter) -> None:
    """Write the pages of the spine, each a place, and note those that cannot be read.

    Raises `UnreadableError`, where none can be read, and `DiskError`.
    """
    files = _Files(book)
    package = _package(files)
    titles = files.titles(package)
    missing: list[str] = []
    for number, item in enumerate(_pages(package), start=1):
        try:
            title, page = files.page(item, titles, writer)
        except BombError:
            raise
        except UnreadableError as error:
            missing.append(str(error))
            continue
        writer.write("" if writer.blank else "\n")
        writer.place(f"part {number}")
        _write_chapter(title, page, writer)
    if writer.blank:
        raise UnreadableError(missing[0] if missing else "a book without text")
    for why in missing[:_NAMED]:
        writer.note(f"a part is missing: {why}")
    if len(missing) > _NAMED:
        writer.note(f"{len(missing) - _NAMED:,} more parts are missing")


def _write_chapter(title: str, page: Iterator[str], writer: TextWriter) -> None:
    """Write a page. Its title, if any, goes before it, unless the page begins with the same words."""
    head = next(page, "")
    if title and (begins := first_words(head, len(words(title)) or 1)):
        writer.place(f"chapter {title}")
        writer.write("" if begins == words(title) else f"{title}\n\n")
    write_page(chain([head], page), writer, "chapter")


def _package(files: _Files) -> _Package:
    package = _Package({}, {})

    def start(tag: str, given: Attributes) -> None:
        if tag == "item" and "id" in given and "href" in given:
            kind = given.get("media-type", "").strip().lower()
            fallback, properties = given.get("fallback", "").strip(), given.get("properties", "")
            package.items[given["id"].strip()] = _Item(given["href"].strip(), kind, fallback, properties)
        elif tag == "itemref" and "idref" in given:
            package.spine[given["idref"].strip()] = None

    parse_xml("list of chapters", files.book.blocks(files.package), start)
    if not package.spine:
        raise UnreadableError("damaged: its list of chapters names none")
    return package


def _pages(package: _Package) -> Iterator[_Item | str]:
    """Yield the pages in order, and the id itself where the book has no file for it."""
    items = package.items
    for name in package.spine:
        item = items.get(name)
        for _ in range(_FALLBACKS):
            if item and not item.is_page:
                item = items.get(item.fallback)
        if item and item.is_page:
            yield item
        elif name not in items:
            yield name


class _Files:
    """The members of a book, under the names that its list gives them."""

    def __init__(self, book: Zip) -> None:
        """Read the list of files. Raises `UnreadableError`."""
        self.book = book
        self.package = ""
        self._folded = {_fold(name): name for name in book.members}
        self._encrypted = {self._find(uri) for uri in _attributes(book, _ENCRYPTION, "CipherReference", "URI")}
        packages = _attributes(book, CONTAINER, "rootfile", "full-path")
        if not packages:
            raise UnreadableError(f"damaged: its {CONTAINER} names no book")
        self.package = self._find(packages[0])

    def titles(self, package: _Package) -> dict[str, str]:
        """Return the titles of pages by their members."""
        navigation = []
        for href in islice(package.navigation, _NAVIGATION):
            try:
                navigation.append(self._find(href))
            except UnreadableError:
                continue
        return titles(self.book, navigation, self._find)

    def page(self, item: _Item | str, titles: dict[str, str], writer: TextWriter) -> tuple[str, Iterator[str]]:
        """Return a page's title where it has no heading, and its text in blocks. Raises `UnreadableError`."""
        if isinstance(item, str):
            raise UnreadableError(f"damaged: its list of files has no {printable(item[:80])}")
        path = self._find(item.href)
        if path in self._encrypted:
            raise UnreadableError(f"its {printable(path[:80])} is encrypted (DRM)")
        try:
            page = self.book.whole(path)
            title = titles.get(path, "")
            return "" if title and has_heading(page) else title, decode_page(page, writer)
        except BombError:
            raise
        except UnreadableError as error:
            shown = printable(path[:80])
            raise UnreadableError(str(error) if shown in str(error) else f"its {shown} is {error}") from error

    def _find(self, href: str, member: str = "") -> str:
        """Find what a member, the package if none, means by an address: a name, in any case. Raises `UnreadableError`.

        The name is looked for as it is, then without escapes and fragment.
        """
        href = href.strip()
        folder = posixpath.dirname(member or self.package)
        for name in (href, unquote(href), unquote(href.partition("#")[0])):
            path = posixpath.normpath(posixpath.join(folder, name.replace("\\", "/"))).lstrip("/")
            if path in self.book.members:
                return path
        if found := self._folded.get(_fold(path)):
            return found
        if path.startswith("../") or path == ".." or href.startswith("/"):
            raise UnreadableError(f"its chapter {printable(href[:80])} would lie outside of it")
        return path


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unquote(name)).casefold()


def _attributes(book: Zip, member: str, tag: str, attribute: str) -> list[str]:
    """Return the attribute's values in a member, if the book has it. Fonts are often encrypted, which does no harm."""
    found: list[str] = []

    def start(name: str, given: Attributes) -> None:
        if name == tag and attribute in given:
            found.append(given[attribute])

    if member in book.members or member == CONTAINER:
        parse_xml(member, book.blocks(member), start)
    return found
