"""Tell the kind of a file by its first bytes, and by its name only where bytes cannot tell."""

from __future__ import annotations

import codecs
import os
import re
import tarfile

from gemma10m.documents.text import EncodingDetector, is_binary

COMPRESSED = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd"}
_SIGNATURES = {  # of binary files that are not read: where and by which bytes each is known
    "image": [
        (0, b"\x89PNG\r\n\x1a\n"),
        (0, b"\xff\xd8\xff"),
        (0, b"GIF8"),
        (0, b"II*\0"),
        (0, b"MM\0*"),
        (8, b"WEBP"),
    ],
    "sound": [(4, b"ftyp"), (0, b"\x1aE\xdf\xa3"), (0, b"OggS"), (0, b"ID3"), (0, b"fLaC"), (0, b"RIFF")],
    "7z": [(0, b"7z\xbc\xaf\x27\x1c")],
    "rar": [(0, b"Rar!\x1a\x07")],
    "packed": [(0, b"MSCF\0"), (0, b"LZIP"), (0, b"\x04\x22\x4d\x18"), (0, b"\x1f\x9d"), (0x8001, b"CD001")],
    "mobi": [(60, b"BOOKMOBI"), (60, b"TEXtREAd")],
    "djvu": [(0, b"AT&TFORM")],
    "chm": [(0, b"ITSF")],
    "lit": [(0, b"ITOLITLS")],
    "wpd": [(0, b"\xffWPC")],
    "tnef": [(0, b"\x78\x9f\x3e\x22")],
    "pst": [(0, b"!BDN")],
    "sqlite": [(0, b"SQLite format 3\0")],
    "mdb": [(4, b"Standard Jet DB"), (4, b"Standard ACE DB")],
}
_UNPACK, _EXPORT = "unpack it, and name the folder", "save it as DOCX, PDF or text"
REFUSED = {  # why, and what to do about it
    "ole": ("an old Office file (.doc, .ppt, .msg), which is not supported", _EXPORT),
    "broken": ("damaged: it begins as an old Office file, and is cut short or broken", "get an undamaged copy of it"),
    "encrypted": ("an Office document that only a password opens", "save it without a password"),
    "lfs": ("a git-LFS pointer, not the file: run `git lfs pull`", "run `git lfs pull` where it comes from"),
    "state": ("a saved state, which is asked alone", "name it as the only source: gemma10m ask FILE"),
    "image": ("an image", "recognise its text with another program (OCR), and name that text"),
    "sound": ("a sound or video file, which is not supported", "name its subtitles or a transcript"),
    "7z": ("a 7z archive, which is not supported", _UNPACK),
    "rar": ("a RAR archive, which is not supported", _UNPACK),
    "packed": ("an archive or disk image, which is not supported", _UNPACK),
    "mobi": ("a Mobipocket or Kindle book, which is not supported", "convert it to EPUB"),
    "djvu": ("a DjVu document, which is not supported", "convert it to PDF or text"),
    "chm": ("a CHM help file, which is not supported", "unpack it, and name the folder of its pages"),
    "lit": ("a Microsoft Reader book, which is not supported", "convert it to EPUB"),
    "wpd": ("a WordPerfect document, which is not supported", _EXPORT),
    "tnef": ("an attachment of Outlook (winmail.dat), which is not supported", _UNPACK),
    "pst": ("an Outlook mailbox, which is not supported", "export it as .mbox or .eml"),
    "sqlite": ("an SQLite database, which is not supported", "export what you want to read as text"),
    "mdb": ("an Access database, which is not supported", "export what you want to read as text"),
}
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")  # three letters alone may begin a text
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# Files with these names may begin with a program that unpacks them, or with a header.
_ZIP_NAMES = (".zip", ".docx", ".epub", ".odp", ".ods", ".odt", ".pptx", ".xlsx")
_TAR = slice(257, 262)  # of a header, where all but the oldest have a mark
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--(?:(?!-->).){0,1000}-->\s*|<\?xml[^>]{0,200}>\s*)*<(?:!doctype\s+html|html)[\s>]",
    re.I | re.S,
)
_INFO = re.compile(rb"This is [^\n]{1,200}, produced by\s+(?:GNU )?(?:makeinfo|texi2any)\b")
_MANUAL = re.compile(  # a comment, the title, or a request that may come before it
    rb"\s*(?:[.'][ \t]*(?:\\[\"#]|(?:TH|D[dt]|ig|lf|rn|als|de1?|am1?|if|ie|nr|ds|tr|so|mso|ss|nh)\s|\.?\n)|\\\")"
)
_TITLE = re.compile(rb"^[.'][ \t]*(?:TH|D[dt])\s", re.MULTILINE)
_SUBTITLES = {  # what is in them, by their names
    **dict.fromkeys((".srt", ".vtt"), re.compile(b"-->")),
    **dict.fromkeys((".ass", ".ssa"), re.compile(rb"\[Script Info\]")),
    **dict.fromkeys((".smi", ".sami"), re.compile(rb"<SYNC\s", re.I)),
    ".sbv": re.compile(b":"),
    ".sub": re.compile(rb"\{\d+\}\{\d*\}|\[\d+\]\[\d*\]|\d:\d\d:\d\d\.\d+,\d+:"),
    **dict.fromkeys((".mpl", ".mpl2"), re.compile(rb"\[\d+\]\[\d*\]")),
    ".txt": re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s*(?:\[\d+\]\[\d+\]|\{\d+\}\{\d+\})[^\n]+(?:\n|\Z)){2}"),
    ".lrc": re.compile(rb"\[\d+:\d\d"),
}
_XML = re.compile(  # documents of one file, by their first element
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?[^>]{0,200}>\s*)*(?:<!--(?:(?!-->).){0,1000}-->\s*)*"
    rb"<(?:(?P<fictionbook>FictionBook\s)|(?P<word>w:wordDocument\s|pkg:package\s)"
    rb"|(?P<subtitles>(?:\w{1,20}:)?tt\s[^>]{0,4000}/tt(?:ml|af1)\b))",
    re.S,
)
_SOURCE_NAMES = frozenset(  # which may begin as pages do
    ".asp .aspx .astro .c .cfm .cgi .cpp .cs .cshtml .css .cts .eex .ejs .erb .ex .go .gohtml .h .haml "
    ".handlebars .hbs .heex .htc .inc .j2 .java .jinja .jinja2 .js .jsp .jspf .jspx .jsx .leex .liquid .lua .mako "
    ".markdown .md .mdx .mjs .mts .mustache .njk .php .php3 .php4 .php5 .php7 .phps .phtml .pl .pm .pug .py .r "
    ".razor .rb .rhtml .rmd .rs .rst .scala .sh .slim .svelte .swift .tag .templ .tmpl .tpl .ts .tsx .twig "
    ".vbhtml .vm .vue .xsl .xslt".split()
)
_PROGRAM = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?(?:php|=)|<%)", re.I)
_XHTML_NAMES = (".xhtml", ".xht")
_HTML_NAMES = (".html", ".htm", ".shtml", *_XHTML_NAMES)
_PDF = b"%PDF-"
_PDF_WITHIN = 1024  # bytes; as other readers accept it
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?[\s\0]*")
_NO_TEXT = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_RTF = re.compile(rb"\{\\rtf\d")
_FLAT_ODF = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?<office:document\s[^>]{0,16000}"
    rb"mimetype=[\"']application/vnd\.oasis\.opendocument\.(text|spreadsheet|presentation)(?:-template)?[\"']"
)
_FLAT_KINDS = {b"text": "flat-odt", b"spreadsheet": "flat-ods", b"presentation": "flat-odp"}
_STATE = re.compile(rb'.{8}\{"__metadata__":\{"format":"gemma10m\.state/', re.S)


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAIL_NAMES = (".eml", ".emlx", ".mbox", ".mbx", ".mht", ".mhtml")
_HEADER = re.compile(rb"(?:From \S+ [^\n]{10,200}\n>?|\s*)[!-9;-~]{1,80}:[ \t\r\n]")
MAIL_LENGTH = re.compile(rb"\d{1,10}[ \t]*\r?\n")  # before a message of Apple Mail
_FIELD = re.compile(rb">?[!-9;-~]{1,80}:(?:[ \t\r\n]|\Z)")
_OF_MAIL_ALONE = re.compile(rb"(?:Received|Return-Path|Delivered-To|Message-ID|MIME-Version): ", re.IGNORECASE)
_SEPARATOR = re.compile(  # with an address, or with a date as RFC 4155 has it: a sentence may begin with "From"
    rb"From (?:(?:[^\s@]*@\S*|-) [^\n]*\d:\d\d\b[^\n]*\b\d{4}\b"
    rb"|[^\n]{1,200} (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]?\d \d?\d:\d\d\b[^\n]*\b\d{4}\b)"
)
_PLAUSIBLE = {  # fields of a mail, and what is in them
    b"from|to|cc|sender|reply-to|return-path|delivered-to": rb"[^\n]*\S@\S|<>",
    b"date|delivery-date": rb"[^\n]*\d \w{3} \d\d[^\n]*\d:\d\d",
    b"message-id": rb"<\S+@\S+>",
    b"received": rb"(?:from|by) [^\n]*[;@.]",
    b"subject": rb"\S",
    b"mime-version": rb"1\.0\s*(?:\(|\n|\r|\Z)",
    b"content-type": rb"[a-z]+/[a-z]",
}
_PLAUSIBLE_FIELD = re.compile(b"|".join(b"(?:%s):\\s+(?:%s)" % field for field in _PLAUSIBLE.items()), re.IGNORECASE)
_ENOUGH_FIELDS = 3  # where the file's name does not say that it is a mail
_LONGEST_HEADERS = 500  # lines
_LONGEST_LINE = 400  # bytes of it that are looked at: what is looked for takes time that grows with the square
_LFS_LARGEST = 1024  # bytes; as git-lfs has it
_LFS = re.compile(
    rb"version https?://(?:git-lfs|hawser)\.github\.com/spec/v\d\r?\n(?:[a-z0-9.-]+ [^\n]{1,200}\n?){2,9}"
)


