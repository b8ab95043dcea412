"""A Debian package: an ar archive of two tar.xz archives. Single files are read out of it in memory."""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prose.damage import LARGEST, DamagedError, check_size

_MAGIC = b"!<arch>\n"
_ENTRY = 60  # bytes of an ar entry's header: name 16, time 12, owner 6, group 6, mode 8, size 10, end 2
_XZ_MEMORY = 1 << 28


@dataclass(frozen=True)
class DebFile:
    """Name a package that a mirror has, and what makes it that one."""

    name: str
    version: str
    path: str  # on a mirror of Debian
    size: int  # of the .deb, in bytes
    sha256: str

    @property
    def file_name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Deb:
    name: str
    version: str
    files: bytes  # the tar of what the package installs


def open_deb(data: bytes, largest: int = LARGEST) -> Deb:
    """Open a .deb that installs at most `largest` bytes. Raises `DamagedError`."""
    parts = _ar_entries(data)
    for wanted in ("control.tar.xz", "data.tar.xz"):
        if wanted not in parts:
            raise DamagedError(f"it has no {wanted}, only {', '.join(parts) or 'nothing'}")
    control = read_member(_unpack_xz(parts["control.tar.xz"], LARGEST), "control").decode("utf-8", "replace")
    fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line and not line.startswith(" "))
    return Deb(fields.get("Package", "nameless"), fields.get("Version", "0"), _unpack_xz(parts["data.tar.xz"], largest))


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


def _unpack_xz(data: bytes, largest: int) -> bytes:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    try:
        unpacked = decoder.decompress(data, max_length=largest + 1)
    except lzma.LZMAError as error:
        raise DamagedError(f"its xz data is broken ({error})") from error
    check_size(len(unpacked), "its content", largest)
    if not decoder.eof:
        raise DamagedError("its xz data ends early")
    return unpacked


def read_member(tar: bytes, path: str) -> bytes:
    """Read a regular file of a tar. Raises `DamagedError` if it is missing, a link, or larger than allowed."""
    for _, content in read_members(tar, path.__eq__):
        return content
    raise DamagedError(f"it holds no {path}")


def read_members(tar: bytes, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield the paths and contents of the regular files of a tar that are wanted. Raises `DamagedError`."""
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for member in archive:
                # A negative size sends tarfile round in circles.
                check_size(member.size, "a file in it")
                path = member.name.removeprefix("./")
                if is_wanted(path):
                    yield path, _content(archive, member)
    except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
        raise DamagedError(f"its tar archive is broken ({error})") from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member) if member.isreg() and not member.issparse() else None
    if stream is None:
        raise DamagedError(f"{member.name} in it is not a regular file")
    content = stream.read()
    if len(content) != member.size:
        raise DamagedError(f"{member.name} in it ends early")
    return content
