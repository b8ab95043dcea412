"""Read an HTML page: find its encoding and its title, and let libxml2 parse it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from lxml import etree

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.counts import counted
from gemma10m.documents.formats.charset import decode_page
from gemma10m.documents.formats.html_page import PageText
from gemma10m.documents.formats.page_styles import PageStyles, styles_of
from gemma10m.documents.formats.page_titles import has_heading, title_of
from gemma10m.documents.formats.xhtml import html_parts
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter


def write_html(content: Content, writer: TextWriter, budget: Budget, is_xml: bool = False) -> None:
    """Write the text of an HTML page. Raises `UnreadableError` and `DiskError`.

    is_xml: its encoding is that of XML.
    """
    page = content.whole("an HTML page")
    blocks = decode_page(page, writer, is_xml)
    head = next(blocks, "")
    title = "" if has_heading(page) else title_of(head)
    note_struck(write_page(chain([head], blocks), writer, "section", title, styles_of(page)), writer)
    if writer.blank:
        raise UnreadableError("an HTML page without text")


def write_xhtml(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a page of XHTML. Raises `UnreadableError` and `DiskError`."""
    write_html(content, writer, budget, is_xml=True)


def write_page(
    blocks: Iterable[str], writer: TextWriter, word: str, title: str, styles: PageStyles | None = None
) -> int:
    """Write the page's text, and return how many characters of struck text were left out. Raises `DiskError`.

    word: precedes a heading in the name of its place.
    title: goes before the text, if there is any, unless it begins with the same words.
    """
    page, parser = PageText(writer, word, title, styles), None
    for part in html_parts(blocks):
        # libxml2 looks for a tag's end among all open elements: a page that opens too many is read on by a new parser.
        if parser and page.depth >= limits.DEEPEST:
            parser.close()
            parser = None
        parser = parser or etree.HTMLParser(target=page, huge_tree=True, encoding="utf-8")
        parser.feed(part)
        page.shorten()
    if parser:
        parser.close()
    page.finish()
    struck = page.struck
    vars(page).clear()  # lxml's parser and its target hold each other: what was written must not wait for the collector
    return struck


def note_struck(characters: int, writer: TextWriter) -> None:
    """Note how much was left out, as for the deletions of other formats."""
    if characters:
        writer.note(f"{counted(characters, 'character', ' of struck text')} not read")
