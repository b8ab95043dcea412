"""Read Word documents that are one file of XML: a package of parts (Flat OPC), or Word 2003's own format."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.docx import write_docx
from gemma10m.documents.formats.docx_styles import Styles
from gemma10m.documents.formats.docx_text import PartText
from gemma10m.documents.formats.plain_text import whole_text
from gemma10m.documents.formats.word_document import WordDocument
from gemma10m.documents.formats.xml_events import Attributes, parse_to_damage
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_WHAT = "a Word document"
_DECLARATION = re.compile(r"\s*<\?xml[^<>]*\?>")
_PART = re.compile(r"""<pkg:part\s[^<>]*?pkg:name\s*=\s*["']/([^"'<>]+)["'][^<>]*>\s*<pkg:xmlData[^<>]*>""")
_BODY, _MARGINS = "body", ("hdr", "ftr")


def write_flat_word(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a Word document in XML. Raises `UnreadableError` and `DiskError`."""
    text = _DECLARATION.sub("", whole_text(content, _WHAT, writer), count=1)  # it is UTF-8 from here on
    if "<pkg:package" in text:
        write_docx(_FlatPackage(text, budget), writer)
    else:
        _write_body(text, writer)


class _FlatPackage:
    """Hold the parts that are XML; pictures are not."""

    def __init__(self, text: str, budget: Budget) -> None:
        self.budget = budget
        self.members: dict[str, str] = {}
        for part in text.split("</pkg:xmlData>"):
            if found := _PART.search(part):
                self.members[found[1]] = part[found.end() :]

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a part. Raises `UnreadableError` where it is not there."""
        if name not in self.members:
            raise UnreadableError("damaged: a part of it is missing")
        yield self.members[name].encode("utf-8", "replace")


class _Body:
    """Pass on the elements of Word 2003's body; those of text are as in later versions."""

    def __init__(self, part: PartText) -> None:
        self._part = part
        self._open = self._unread = 0  # elements, from the one on that is read, and from the one on that is not

    def start(self, tag: str, given: Attributes) -> None:
        if self._unread or tag in _MARGINS:
            self._unread += 1
        elif self._open or tag == _BODY:
            self._open += 1
            self._part.start(tag, given)

    def end(self, tag: str) -> None:
        if self._unread:
            self._unread -= 1
        elif self._open:
            self._open -= 1
            self._part.end(tag)

    def text(self, text: str) -> None:
        if self._open and not self._unread:
            self._part.text(text)


def _write_body(text: str, writer: TextWriter) -> None:
    part = PartText(writer, WordDocument(Styles()))
    body = _Body(part)
    blocks = [text.encode("utf-8", "replace")]
    parse_to_damage(blocks, body.start, body.end, body.text, lambda: writer.blank, writer.note)
    part.finish()
    if writer.blank:
        raise UnreadableError("a Word document without text")
