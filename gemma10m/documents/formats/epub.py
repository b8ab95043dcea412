"""EPUB: a zip file of pages in XHTML, and the order they are read in."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.formats.html_text import decode_page, write_page
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"


def write_epub(book: Zip, writer: TextWriter) -> None:
    """The pages of the spine, each a place. Raises `UnreadableError` and `DiskError`."""
    pages = _pages(book)
    if protected := _encrypted(book).intersection(pages):
        raise UnreadableError(f"its {printable(min(protected))} is encrypted (DRM)")
    for number, page in enumerate(pages, start=1):
        if number > 1:
            writer.write("\n")
        writer.place(f"part {number}")
        write_page(decode_page(book.whole(page)), writer, "chapter")
    if writer.blank:
        raise UnreadableError("a book without text")


def _pages(book: Zip) -> list[str]:
    package = _package(book)
    items: dict[str, str] = {}
    spine: list[str] = []

    def start(tag: str, given: Attributes) -> None:
        if tag == "item" and "id" in given and "href" in given:
            items[given["id"]] = given["href"]
        elif tag == "itemref" and "idref" in given:
            spine.append(given["idref"])

    parse_xml("list of chapters", book.blocks(package), start)
    unique = dict.fromkeys(spine)
    if not unique or not items.keys() >= unique.keys():
        raise UnreadableError("damaged: its list of chapters names none, or one that it does not hold")
    return [_inside(posixpath.join(posixpath.dirname(package), unquote(items[each]))) for each in unique]


def _package(book: Zip) -> str:
    found: list[str] = []

    def start(tag: str, given: Attributes) -> None:
        if tag == "rootfile" and "full-path" in given:
            found.append(given["full-path"])

    parse_xml(CONTAINER, book.blocks(CONTAINER), start)
    if not found:
        raise UnreadableError(f"damaged: its {CONTAINER} names no book")
    return _inside(found[0])


def _inside(path: str) -> str:
    normal = posixpath.normpath(path)
    if normal.startswith(("/", "../")) or normal == "..":
        raise UnreadableError(f"its chapter {printable(path[:80])} would lie outside of it")
    return normal


def _encrypted(book: Zip) -> set[str]:
    """Fonts often are, to no one's harm."""
    found: set[str] = set()
    if _ENCRYPTION in book.members:
        parse_xml(
            _ENCRYPTION,
            book.blocks(_ENCRYPTION),
            lambda tag, given: found.add(unquote(given.get("URI", ""))) if tag == "CipherReference" else None,
        )
    return found
