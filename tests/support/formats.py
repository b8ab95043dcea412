"""Small files of every format, made here, and as wrong as a test wants them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from gemma10m.documents import Document, open_source

CONTAINER = '<container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def opened(folder: Path, name: str, content: bytes | str) -> Document:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_source(path)


def text_of(document: Document) -> str:
    return "".join(piece.text for piece in document.pieces())


def places(document: Document) -> list[tuple[str, str]]:
    """Return the first line of what is at each place, and its label."""
    (file,) = document.files
    text = text_of(document).encode()
    return [(text[offset:].decode().split("\n")[0], label) for offset, label in file.places]


def zipped(members: dict[str, bytes | str], compress: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compress) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def tarred(members: dict[str, bytes | str], kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


def epub(pages: dict[str, str], spine: Sequence[str] | None = None, **more: str) -> bytes:
    """Make a book of XHTML chapters, bodies by file name; `more` replaces or adds members ("/" written "__")."""
    items = "".join(f'<item id="{name}" href="{name}"/>' for name in pages)
    order = "".join(f'<itemref idref="{name}"/>' for name in (pages if spine is None else spine))
    members: dict[str, bytes | str] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER.format("OPS/book.opf"),
        "OPS/book.opf": f"<package><manifest>{items}</manifest><spine>{order}</spine></package>",
    }
    for name, body in pages.items():
        members[f"OPS/{name}"] = (
            f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>{name}</title>'
            f"</head><body>{body}</body></html>"
        )
    return zipped(members | {name.replace("__", "/"): content for name, content in more.items()})


def docx(body: str, **more: str) -> bytes:
    document = f'<?xml version="1.0"?><w:document {WORD}><w:body>{body}</w:body></w:document>'
    members = {"[Content_Types].xml": "<Types/>", "word/document.xml": document}
    return zipped(members | {f"word/{name}.xml": content for name, content in more.items()})


def paragraph(text: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def notebook(*cells: dict[str, object], **more: object) -> str:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more})


def pdf(*pages: str, trailer: str = "", objects: Sequence[bytes] = ()) -> bytes:
    """Make a page for each text; an empty text makes a page without any. `objects` come after those of the pages."""
    streams = [f"BT /F 12 Tf 72 720 Td ({text}) Tj ET".encode() if text else b"" for text in pages]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, stream in enumerate(streams):
        bodies.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {5 + 2 * number} 0 R"
            "/Resources<</Font<</F 3 0 R>>>>>>".encode()
        )
        bodies.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    return pdf_file([*bodies, *objects], trailer)


def pdf_file(bodies: Sequence[bytes], trailer: str = "") -> bytes:
    out, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(bodies) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<</Size {size}/Root 1 0 R{trailer}>>\n"
    return bytes(out) + f"{end}startxref\n{len(out)}\n%%EOF\n".encode()


def flate(content: bytes) -> bytes:
    """Return a compressed stream object of a PDF."""
    data = zlib.compress(content, 9)
    return b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(data), data)


ODF = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "style", "draw")
)


def odt(body: str, styles: str = "", **more: str) -> bytes:
    content = (
        f"<office:document-content {ODF}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content, **more})
