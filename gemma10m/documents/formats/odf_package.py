"""Open OpenDocument files: a zip file with their kind, a list of parts and the content in XML, or one file of XML."""

from __future__ import annotations

from functools import partial

from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import BombError
from gemma10m.documents.content import Content
from gemma10m.documents.formats.office_package import read_guarded
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver, parse_xml
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

CONTENT = "content.xml"
_APART = {"meta", "settings", "scripts", "font-face-decls", "styles", "master-styles"}  # in a flat file, and no content
_MIMETYPE, _MANIFEST = "mimetype", "META-INF/manifest.xml"
_FAMILY = "application/vnd.oasis.opendocument."
_KINDS = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}


def odf_kind(document: Zip) -> str:
    """Return "odt", "ods" or "odp", by the MIME type, also of a template, or "" for another file."""
    if CONTENT not in document.members or _MIMETYPE not in document.members:
        return ""
    try:
        found = next(document.blocks(_MIMETYPE), b"").decode("latin-1")
    except BombError:
        raise
    except UnreadableError:
        return ""
    return next((kind for name, kind in _KINDS.items() if found.startswith(_FAMILY + name)), "")


def read_odf(document: Zip, what: str, reader: XmlReceiver, writer: TextWriter) -> str:
    """Read a document's content up to damage, and return that. Raises `UnreadableError` for an encrypted document."""
    is_encrypted = False

    def start(tag: str, given: Attributes) -> None:
        nonlocal is_encrypted
        is_encrypted |= tag == "encryption-data"

    if _MANIFEST in document.members:
        read_guarded(_MANIFEST, writer, lambda: parse_xml(_MANIFEST, document.blocks(_MANIFEST), start))
    if is_encrypted:
        raise UnreadableError(f"{what} that only a password opens")
    read = partial(parse_xml, CONTENT, document.blocks(CONTENT), reader.start, reader.end, reader.text)
    return read_guarded(CONTENT, writer, read)


def read_flat_odf(content: Content, reader: XmlReceiver, writer: TextWriter) -> str:
    """Read a document that is one file of XML, as `read_odf` does."""
    inside = _ContentAlone(reader)
    read = partial(parse_xml, "XML", content.blocks(), inside.start, inside.end, inside.text)
    return read_guarded("XML", writer, read)


class _ContentAlone(XmlReceiver):
    """Pass on what a flat file has in common with the content of a zip file."""

    def __init__(self, reader: XmlReceiver) -> None:
        self._reader = reader
        self._open = self._apart = 0  # elements; from the one on that is apart

    def start(self, tag: str, given: Attributes) -> None:
        self._open += 1
        if self._apart or (self._open == 2 and tag in _APART):
            self._apart += 1
        else:
            self._reader.start(tag, given)

    def end(self, tag: str) -> None:
        self._open -= 1
        if self._apart:
            self._apart -= 1
        else:
            self._reader.end(tag)

    def text(self, text: str) -> None:
        if not self._apart:
            self._reader.text(text)
