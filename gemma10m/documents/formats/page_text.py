"""Return the text of a page of HTML that lies inside another document: a part of a mail, an output of a notebook."""

from __future__ import annotations

from gemma10m.documents.formats.charset import decode_page
from gemma10m.documents.formats.html_text import note_struck, write_page
from gemma10m.documents.formats.page_styles import styles_of
from gemma10m.documents.spool import Spool, TextWriter


def page_text(page: bytes, outer: TextWriter) -> str:
    """Return the page's text, "" if it shows none; `outer` gets the notices. Raises `UnreadableError`.

    The page's headings are no places of the outer document, and its title is not read.
    """
    writer = TextWriter(Spool())
    note_struck(write_page(decode_page(page, writer), writer, "section", "", styles_of(page)), writer)
    content, _, notice = writer.finish()
    if notice:
        outer.note(notice)
    return "" if writer.blank else content.whole("a page").decode()
