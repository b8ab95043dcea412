"""Find a page's encoding as browsers do: by its mark, by what its first kilobyte declares, else by a guess.

The label of a part of a mail is taken as browsers take it, too: `iso-8859-1` is Windows-1252, `gb2312` is GB 18030.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator

import webencodings

from gemma10m.documents import limits
from gemma10m.documents.formats.iso2022jp import decode_iso2022jp, is_iso2022jp
from gemma10m.documents.guessing import WINDOWS_1252, guess_encoding, not_utf8
from gemma10m.documents.safe_open import BLOCK
from gemma10m.documents.spool import TextWriter
from gemma10m.documents.text import EncodingDetector, TextDecoder, decoder, no_mark, nul_bytes, wrong_bytes
from gemma10m.encodings import LOSSY

_DECLARED_WITHIN = 1024  # bytes; as in the HTML standard
_XML = re.compile(rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([^"'>]+)""")
_COOKIE = re.compile(rb"(?:[ \t\f]*(?:#.*)?\r?\n)?[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # as in PEP 263
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(rb"""<([a-zA-Z/!?][^\s/>]*)((?:"[^"]*"|'[^']*'|[^'">])*)>""")
_ATTRIBUTE = re.compile(rb"""([^\s=/"']+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
_IN_CONTENT = re.compile(rb"""charset\s*=\s*["']?\s*([^\s;"']+)""", re.IGNORECASE)
_UNMARKED = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_MEANT = {"gbk": "gb18030", "x-user-defined": "windows-1252"}
_MEANT_INSIDE = {"utf-16le": "utf-8", "utf-16be": "utf-8"}  # where ASCII says so
_ONLY_ASCII = {"ascii", "us-ascii", "ansi_x3.4-1968", "iso-ir-6", "us", "646"}  # whose other bytes have no label


def decode_page(page: bytes, writer: TextWriter, is_xml: bool = False) -> Iterator[str]:
    """Return the page's text in blocks: a page of 16 MiB and one emoji is 64 MiB as one text.

    is_xml: what is UTF-8 is read so, unless the XML declaration names another encoding; a `<meta>` does not count.

    A wrong byte becomes a U+FFFD, and the writer notes at the end how many there are. Raises `UnreadableError` for a
    page that is not text, before the first block.
    """
    detector = EncodingDetector(page[:BLOCK])
    wide = detector.encoding if detector.wide else _UNMARKED.get(page[:2], "")
    start = len(detector.mark)
    if wide:
        if not detector.mark:
            writer.note(no_mark(wide))
        return _decoded(page, start, wide, wide.upper(), writer)
    for at in range(0, len(page), BLOCK):
        detector.feed(page[at : at + BLOCK], final=at + BLOCK >= len(page))
    if detector.nuls:  # which libxml2 replaces before the writer sees them
        writer.note(nul_bytes(detector.nuls))
    is_utf8 = is_xml and not detector.wrong and b"\x1b" not in page  # which is ISO-2022-JP
    name = "utf-8" if detector.mark else _declared(page[:_DECLARED_WITHIN], may_be_meta=not is_utf8)
    if not name and detector.encoding == LOSSY:
        name = "utf-8"
    if name:
        return decoded(page, start, name, writer)
    if detector.encoding == "cp1252":
        return guessed(page, detector, writer)
    return _blocks(page, start, decoder(detector.encoding))


def guessed(data: bytes, detector: EncodingDetector, writer: TextWriter, what: str = "it") -> Iterator[str]:
    """Return a text that is not UTF-8 in blocks; the writer notes what it is read as.

    what: the subject of the notice.
    """
    start, guess = len(detector.mark), guess_encoding(detector.sample)
    writer.note(f"{what} is {not_utf8(guess)}")
    if guess == WINDOWS_1252:
        return _blocks(data, start, decoder(guess.codec))
    return _decoded(data, start, guess.codec, guess.name, writer)


def declared_by_text(text: bytes) -> str:
    """Return the WHATWG name of the encoding that XML or source code declares, "" for a text that is UTF-8 instead.

    The sequences of ISO-2022-JP declare it, too.
    """
    head = text[:_DECLARED_WITHIN]
    if xml := _XML.match(head):
        name = _known(xml[1])
    else:
        cookie = _COOKIE.match(head)
        name = _known(cookie[1].lower().replace(b"_", b"-").replace(b"latin-", b"latin")) if cookie else ""
    if name in ("", "utf-8") and is_iso2022jp(text):
        return "iso-2022-jp"
    return "" if name in ("", "utf-8") or _is_utf8(text) else name


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return b"\x1b" not in text  # which is ISO-2022-JP


def decode_labelled(data: bytes, label: str, writer: TextWriter, what: str = "it") -> str:
    """Return the text of bytes that have the label of an encoding, or ""; the writer notes what is wrong.

    what: the subject of the notice that they are not UTF-8.
    """
    detector = EncodingDetector(data)
    if detector.mark or (detector.wide and (not label or label.lower() in _ONLY_ASCII)):
        name = detector.encoding.removesuffix("-sig")
        if not detector.mark:
            writer.note(no_mark(name))
        return "".join(_decoded(data, len(detector.mark), name, name.upper(), writer))
    if label.lower() not in _ONLY_ASCII:
        if (encoding := webencodings.lookup(label)) and encoding.name != "replacement":
            return "".join(decoded(data, 0, _MEANT.get(encoding.name, encoding.name), writer))
        with contextlib.suppress(LookupError, ValueError):
            text = data.decode(label, "replace")  # which browsers do not know: UTF-7, IBM's
            if "\ufffd" in text:
                writer.note(wrong_bytes(text.count("\ufffd"), label.upper()))
            return text
    detector.feed(data.replace(b"\0", b" "), final=True)
    if detector.encoding == "cp1252":
        return "".join(guessed(data, detector, writer, what))
    if detector.wrong:
        writer.note(wrong_bytes(detector.wrong, "UTF-8"))
    return decoder(detector.encoding).decode(data, True)


def decoded(page: bytes, start: int, name: str, writer: TextWriter) -> Iterator[str]:
    """Return the text from `start` on in blocks, in an encoding by its WHATWG name; note wrong bytes at the end."""
    if name == "windows-1252":
        return _blocks(page, start, decoder("cp1252"))
    if name == "iso-2022-jp":
        text = decode_iso2022jp(page[start:])
        if wrong := text.count("\ufffd"):
            writer.note(wrong_bytes(wrong, name.upper()))
        return iter([text])
    encoding = webencodings.lookup(name)
    return _decoded(page, start, encoding.codec_info.name if encoding else name, name.upper(), writer)


def _decoded(page: bytes, start: int, codec: str, name: str, writer: TextWriter) -> Iterator[str]:
    found = 0
    for block in _blocks(page, start, codecs.getincrementaldecoder(codec)("replace")):
        found += block.count("\ufffd")
        yield block
    if found and (wrong := found - page.count("\ufffd".encode(codec, "ignore") or b"\xff" * 9, start)):
        writer.note(wrong_bytes(max(wrong, 1), name))


def _blocks(page: bytes, start: int, decode: TextDecoder) -> Iterator[str]:
    for at in range(start, len(page), limits.HTML_BLOCK):
        yield decode.decode(page[at : at + limits.HTML_BLOCK], at + limits.HTML_BLOCK >= len(page))


def _declared(head: bytes, may_be_meta: bool) -> str:
    """Return the WHATWG name of the encoding that the page declares, "" for none or an unknown one."""
    if found := _XML.match(head):
        return _known(found[1])
    for tag in _TAG.finditer(_COMMENT.sub(b"", head)) if may_be_meta else ():
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
    return _MEANT_INSIDE.get(name) or _MEANT.get(name, name)
