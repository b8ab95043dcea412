"""Files that were made to do harm, by what they try. Each is made when it is asked for: some are large."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import zstandard
from formats import CONTAINER, WORD, docx, epub, flate, pdf, pdf_file, tarred, zipped
from sheets import cell, odf, parts, pptx, rows, shape, xlsx

LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
MEGABYTE = b"no more than words " * 55_000


def zip_of(name: str, megabytes: int, **changes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        with file.open(name, "w") as member:
            for _ in range(megabytes):
                member.write(MEGABYTE)
        for field, value in changes.items():
            setattr(file.infolist()[0], field, value)
    return out.getvalue()


def zip_list(entries: Iterator[bytes], size: int | None = None) -> bytes:
    """Return only a list of members, of which none is there; `size` is the length that it claims."""
    members = b"".join(entries)
    length = len(members) if size is None else size
    return b"PK\x03\x04" + members + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, length, 4, 0)


def zip_entry(name: bytes, extra: int = 0) -> bytes:
    return struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 9, len(name), extra, *[0] * 5) + name + b"\0" * extra


def all_the_same_bytes() -> bytes:
    """Return an archive in which every member's data are the first one's."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(50):
            file.writestr(f"{number:02}.txt", "x" * 100_000)
        for member in file.infolist():
            member.header_offset = 0
    return out.getvalue()


def tar_header(**fields: object) -> bytes:
    info = tarfile.TarInfo("a")
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT)


class Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def compressed(compressor: Compressor, megabytes: int, block: bytes = MEGABYTE) -> bytes:
    parts = [compressor.compress(block) for _ in range(megabytes)]
    return b"".join([*parts, compressor.flush()])


def gzip_bomb(head: bytes = b"") -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([packer.compress(head), *[packer.compress(MEGABYTE) for _ in range(400)], packer.flush()])


def xz_with_a_large_dictionary() -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    content = bytearray(lzma.compress(MEGABYTE, filters=filters))
    content[content.index(b"\x21\x01") + 2] = 37  # of 1.5 GiB
    content[20:24] = struct.pack("<I", zlib.crc32(content[12:20]))
    return bytes(content)


