"""The encoding of a page as browsers find it: its mark, what it declares in its first kilobyte, else as plain text."""

from __future__ import annotations

import re

import webencodings

from gemma10m.documents.spool import TextWriter
from gemma10m.documents.text import EncodingDetector, decoder, wrong_bytes
from gemma10m.encodings import LOSSY

_DECLARED_WITHIN = 1024  # bytes; as in the HTML standard
_XML = re.compile(rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([^"'>]+)""")
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(rb"""<([a-zA-Z/!?][^\s/>]*)((?:"[^"]*"|'[^']*'|[^'">])*)>""")
_ATTRIBUTE = re.compile(rb"""([^\s=/"']+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
_IN_CONTENT = re.compile(rb"""charset\s*=\s*["']?\s*([^\s;"']+)""", re.IGNORECASE)
_UNMARKED = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_MEANT = {"gbk": "gb18030", "utf-16le": "utf-8", "utf-16be": "utf-8", "x-user-defined": "windows-1252"}


def decode_page(page: bytes, writer: TextWriter) -> str:
    """A wrong byte is a U+FFFD, and the writer notes how many there are. Raises `UnreadableError` for no text."""
    detector = EncodingDetector(page)
    wide = detector.encoding if detector.wide else _UNMARKED.get(page[:2], "")
    data = page[len(detector.mark) :]
    if wide:
        return _decoded(data, wide, wide.upper(), writer)
    detector.feed(page, final=True)
    name = "utf-8" if detector.mark else _declared(page[:_DECLARED_WITHIN])
    if not name and detector.encoding == LOSSY:
        name = "utf-8"
    if not name or name == "windows-1252":
        return decoder("cp1252" if name else detector.encoding).decode(data, True)
    encoding = webencodings.lookup(name)
    return _decoded(data, encoding.codec_info.name if encoding else name, name.upper(), writer)


def _decoded(data: bytes, codec: str, name: str, writer: TextWriter) -> str:
    text = data.decode(codec, "replace")
    if (found := text.count("\ufffd")) and (
        wrong := found - data.count("\ufffd".encode(codec, "ignore") or b"\xff" * 9)
    ):
        writer.note(wrong_bytes(max(wrong, 1), name))
    return text


def _declared(head: bytes) -> str:
    """The WHATWG name of what the page says it is in; "" where it says nothing that is known."""
    if found := _XML.match(head):
        return _known(found[1])
    for tag in _TAG.finditer(_COMMENT.sub(b"", head)):
        if tag[1].lower() != b"meta":
            continue
        given = {name.lower(): b"".join(value) for name, *value in reversed(_ATTRIBUTE.findall(tag[2]))}
        label = given.get(b"charset", b"")
        if not label and given.get(b"http-equiv", b"").strip().lower() == b"content-type":
            inside = _IN_CONTENT.search(given.get(b"content", b""))
            label = inside[1] if inside else b""
        if name := _known(label):
            return name
    return ""


def _known(label: bytes) -> str:
    encoding = webencodings.lookup(label.decode("latin-1"))
    if encoding is None or encoding.name == "replacement":
        return ""
    name = str(encoding.name)
    return _MEANT.get(name, name)
