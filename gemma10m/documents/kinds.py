"""What kind of file it is: by its first bytes, and by its name only where bytes cannot tell."""

from __future__ import annotations

import os
import re

COMPRESSED = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd"}
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")  # three letters alone may begin a text
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_TAR = slice(257, 262)
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.{0,1000}?-->\s*|<\?xml[^>]{0,200}>\s*)*<(?:!doctype\s+html|html)[\s>]", re.I | re.S
)
_INFO = re.compile(rb"This is [^\n]{1,200}, produced by\s+(?:GNU )?(?:makeinfo|texi2any)\b")
_HTML_NAMES = (".html", ".htm", ".xhtml")


def kind_of(head: bytes, name: str) -> str:
    """One of COMPRESSED, "zip", "tar", "pdf", "html", "info", "notebook", or "text", which it may still not be."""
    if head.startswith(_ZIP):
        return "zip"
    if head[_TAR] == b"ustar":
        return "tar"
    if head.startswith(b"%PDF-"):
        return "pdf"
    for kind, magic in COMPRESSED.items():
        if head.startswith(magic) and (kind != "bzip2" or _BZIP2.match(head)):
            return kind
    ending = os.path.splitext(name)[1].lower()
    if ending in _HTML_NAMES or _HTML.match(head[:4096]):
        return "html"
    if _INFO.match(head):
        return "info"
    if ending == ".ipynb" and head.lstrip().startswith(b"{"):
        return "notebook"
    return "text"
