"""Tell what is in an OLE compound file ([MS-CFB]), the container of old Office files, by the names of its streams."""

from __future__ import annotations

import struct

from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.detect import kind_of

_HEADER, _ENTRY = 512, 128  # bytes
_SHIFTS = (9, 12)  # of sectors' sizes
_READ = 32  # entries of the directory's first sectors
_STORAGE, _STREAM, _UNUSED, _ROOT = 1, 2, 0, 5
_KINDS = {"WordDocument": "ole", "PowerPoint Document": "ole", "EncryptedPackage": "encrypted"}  # by the first found
_KINDS |= {"Workbook": "xls", "Book": "xls"}


def kind_of_content(content: Content, name: str) -> str:
    """Return the kind of a file as `kind_of` does, or that of an OLE file by its streams. Raises `UnreadableError`."""
    kind = kind_of(content.head(), name)
    return _ole_kind(content) if kind == "ole" else kind


def _ole_kind(content: Content) -> str:
    """Return "xls", "encrypted" for a newer Office file with a password, "broken", or "ole" for another file."""
    with content.descriptor() as descriptor:
        file = ContentFile(content, descriptor)
        head = file.read(_HEADER)
        if len(head) < _HEADER:
            return "ole"
        (shift,), (sector,) = struct.unpack_from("<H", head, 30), struct.unpack_from("<I", head, 48)
        if shift not in _SHIFTS:
            return "ole"
        file.seek((sector + 1) << shift)
        names = _names(file.read(_READ * _ENTRY))
    return next((kind for name, kind in _KINDS.items() if name in names), "ole" if names else "broken")


def _names(directory: bytes) -> set[str]:
    """Return the names up to the first entry that cannot be one: the directory's sectors may be apart."""
    names = set()
    for at in range(0, len(directory) - _ENTRY + 1, _ENTRY):
        (length, kind) = struct.unpack_from("<HB", directory, at + 64)
        if kind not in (_STORAGE, _STREAM, _UNUSED, _ROOT) or length > 64:
            break
        names.add(directory[at : at + max(0, length - 2)].decode("utf-16-le", "replace"))
    return names
