"""A Debian package: an ar archive of two tar.xz archives. Single files are read out of it in memory."""

from __future__ import annotations

import io
import lzma
import tarfile
from dataclasses import dataclass

from prose.damage import LARGEST, DamagedError, check_size

_MAGIC = b"!<arch>\n"
_ENTRY = 60  # bytes of an ar entry's header: name 16, time 12, owner 6, group 6, mode 8, size 10, end 2
_XZ_MEMORY = 1 << 28


@dataclass(frozen=True)
class Deb:
    name: str
    version: str
    files: bytes  # the tar of what the package installs


def open_deb(data: bytes) -> Deb:
    """Open a .deb. Raises `DamagedError`."""
    parts = _ar_entries(data)
    for wanted in ("control.tar.xz", "data.tar.xz"):
        if wanted not in parts:
            raise DamagedError(f"it has no {wanted}, only {', '.join(parts) or 'nothing'}")
    control = read_member(_unpack_xz(parts["control.tar.xz"]), "control").decode("utf-8", "replace")
    fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line and not line.startswith(" "))
    return Deb(fields.get("Package", "nameless"), fields.get("Version", "0"), _unpack_xz(parts["data.tar.xz"]))


def _ar_entries(data: bytes) -> dict[str, bytes]:
    if not data.startswith(_MAGIC):
        raise DamagedError("it is not an ar archive")
    entries, at = {}, len(_MAGIC)
    while at < len(data):
        header = data[at : at + _ENTRY]
        size = header[48:58].rstrip(b" ")
        if len(header) < _ENTRY or header[58:] != b"`\n" or not size.isdigit():
            raise DamagedError(f"no ar entry begins at byte {at}")
        at += _ENTRY
        if at + int(size) > len(data):
            raise DamagedError("it ends early")
        name = header[:16].decode("latin-1").rstrip(" /")
        entries[name] = data[at : at + int(size)]
        at += int(size) + int(size) % 2
    return entries


def _unpack_xz(data: bytes) -> bytes:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    try:
        unpacked = decoder.decompress(data, max_length=LARGEST + 1)
    except lzma.LZMAError as error:
        raise DamagedError(f"its xz data is broken ({error})") from error
    check_size(len(unpacked), "its content")
    if not decoder.eof:
        raise DamagedError("its xz data ends early")
    return unpacked


def read_member(tar: bytes, path: str) -> bytes:
    """Read a regular file of a tar. Raises `DamagedError` if it is missing, a link, or larger than allowed."""
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for member in archive:
                # A negative size sends tarfile round in circles.
                check_size(member.size, "a file in it")
                if member.name.removeprefix("./") == path:
                    return _content(archive, member)
    except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
        raise DamagedError(f"its tar archive is broken ({error})") from error
    raise DamagedError(f"it holds no {path}")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member) if member.isreg() and not member.issparse() else None
    if stream is None:
        raise DamagedError(f"{member.name} in it is not a regular file")
    content = stream.read()
    if len(content) != member.size:
        raise DamagedError(f"{member.name} in it ends early")
    return content
