"""Read EPUB: a zip file of pages in XHTML, and the order they are read in.

A page without a heading has the title that the table of contents gives it; where there is no such table, its own title.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Callable, Iterator
from itertools import chain, islice
from urllib.parse import unquote

from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import BombError
from gemma10m.documents.counts import counted
from gemma10m.documents.formats.charset import decode_page
from gemma10m.documents.formats.epub_package import CONTAINER, PAGE_NAMES, Item, Package
from gemma10m.documents.formats.epub_titles import titles
from gemma10m.documents.formats.html_text import note_struck, write_page
from gemma10m.documents.formats.page_styles import LARGEST_SHEETS, PageStyles, styles_of
from gemma10m.documents.formats.page_titles import has_heading, title_of
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_ENCRYPTION = "META-INF/encryption.xml"
_NAVIGATION = 4  # tables of contents that are read
_SHEETS = 16  # that are kept
_NAMED = 5  # chapters that are missing


def write_epub(book: Zip, writer: TextWriter) -> None:
    """Write the pages in their order and then those that the order leaves out, each a place; note what cannot be read.

    Raises `UnreadableError`, where none can be read, and `DiskError`.
    """
    files = _Files(book)
    missing: list[str] = []
    struck = outside = 0
    pages, last = files.pages()
    for number, item in enumerate(chain(pages, last), start=1):
        try:
            title, page, styles = files.page(item, writer)
        except BombError:
            raise
        except UnreadableError as error:
            missing.append(str(error))
            continue
        writer.write("" if writer.blank else "\n")
        writer.place(f"part {number}")
        before = writer.nbytes
        struck += write_page(page, writer, "chapter", title, styles)
        outside += number > len(pages) and writer.nbytes > before
    if writer.blank:
        raise UnreadableError(next(chain(files.damage, missing), "a book without text"))
    for damage in files.damage if files.is_ordered else [*files.damage, "its chapters may be out of order"]:
        writer.note(damage)
    if outside and files.is_ordered:
        writer.note(f"pages outside the book's reading order are read last: {outside:,}")
    for why in missing[:_NAMED]:
        writer.note(f"a chapter is missing: {why}")
    if len(missing) > _NAMED:
        writer.note(f"{counted(len(missing) - _NAMED, 'more chapter')} missing")
    note_struck(struck, writer)


class _Files:
    """Find the members of a book under the names that its list gives them."""

    def __init__(self, book: Zip) -> None:
        """Read the list of files, as far as it is whole; where it is not, `damage` says why."""
        self.book = book
        self.damage: list[str] = []
        self._folded = {_fold(name): name for name in book.members}
        self._member = ""  # the list of files; addresses before it is known count from the top
        encrypted, _ = self._attributes(_ENCRYPTION, "CipherReference", "URI")
        self._encrypted = {self._path(uri) for uri in encrypted}
        self._member = self._package_member()
        self._package = Package()
        why = self._parse("list of chapters", self._member, self._package.start) if self._member else ""
        if self._member and not self._package.has_order:
            why = why or "damaged: its list of chapters is empty"
        self.damage += filter(None, [why])
        self.is_ordered = bool(self._member) and not why
        self._titles = self._titles_of_pages()
        self._shown = {""}  # pages' own titles
        self._sheets: dict[str, bytes] = {}  # of styles, that have been read

    def pages(self) -> tuple[list[Item | str], list[Item | str]]:
        """Return the pages in the order of the book, and those that are read after them."""
        package = self._package
        pages, last = package.ordered(main=True), package.ordered(main=False)
        read = {self._path(item.href) for item in chain(pages, last) if isinstance(item, Item)}
        read |= {self._path(href) for href in package.navigation}
        stored = [Item(f"/{name}") for name in self.book.members if name.lower().endswith(PAGE_NAMES)]
        for item in package.others() + ([] if self.is_ordered else stored):
            path = self._path(item.href)
            if path in self.book.members and path not in read:
                read.add(path)
                last.append(item)
        return pages, last

    def page(self, item: Item | str, writer: TextWriter) -> tuple[str, Iterator[str], PageStyles | None]:
        """Return a page's title where it has no heading, its text in blocks, and its styles.

        Raises `UnreadableError`.
        """
        if isinstance(item, str):
            raise UnreadableError(f"its list of files has no {printable(item[:80])}")
        path = self._find(item.href)
        shown = printable(path[:80])
        if path not in self.book.members:
            raise UnreadableError(f"the book has no file {shown}")
        if path in self._encrypted:
            raise UnreadableError(f"its {shown} is encrypted (DRM)")
        if not item.may_be_page:
            raise UnreadableError(f"its {shown} is no page")
        try:
            page = self.book.whole(path)
            blocks = decode_page(page, writer, is_xml=True)
        except BombError:
            raise
        except UnreadableError as error:
            raise UnreadableError(str(error) if shown in str(error) else f"its {shown} is {error}") from error
        head = next(blocks, "")
        title = "" if has_heading(page) else self._title(path, head)
        return title, chain([head], blocks), styles_of(page, lambda href: self._sheet(href, path))

    def _sheet(self, href: str, page: str) -> bytes:
        """Return a style sheet that a page names, up to what is more than all may have; none of another place."""
        path = self._path(href, page)
        if path in self._sheets:
            return self._sheets[path]
        sheet = bytearray()
        try:
            for block in self.book.blocks(path) if path in self.book.members and path not in self._encrypted else ():
                sheet += block
                if len(sheet) > LARGEST_SHEETS:
                    break
        except BombError:
            raise
        except UnreadableError:
            sheet.clear()
        if len(self._sheets) < _SHEETS:
            self._sheets[path] = bytes(sheet)
        return bytes(sheet)

    def _title(self, path: str, head: str) -> str:
        if self._titles:
            return self._titles.get(path, "")
        title, name = title_of(head), posixpath.basename(path)  # the title may be the book's, on each page
        is_new = title not in (name, name.rpartition(".")[0]) and title not in self._shown
        self._shown.add(title)
        return title if is_new else ""

    def _titles_of_pages(self) -> dict[str, str]:
        navigation = [self._path(href) for href in islice(self._package.navigation, _NAVIGATION)]
        return titles(self.book, list(filter(None, navigation)), self._find)

    def _package_member(self) -> str:
        """Return the list of files that the book names, or the first that it has, or ""."""
        packages, why = self._attributes(CONTAINER, "rootfile", "full-path")
        if not packages:
            self.damage.append(why or f"damaged: its {CONTAINER} names no book")
        for href in packages[:1]:
            try:
                if (path := self._find(href)) in self.book.members:
                    return path
                self.damage.append(f"damaged: the book has no file {printable(path[:80])}")
            except UnreadableError as error:
                self.damage.append(str(error))
        return next((name for name in self.book.members if name.lower().endswith(".opf")), "")

    def _attributes(self, member: str, tag: str, attribute: str) -> tuple[list[str], str]:
        """Return the attribute's values in a member, as far as it is whole, and what is wrong with it."""
        found: list[str] = []

        def start(name: str, given: Attributes) -> None:
            if name == tag and attribute in given:
                found.append(given[attribute])

        return found, self._parse(member, member, start)

    def _parse(self, name: str, member: str, start: Callable[[str, Attributes], object]) -> str:
        """Read a member as far as it is whole; return what is wrong with it, or ""."""
        try:
            parse_xml(name, self.book.blocks(member), start)
        except BombError:
            raise
        except UnreadableError as error:
            return str(error)
        return ""

    def _path(self, href: str, member: str = "") -> str:
        """Return what a member, or the list of files, means by an address; "" where it leads out of the book."""
        try:
            return self._find(href, member)
        except UnreadableError:
            return ""

    def _find(self, href: str, member: str = "") -> str:
        """Find what a member, or the list of files, means by an address: a name, in any case. Raises `UnreadableError`.

        The name is looked for as it is, then without escapes and fragment.
        """
        href = href.strip()
        folder = posixpath.dirname(member or self._member)
        for name in (href, unquote(href), unquote(href.partition("#")[0])):
            path = posixpath.normpath(posixpath.join(folder, name.replace("\\", "/"))).lstrip("/")
            if path in self.book.members:
                return path
        if found := self._folded.get(_fold(path)):
            return found
        if path.startswith("../") or path == ".." or href.startswith("/"):
            raise UnreadableError(f"{printable(href[:80])} would lie outside of the book")
        return path


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unquote(name)).casefold()
