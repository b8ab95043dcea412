"""Turn any file into text: unpack it, recognise its format, extract its text."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from gemma10m.documents.archives.archive import Archive
from gemma10m.documents.archives.compressed import unpacked
from gemma10m.documents.archives.tar_file import TarArchive
from gemma10m.documents.archives.zip_archive import ZipArchive
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.detect import COMPRESSED, REFUSED
from gemma10m.documents.formats.epub_package import CONTAINER
from gemma10m.documents.formats.odf_package import CONTENT, odf_kind
from gemma10m.documents.formats.office_package import main_part
from gemma10m.documents.formats.ole_file import kind_of_content
from gemma10m.documents.formats.plain_text import is_rewritten
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import Places, Spool, TextWriter

_Write = Callable[[Content, TextWriter, Budget], None]
_WriteZipped = Callable[[Zip, TextWriter], None]

# The module and function in `formats` for each kind. A module is imported when a file is of its kind: together they
# take a twentieth of a second, and most runs need one of them or none.
WRITERS = {
    "fictionbook": ("fiction_book", "write_fiction_book"),
    "flat-odp": ("odp", "write_flat_odp"),
    "flat-ods": ("ods", "write_flat_ods"),
    "flat-odt": ("odt", "write_flat"),
    "html": ("html_text", "write_html"),
    "info": ("info_manual", "write_info"),
    "mail": ("mail", "write_mail"),
    "manual": ("manual_page", "write_manual"),
    "notebook": ("notebook", "write_notebook"),
    "pdf": ("pdf", "write_pdf"),
    "rtf": ("rtf", "write_rtf"),
    "subtitles": ("subtitles", "write_subtitles"),
    "text": ("plain_text", "write_text"),
    "word": ("flat_word", "write_flat_word"),
    "xls": ("xls", "write_xls"),
    "xhtml": ("html_text", "write_xhtml"),
}
ZIPPED_WRITERS = {
    "epub": ("epub", "write_epub"),
    "docx": ("docx", "write_docx"),
    "odp": ("odp", "write_odp"),
    "ods": ("ods", "write_ods"),
    "odt": ("odt", "write_odt"),
    "pptx": ("pptx", "write_pptx"),
    "xlsx": ("xlsx", "write_xlsx"),
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
    write: _Write = _function(*WRITERS[kind])
    write(content, writer, budget)
    return Text(*writer.finish())


def _function(module: str, name: str) -> Any:
    return getattr(import_module(f"gemma10m.documents.formats.{module}"), name)


def kind_of_zip(file: Zip) -> str:
    """Return "epub", the ending of an office document that is read, "office" for others, or "zip"."""
    members = file.members
    if CONTAINER in members:
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
    write: _WriteZipped = _function(*ZIPPED_WRITERS[kind])
    write(file, writer)
    for notice in file.notices:
        writer.note(notice)
    return Text(*writer.finish())