def kind_of(head: bytes, name: str) -> str:
    """Return one of COMPRESSED, "zip", "tar", "pdf", "html", "xhtml", "info", "mail", "manual", "notebook", "rtf",
    "flat-odt" and its like, "subtitles", "fictionbook", "word" for one that is a file of XML, one of REFUSED, or
    "text", which it may still not be.
    """
    ending = os.path.splitext(name)[1].lower()
    if marked := _packed(head) or _marked(head, ending):
        return marked
    if _is_subtitles(_narrow(head), ending):
        return "subtitles"
    if xml := _XML.match(_narrow(head)):
        return str(xml.lastgroup)
    if _is_html(head, ending):
        return "xhtml" if ending in _XHTML_NAMES else "html"
    if _INFO.match(head):
        return "info"
    if _MANUAL.match(head) and _TITLE.search(head):
        return "manual"
    if ending == ".ipynb" and head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
        return "notebook"
    return "mail" if _is_mail(head, ending) else "text"


def _marked(head: bytes, ending: str) -> str:
    if _STATE.match(head):
        return "state"
    if len(head) < _LFS_LARGEST and _LFS.fullmatch(head):
        return "lfs"
    if _is_pdf(head, ending):
        return "pdf"
    if ending in _ZIP_NAMES and _ZIP[0] in head:
        return "zip"
    if _RTF.match(head):
        return "rtf"
    if flat := _FLAT_ODF.match(head):
        return _FLAT_KINDS[flat[1]]
    return "ole" if head.startswith(_OLE) else _signed(head)


