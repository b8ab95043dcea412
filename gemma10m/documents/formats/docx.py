"""Read DOCX: a zip file of parts in XML. A damaged part leaves the others.

Notes and comments follow the text, marked, and the numbers that Word computes are put before their paragraphs. Headers
and footers are not read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from functools import partial

from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import BombError, Budget
from gemma10m.documents.content import Content
from gemma10m.documents.counts import counted
from gemma10m.documents.detect import kind_of
from gemma10m.documents.formats.docx_numbers import Numbers
from gemma10m.documents.formats.docx_styles import Styles
from gemma10m.documents.formats.docx_text import PartText
from gemma10m.documents.formats.drawn_parts import DrawnParts
from gemma10m.documents.formats.html_text import write_html, write_xhtml
from gemma10m.documents.formats.lines import Kept
from gemma10m.documents.formats.mail import write_mail
from gemma10m.documents.formats.office_package import (
    SUBDOCUMENT,
    OfficePackage,
    OfficePart,
    main_part,
    read_guarded,
    related,
)
from gemma10m.documents.formats.plain_text import whole_text
from gemma10m.documents.formats.rtf import write_rtf
from gemma10m.documents.formats.word_document import WordDocument
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import Spool, TextWriter

_NOTES = ("footnotes", "endnotes", "comments")
_USUAL_PARTS = (*_NOTES, "styles", "numbering")
_MARGINS = {"header": "headers", "footer": "footers"}
_DEEPEST = 4  # documents in documents


def _write_plain(content: Content, writer: TextWriter, budget: Budget) -> None:
    writer.write(whole_text(content, "a text", writer))


_CHUNKS: dict[str, Callable[[Content, TextWriter, Budget], None]] = {
    "html": write_html,
    "mail": write_mail,
    "rtf": write_rtf,
    "text": _write_plain,
    "xhtml": write_xhtml,
}


def write_docx(document: OfficePackage, writer: TextWriter, depth: int = 0) -> None:
    """Write the text of a Word document. Raises `UnreadableError` and `DiskError`."""
    kind, main = main_part(document)
    if kind != "docx":
        raise UnreadableError("a Word document without text")
    parts = related(document, main)
    usual = {kind: OfficePart(kind, posixpath.join(posixpath.dirname(main), f"{kind}.xml")) for kind in _USUAL_PARTS}
    parts = {kind: part for kind, part in usual.items() if part.name in document.members} | parts
    named = {part.kind: part.name for part in parts.values()}
    found = WordDocument(Styles(), Numbers(document.budget))

    def read_chunk(name: str) -> None:
        _write_chunk(document, parts.get(name), writer, depth)

    drawn = DrawnParts(document, has_values=True)
    found.chunk, found.drawn = read_chunk, lambda name: drawn.drawn(parts.get(name))
    read_guarded("styles", writer, lambda: _read_styles(document, named.get("styles", ""), found))
    if numbering := named.get("numbering"):
        read = partial(parse_xml, numbering, document.blocks(numbering), found.numbers.start)
        read_guarded("numbering", writer, read)
    for name in filter(None, (main, *(named.get(kind) for kind in _NOTES))):
        text = PartText(writer, found)
        read = partial(parse_xml, name, document.blocks(name), text.start, text.end, text.text)
        read_guarded(name, writer, read, is_needed=name == main)
        text.finish()
    drawn.tell(writer)
    _say_what_is_not_read(document, parts, found, writer)
    if writer.blank:
        raise UnreadableError("a Word document without text")


def _read_styles(document: OfficePackage, name: str, found: WordDocument) -> None:
    """Read the styles by their names, which are English; their ids are in the language of the Word that wrote them."""
    if not name:
        return
    styles, style = found.styles, ""
    styles.headings.clear()

    def start(tag: str, given: Attributes) -> None:
        nonlocal style
        if tag == "style":
            style = given.get("styleId", "")
        styles.start(style, tag, given)
        found.numbers.start_style(style, tag, given)

    parse_xml(name, document.blocks(name), start)


def _write_chunk(document: OfficePackage, part: OfficePart | None, writer: TextWriter, depth: int) -> None:
    """Write a part of another format in its place in the text."""
    name = part.name if part else "part"
    try:
        if name not in document.members or depth >= _DEEPEST:
            raise UnreadableError("it is not there")
        content = Spool().keep(document.blocks(name))
        kind = kind_of(content.head(), name)
        if kind == "zip":
            write_docx(Zip(content, document.budget), writer, depth + 1)
        elif kind in _CHUNKS:
            _CHUNKS[kind](content, writer, document.budget)
        else:
            raise UnreadableError("it is of a kind that is not read")
        writer.write("\n")
    except BombError:
        raise
    except UnreadableError:
        what = "subdocument" if part and part.kind == SUBDOCUMENT else "embedded"
        writer.note(f"its {what} {printable(name)} is not read")


def _say_what_is_not_read(
    document: OfficePackage, parts: dict[str, OfficePart], found: WordDocument, writer: TextWriter
) -> None:
    kinds = {part.kind for part in parts.values()}
    left_out = ["charts of a new kind"] if "chartEx" in kinds else []
    for kind, what in _MARGINS.items():
        if any(part.kind == kind and _has_text(document, part.name) for part in parts.values()):
            left_out.append(what)
    if left_out:
        writer.note(f"its {' and '.join(left_out)} are not read")
    for why, number in found.left_out.items():
        writer.note(f"{counted(number, 'character', f' of {why} text')} not read")
    if found.objects:
        writer.note(f"{counted(found.objects, 'embedded object', ' of another program')} not read")
    if found.symbols:
        writer.note(f"{counted(found.symbols, 'sign', ' of symbol fonts')} not known")


def _has_text(document: OfficePackage, name: str) -> bool:
    kept = Kept()
    text = PartText(kept, WordDocument(Styles()))
    try:
        parse_xml(name, document.blocks(name), text.start, text.end, text.text)
    except BombError:
        raise
    except UnreadableError:
        return True
    return bool("".join(kept.parts).strip())
