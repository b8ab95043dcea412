"""Read Word documents that are one file of XML: a package of parts (Flat OPC), or Word 2003's own format."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.docx import write_docx
from gemma10m.documents.formats.docx_styles import Styles
from gemma10m.documents.formats.docx_text import PartText
from gemma10m.documents.formats.lines import Kept
from gemma10m.documents.formats.plain_text import whole_text
from gemma10m.documents.formats.word_document import WordDocument
from gemma10m.documents.formats.xml_events import Attributes, parse_to_damage
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_WHAT = "a Word document"
_DECLARATION = re.compile(r"\s*<\?xml[^<>]*\?>")
_PART = re.compile(r"""<pkg:part\s[^<>]*?pkg:name\s*=\s*["']/([^"'<>]+)["'][^<>]*>\s*<pkg:xmlData[^<>]*>""")
_BODY, _MARGINS, _LIST = "body", ("hdr", "ftr"), "listPr"
_NOTES, _COMMENT = ("footnote", "endnote"), "Word.Comment"


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
    """Pass on the elements of Word 2003's body, whose text is as in later versions.

    Notes and comments, which are inside the runs that they belong to, follow the body as they do in later versions;
    a list's number is written where it is.
    """

    def __init__(self, part: PartText, found: WordDocument) -> None:
        self._part, self._found = part, found
        self._open = self._unread = 0  # elements, from the one on that is read, and from the one on that is not
        self._in_list, self._number = False, ""  # in a paragraph's properties of a list, and its number
        self._note, self._depth = PartText(Kept(), found), 0  # the open note, and elements that are open in it
        self.notes: list[str] = []  # the text of each, marked

    def start(self, tag: str, given: Attributes) -> None:
        if self._depth:
            self._depth += 1
            self._note.start(tag, given)
        elif self._unread or tag in _MARGINS:
            self._unread += 1
        elif not self._open and tag != _BODY:
            return
        elif tag in _NOTES or given.get("type") == _COMMENT:
            self._begin_note(tag if tag in _NOTES else "comment", given)
        else:
            self._open += 1
            self._part.start(tag, given)
            self._in_list |= tag == _LIST
            if self._in_list and tag == "t":
                self._number = given.get("val", "")

    def end(self, tag: str) -> None:
        if self._depth:
            self._depth -= 1
            self._note.end(tag)
            self.notes += [] if self._depth else [self._note.kept()]
        elif self._unread:
            self._unread -= 1
        elif self._open:
            self._open -= 1
            self._part.end(tag)
            self._in_list &= tag != _LIST
            if tag == "pPr" and any(map(str.isalnum, self._number)):  # a bullet has no text, as in later versions
                self._write(f"{self._number} ")
            self._number = "" if tag == "pPr" else self._number

    def text(self, text: str) -> None:
        if self._depth:
            self._note.text(text)
        elif self._open and not self._unread:
            self._part.text(text)

    def _begin_note(self, kind: str, given: Attributes) -> None:
        given = {"id": str(len(self.notes)), "author": given.get("author", "somebody")}
        if kind in _NOTES:
            self._part.start(f"{kind}Reference", given)
            self._part.end(f"{kind}Reference")
        self._note, self._depth = PartText(Kept(), self._found), 1
        self._note.start(kind, given)

    def _write(self, text: str) -> None:
        self._part.start("t", {})
        self._part.text(text)
        self._part.end("t")


def _write_body(text: str, writer: TextWriter) -> None:
    found = WordDocument(Styles())
    part = PartText(writer, found)
    body = _Body(part, found)
    blocks = [text.encode("utf-8", "replace")]
    parse_to_damage(blocks, body.start, body.end, body.text, lambda: writer.blank, writer.note)
    part.finish()
    writer.write("".join(body.notes))
    if writer.blank:
        raise UnreadableError("a Word document without text")