def _signed(head: bytes) -> str:
    if not is_binary(head):
        return ""
    kinds = (kind for kind, signs in _SIGNATURES.items() if any(head.startswith(sign, at) for at, sign in signs))
    return next(kinds, "")


def _is_html(head: bytes, ending: str) -> bool:
    """Return whether it is a page; a file whose name says that it is source code is not."""
    if ending in _HTML_NAMES:
        return not _PROGRAM.match(head)
    return ending not in _SOURCE_NAMES and bool(_HTML.match(_narrow(head)[:4096]))


def _is_subtitles(head: bytes, ending: str) -> bool:
    is_marked = head.startswith((b"WEBVTT\n", b"WEBVTT\r")) and b"-->" in head
    return is_marked or (ending in _SUBTITLES and bool(_SUBTITLES[ending].search(head)))


def _narrow(head: bytes) -> bytes:
    """Return the first bytes of a text in UTF-16 or UTF-32 as UTF-8, and of any other file as they are."""
    detector = EncodingDetector(head)
    if detector.wide:
        return head[len(detector.mark) : 8192].decode(detector.encoding, "ignore").encode("utf-8", "ignore")
    return head


def _packed(head: bytes) -> str:
    if head.startswith(_ZIP):
        return "zip"
    if is_tar_header(head[: tarfile.BLOCKSIZE]):
        return "tar"
    for kind, magic in COMPRESSED.items():
        if head.startswith(magic) and (kind != "bzip2" or _BZIP2.match(head)):
            return kind
    return ""


def _is_mail(head: bytes, ending: str) -> bool:
    head = head.removeprefix(codecs.BOM_UTF8)
    if ending in _MAIL_NAMES:
        length = MAIL_LENGTH.match(head) if ending == ".emlx" else None
        return bool(_HEADER.match(head, length.end() if length else 0))
    lines = head.split(b"\n", _LONGEST_HEADERS)
    return _separates(lines[0], b"".join(lines[1:2])) or _are_headers(lines)


def _separates(line: bytes, following: bytes) -> bool:
    """Tell if a line begins a message in a mailbox; the next one is a header then."""
    return bool(_SEPARATOR.match(line[:_LONGEST_LINE]) and _FIELD.match(following))


def _are_headers(lines: list[bytes]) -> bool:
    """Tell if all lines up to an empty one are headers, enough are plausible, and one is of mail alone."""
    known, is_mail = 0, False
    for line in lines[:_LONGEST_HEADERS]:
        if not line.strip():
            break
        if line[:1] not in b" \t" and not _FIELD.match(line):
            return False
        known += bool(_PLAUSIBLE_FIELD.match(line[:_LONGEST_LINE]))
        is_mail = is_mail or bool(_OF_MAIL_ALONE.match(line))
    return is_mail and known >= _ENOUGH_FIELDS


def is_tar_header(block: bytes) -> bool:
    """Return whether a tar begins here; the oldest tars have no mark, only a sum of their bytes."""
    if block[_TAR] == b"ustar":
        return True
    try:
        return block[0] > 0 and tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape").size >= 0
    except (tarfile.TarError, IndexError):
        return False


def _is_pdf(head: bytes, ending: str) -> bool:
    """Return whether it is a PDF; a text that merely mentions the mark is not."""
    at = head.find(_PDF, 0, _PDF_WITHIN)
    if at < 0:
        return False
    before = head[:at]
    return ending == ".pdf" or bool(_BLANK.fullmatch(before) or _NO_TEXT.search(before))