def sparse_tar() -> bytes:
    """Return an archive of one byte that says it is a terabyte."""
    header = bytearray(tar_header(type=tarfile.GNUTYPE_SPARSE, size=512))
    header[386:410] = b"%011o\0%011o\0" % (0, 1)
    header[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"x" * 512 + bytes(1024)


def pages_in_a_circle() -> bytes:
    tree = b"<</Type/Pages/Kids[2 0 R 2 0 R 2 0 R]/Count 2147483647>>"
    return pdf_file([b"<</Type/Catalog/Pages 2 0 R>>", tree])


def pdf_bomb() -> bytes:
    """Return a page of a few KB whose drawing unpacks to a gigabyte."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(b"(x) Tj " * 150_000) for _ in range(1000)) + packer.flush()
    once = zlib.compress(data, 9)
    stream = b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%s\nendstream" % (len(once), once)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
    pages = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    return pdf_file([b"<</Type/Catalog/Pages 2 0 R>>", pages, page, stream, b"<</Type/Font/Subtype/Type1>>"])


def encrypted_pdf() -> bytes:
    lock = b"<</Filter/Standard/V 2/R 3/Length 128/P -4/O<%s>/U<%s>>>" % (b"1f" * 32, b"2e" * 32)
    return pdf("text", trailer="/Encrypt 6 0 R/ID[<00><00>]", objects=[lock])


def word(text: str, before: str = "") -> bytes:
    return docx("", document=f"{before}<w:document {WORD}><w:p><w:t>{text}</w:t></w:p></w:document>")


def with_large_member(others: bytes, name: str, head: str = "") -> bytes:
    """Return a zip file, and 400 MB more in it."""
    out = io.BytesIO(others)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as file, file.open(name, "w") as member:
        member.write(head.encode())
        for _ in range(400):
            member.write(MEGABYTE)
    return out.getvalue()


def large_word() -> bytes:
    head = f"<w:document {WORD}><w:t>"
    return with_large_member(zipped({"[Content_Types].xml": ""}), "word/document.xml", head)


def large_strings() -> bytes:
    named = parts(("s", "sharedStrings", "sharedStrings.xml"))
    members: dict[str, bytes | str] = {"xl/workbook.xml": "<workbook/>", "xl/_rels/workbook.xml.rels": named}
    return with_large_member(zipped(members), "xl/sharedStrings.xml", "<sst><si><t>")


def large_slide() -> bytes:
    named = parts(("s", "slide", "slides/slide1.xml"))
    members: dict[str, bytes | str] = {"ppt/presentation.xml": "<p/>", "ppt/_rels/presentation.xml.rels": named}
    return with_large_member(zipped(members), "ppt/slides/slide1.xml", "<sld><p><r><t>")


def far_cells() -> bytes:
    """Return a sheet with a cell in the last column of each row."""
    return xlsx(rows(*(cell(f"XFD{number}", "1") for number in range(1, 2000))))


def ods_of_repeats() -> bytes:
    cells = f'<table:table-cell table:number-columns-repeated="16384"><text:p>{"x" * 1000}</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="1048576">{cells}</table:table-row>'
    return odf("spreadsheet", f"<table:table>{row}</table:table>")


def large_chapter() -> bytes:
    item, order = '<item id="1" href="1.html"/>', '<itemref idref="1"/>'
    package = f"<package><manifest>{item}</manifest><spine>{order}</spine></package>"
    return with_large_member(epub({}, **{"OPS__book.opf": package}), "OPS/1.html")


def odt(body: str, before: str = "") -> bytes:
    kind = "application/vnd.oasis.opendocument.text"
    return zipped({"mimetype": kind, "content.xml": f"{before}<document-content>{body}</document-content>"})


def odt_of_repeats() -> bytes:
    cell = f'<table-cell number-columns-repeated="1000"><p>{"x" * 100_000}</p></table-cell>'
    return odt(f'<table-row number-rows-repeated="1000000">{cell}</table-row>' * 10)


def mail_in_mail(deep: int) -> bytes:
    head = b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n'
    return b"From: a\n" + b"".join(head % (number, number) for number in range(deep)) + b"\ntext"


def opf(href: str) -> dict[str, str]:
    item, order = f'<item id="1" href="{href}"/>', '<itemref idref="1"/>'
    return {"OPS__book.opf": f"<package><manifest>{item}</manifest><spine>{order}</spine></package>"}


OUT = "would lie outside of"
LEADS_OUT = "its path leads out of the archive"
BOMB = "unpacks to more than"
DAMAGED = "damaged"
DOCTYPE = "declares a document type"

# name: (the file's name, its content, what the refusal says)
REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "zip: bomb": ("a.zip", lambda: zip_of("a.txt", 400), BOMB),
    "zip: bomb of many": ("a.zip", lambda: zipped({f"{n}.txt": MEGABYTE * 3 for n in range(60)}), BOMB),
    "zip: bomb without a list": ("a.zip", lambda: zip_of("a.txt", 400)[:-60], BOMB),
    "zip: too many members": (
        "a.zip",
        lambda: zip_list(zip_entry(b"%d" % n) for n in range(100_001)),
        "more than 100,000",
    ),
    "zip: list of 16 MiB": ("a.zip", lambda: zip_list(zip_entry(b"%d" % n, 60_000) for n in range(300)), DAMAGED),
    "zip: list of 4 GB": ("a.zip", lambda: zip_list(iter([zip_entry(b"a")]), size=0xFFFFFFF0), DAMAGED),
    "tar: negative size": ("a.tar", lambda: tar_header(size=-512) + bytes(1024), DAMAGED),
    "tar: long name of 8 GB": ("a.tar", lambda: tar_header(type=b"L", size=0o77777777777) + bytes(20 << 20), DAMAGED),
    "tar: headers without an end": ("a.tar", lambda: (tar_header(type=b"L", size=1) + b"a" * 512) * 5000, DAMAGED),
    "tar: extended header of 20 MB": ("a.tar", lambda: tar_header(type=b"x", size=20 << 20) + bytes(20 << 20), DAMAGED),
    "tar.gz: bomb": ("a.tgz", lambda: gzip_bomb(tar_header(size=400 << 20)), BOMB),
    "gzip: bomb": ("a.txt.gz", gzip_bomb, BOMB),
    "bzip2: bomb": ("a.bz2", lambda: compressed(bz2.BZ2Compressor(), 18), BOMB),
    "xz: bomb": ("a.xz", lambda: compressed(lzma.LZMACompressor(), 100), BOMB),
    "zstd: bomb": ("a.zst", lambda: compressed(zstandard.ZstdCompressor().compressobj(), 400), BOMB),
    "xz: dictionary of 1.5 GiB": ("a.xz", xz_with_a_large_dictionary, DAMAGED),
    "zstd: window of 2 GiB": ("a.zst", lambda: b"\x28\xb5\x2f\xfd\x00\xa8" + b"\1\0\0", DAMAGED),
    "gzip: in itself": ("a.gz", lambda: gzip.compress(gzip.compress(b"x")), "compressed more than once"),
    "epub: entities": ("a.epub", lambda: epub({}, **{"META-INF__container.xml": LAUGHS + CONTAINER}), DOCTYPE),
    "epub: entity in the list": ("a.epub", lambda: epub({}, **{"OPS__book.opf": OUTSIDE + "<package/>"}), DOCTYPE),
    "epub: entities in UTF-16": (
        "a.epub",
        lambda: zipped({"META-INF/container.xml": (LAUGHS + CONTAINER).encode("utf-16")}),
        DOCTYPE,
    ),
    "epub: list outside": ("a.epub", lambda: epub({}, **{"META-INF__container.xml": CONTAINER.format("../a")}), OUT),
    "epub: chapter outside": ("a.epub", lambda: epub({}, **opf("../../../etc/passwd")), OUT),
    "epub: absolute chapter": ("a.epub", lambda: epub({}, **opf("/etc/passwd")), OUT),
    "epub: chapter of another machine": ("a.epub", lambda: epub({}, **opf("http://example.org/a")), "has no file"),
    "epub: chapter of 400 MB": ("a.epub", large_chapter, "more than 16 MiB"),
    "docx: entities": ("a.docx", lambda: word("&b;", before=LAUGHS), DOCTYPE),
    "docx: entity from a file": ("a.docx", lambda: word("&a;", before=OUTSIDE), DOCTYPE),
    "docx: text of 400 MB": ("a.docx", large_word, BOMB),
    "docx: a million elements deep": ("a.docx", lambda: docx("<a>" * 1_000_000), "not XML"),
    "odt: entities": ("a.odt", lambda: odt("<p>&b;</p>", before=LAUGHS), DOCTYPE),
    "odt: repeats": ("a.odt", odt_of_repeats, BOMB),
    "xlsx: entities": ("a.xlsx", lambda: xlsx("", **{"worksheets__sheet1.xml": LAUGHS + "<a>&b;</a>"}), DOCTYPE),
    "xlsx: entity from a file": ("a.xlsx", lambda: xlsx("", **{"worksheets__sheet1.xml": OUTSIDE + "<a/>"}), DOCTYPE),
    "xlsx: strings of 400 MB": ("a.xlsx", large_strings, BOMB),
    "xlsx: cells far to the right": ("a.xlsx", far_cells, BOMB),
    "ods: repeats": ("a.ods", ods_of_repeats, BOMB),
    "pptx: entities": ("a.pptx", lambda: pptx("", **{"slides__slide1.xml": LAUGHS + "<a>&b;</a>"}), DOCTYPE),
    "pptx: slide of 400 MB": ("a.pptx", large_slide, BOMB),
    "pptx: slide of 17 MB": ("a.pptx", lambda: pptx(shape((MEGABYTE * 17).decode())), "more than 16 MiB"),
    "rtf: groups in groups": ("a.rtf", lambda: b"{\\rtf1 " + b"{" * 1_000_000, "too deep in one another"),
    "rtf: 17 MB": ("a.rtf", lambda: b"{\\rtf1 " + MEGABYTE * 17, "more than 16 MiB"),
    "mail: parts in parts": ("a.eml", lambda: mail_in_mail(50_000), "an email message without text"),
    "html: page of 17 MB": ("a.html", lambda: b"<p>" + MEGABYTE * 17, "more than 16 MiB"),
    "notebook: a million lists deep": ("a.ipynb", lambda: b'{"cells":' + b"[" * 400_000, "not JSON"),
    "notebook: a million values": ("a.ipynb", lambda: b'{"cells":[' + b"[]," * 400_000 + b"[]]}", "500,000 values"),
    "pdf: truncated": ("a.pdf", lambda: pdf("text")[:60], DAMAGED),
    "pdf: nothing but a beginning": ("a.pdf", lambda: b"%PDF-1.7\n" + b"\xff\0" * 9999, DAMAGED),
    "pdf: bomb": ("a.pdf", pdf_bomb, "a PDF"),
    "pdf: pages in a circle": ("a.pdf", pages_in_a_circle, "PDF"),
    "pdf: encrypted": ("a.pdf", encrypted_pdf, "only a password opens"),
    "pdf: a scan": ("a.pdf", lambda: pdf("", "", objects=[flate(b"x")]), "seems to be a scan"),
}

# name: (the file's name, its content, the member that is skipped, why)
SKIPPED: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "zip: link": (
        "a.zip",
        lambda: zip_of("l", 1, create_system=3, external_attr=0o120777 << 16),
        "l",
        "a link, not followed",
    ),
    "zip: device": ("a.zip", lambda: zip_of("d", 1, create_system=3, external_attr=0o020666 << 16), "d", "a device"),
    "zip: encrypted member": ("a.zip", lambda: zip_of("e", 1, flag_bits=1), "e", "encrypted"),
    "zip: LZMA": (
        "a.zip",
        lambda: zipped({"a": "x"}, zipfile.ZIP_LZMA),
        "a",
        "compressed with LZMA, which is not supported",
    ),
    "zip: parent path": ("a.zip", lambda: zipped({"ok": "ok", "../evil": "x"}), "../evil", LEADS_OUT),
    "zip: absolute path": ("a.zip", lambda: zipped({"/tmp/evil": "x"}), "/tmp/evil", LEADS_OUT),
    "zip: parent path of Windows": (
        "a.zip",
        lambda: zipped({"a\\..\\..\\evil": "x"}),
        "a\\\\..\\\\..\\\\evil",
        LEADS_OUT,
    ),
    "zip: drive": ("a.zip", lambda: zipped({"C:\\evil": "x"}), "C:\\\\evil", LEADS_OUT),
    "zip: parent path inside": ("a.zip", lambda: zipped({"a/../../evil": "x"}), "a/../../evil", LEADS_OUT),
    "zip: no name": ("a.zip", lambda: zipped({".": "x"}), ".", "it has no name"),
    "tar: parent path": ("a.tar", lambda: tarred({"ok": "ok", "a/../../evil": "x"}), "a/../../evil", LEADS_OUT),
    "tar: absolute path": ("a.tar", lambda: tarred({"/tmp/evil": "x"}), "/tmp/evil", LEADS_OUT),
    "tar: link out of a parent path": (
        "a.tar",
        lambda: tarred({"../l": ""}, tarfile.SYMTYPE, "/etc"),
        "../l",
        LEADS_OUT,
    ),
    "zip: in a zip": (
        "a.zip",
        lambda: zipped({"in.zip": zip_of("a", 100)}),
        "in.zip",
        "an archive: name it to read it",
    ),
    "zip: one member's bytes for all": (
        "a.zip",
        all_the_same_bytes,
        "49.txt",
        "damaged: it cannot be unpacked",
    ),
    "zip: terminal escapes": (
        "a.zip",
        lambda: zipped({"\x1b[2J\n=== x": b"\0"}),
        "\\x1b[2J\\x0a=== x",
        "binary (a NUL byte at offset 0)",
    ),
    "tar: truncated": (
        "a.tar",
        lambda: tarred({"a": "x" * 99_999})[:50_000],
        "a",
        "damaged: the archive ends in the middle of it",
    ),
    "tar: link": ("a.tar", lambda: tarred({"l": ""}, tarfile.SYMTYPE, "/etc/passwd"), "l", "a link, not followed"),
    "tar: hard link": ("a.tar", lambda: tarred({"l": ""}, tarfile.LNKTYPE, "/etc/passwd"), "l", "a link, not followed"),
    "tar: device": ("a.tar", lambda: tarred({"d": ""}, tarfile.CHRTYPE), "d", "a device"),
    "tar: FIFO": ("a.tar", lambda: tarred({"f": ""}, tarfile.FIFOTYPE), "f", "a FIFO"),
    "tar: a terabyte of holes": ("a.tar", sparse_tar, "a", "a file with holes"),
    "tar: in a tar": ("a.tar", lambda: tarred({"t": tarred({"a": "b"})}), "t", "an archive: name it to read it"),
}

# name: (the file's name, its content): zip files whose list of members is lost
LISTLESS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "zip: truncated": ("a.zip", lambda: zipped({"a": "x" * 9999})[:-30]),
    "gzip: of a truncated zip": ("a.gz", lambda: gzip.compress(zipped({"a": "b"})[:-9])),
    "epub: truncated": ("a.epub", lambda: epub({"1": "<p>x</p>"})[:-40]),
}
