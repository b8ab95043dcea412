"""Turn any file into text: unpack it, recognise its format, extract its text."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from gemma10m.documents.archives.archive import Archive
from gemma10m.documents.archives.compressed import unpacked
from gemma10m.documents.archives.tar_file import TarArchive
from gemma10m.documents.archives.zip_archive import ZipArchive
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.detect import COMPRESSED, REFUSED
from gemma10m.documents.formats import epub, odt
from gemma10m.documents.formats.docx import write_docx
from gemma10m.documents.formats.fiction_book import write_fiction_book
from gemma10m.documents.formats.flat_word import write_flat_word
from gemma10m.documents.formats.html_text import write_html, write_xhtml
from gemma10m.documents.formats.info_manual import write_info
from gemma10m.documents.formats.mail import write_mail
from gemma10m.documents.formats.manual_page import write_manual
from gemma10m.documents.formats.notebook import write_notebook
from gemma10m.documents.formats.odf_package import CONTENT, odf_kind
from gemma10m.documents.formats.odp import write_flat_odp, write_odp
from gemma10m.documents.formats.ods import write_flat_ods, write_ods
from gemma10m.documents.formats.office_package import main_part
from gemma10m.documents.formats.ole_file import kind_of_content
from gemma10m.documents.formats.pdf import write_pdf
from gemma10m.documents.formats.plain_text import is_rewritten, write_text
from gemma10m.documents.formats.pptx import write_pptx
from gemma10m.documents.formats.rtf import write_rtf
from gemma10m.documents.formats.subtitles import write_subtitles
from gemma10m.documents.formats.xls import write_xls
from gemma10m.documents.formats.xlsx import write_xlsx
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import Places, Spool, TextWriter

_EXTRACTED: dict[str, Callable[[Content, TextWriter, Budget], None]] = {
    "fictionbook": write_fiction_book,
    "flat-odp": write_flat_odp,
    "flat-ods": write_flat_ods,
    "flat-odt": odt.write_flat,
    "html": write_html,
    "info": write_info,
    "mail": write_mail,
    "manual": write_manual,
    "notebook": write_notebook,
    "pdf": write_pdf,
    "rtf": write_rtf,
    "subtitles": write_subtitles,
    "text": write_text,
    "word": write_flat_word,
    "xls": write_xls,
    "xhtml": write_xhtml,
}
_ZIPPED: dict[str, Callable[[Zip, TextWriter], None]] = {
    "epub": epub.write_epub,
    "docx": write_docx,
    "odp": write_odp,
    "ods": write_ods,
    "odt": odt.write_odt,
    "pptx": write_pptx,
    "xlsx": write_xlsx,
}
_MIMETYPE = "mimetype"
_OFFICE = {  # documents that are not read, by a folder in them or by their MIME type
    "xl/": "a spreadsheet in Excel's binary format (.xlsb)",
    "ppt/": "a slide presentation",
    "visio/": "a drawing",
    "application/vnd.oasis.opendocument.graphics": "a drawing",
}


class Text(NamedTuple):
    """Hold the bytes of a text, which may still turn out to be binary."""

    content: Content
    places: Places = ()
    notice: str = ""  # what its reader should know


def open_content(content: Content, name: str, spool: Spool, budget: Budget) -> Text | Archive:
    """Open a file, and extract its text into the spool.

    Raises `UnreadableError`, `BombError` among them, and `DiskError`.
    """
    before = spool.position
    try:
        return _opened(content, name, spool, budget)
    except UnreadableError:
        spool.take_back(before)
        raise


def _opened(content: Content, name: str, spool: Spool, budget: Budget) -> Text | Archive:
    kind = kind_of_content(content, name)
    notices: list[str] = []
    if kind in COMPRESSED:
        content = spool.keep(unpacked(kind, content, budget, notices.append))
        kind = kind_of_content(content, os.path.splitext(name)[0])
    if kind in COMPRESSED:
        raise UnreadableError("compressed more than once", hint="unpack it yourself if you trust it")
    if kind in REFUSED:
        raise UnreadableError(*REFUSED[kind])
    opened = _read(kind, content, spool, budget)
    if isinstance(opened, Archive):
        opened.notices[:0] = notices
        return opened
    return opened._replace(notice="; ".join(filter(None, [*notices, opened.notice])))


def _read(kind: str, content: Content, spool: Spool, budget: Budget) -> Text | Archive:
    if kind == "tar":
        return TarArchive(content, budget)
    if kind == "zip":
        return _zip(Zip(content, budget), spool, budget)
    if kind == "text" and not is_rewritten(content):
        return Text(content)
    writer = TextWriter(spool)
    _EXTRACTED[kind](content, writer, budget)
    return Text(*writer.finish())


def kind_of_zip(file: Zip) -> str:
    """Return "epub", the ending of an office document that is read, "office" for others, or "zip"."""
    members = file.members
    if epub.CONTAINER in members:
        return "epub"
    if kind := main_part(file)[0]:
        return kind
    if kind := odf_kind(file):
        return kind
    return "office" if "[Content_Types].xml" in members or CONTENT in members else "zip"


def _office(file: Zip) -> str:
    kind = next(file.blocks(_MIMETYPE), b"").decode("latin-1") if _MIMETYPE in file.members else ""
    names = (what for mark, what in _OFFICE.items() if any(name.startswith(mark) for name in (kind, *file.members)))
    return next(names, "an office document")


def _zip(file: Zip, spool: Spool, budget: Budget) -> Text | Archive:
    kind = kind_of_zip(file)
    if kind == "zip":
        return ZipArchive(file, budget)
    if kind == "office":
        raise UnreadableError(f"{_office(file)}, which is not supported", hint="export it as PDF, HTML or text")
    writer = TextWriter(spool)
    _ZIPPED[kind](file, writer)
    for notice in file.notices:
        writer.note(notice)
    return Text(*writer.finish())
