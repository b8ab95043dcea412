"""Open and read zip files without believing what they say of themselves."""

from __future__ import annotations

import copy
import os
import stat
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

from gemma10m.documents import limits
from gemma10m.documents.archives.zip_recovery import new_list
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.counts import counted
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import BLOCK, UnreadableError, kind_of_file

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)
_UNIX = 3
_ENCRYPTED = 1
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_NO_LIST = "damaged: its list of members cannot be read"
_NAMED = 20  # members with a wrong checksum, at most


class Zip:
    """Hold the members of a zip file. Of several with the same name the last one counts, as when it is unpacked."""

    def __init__(self, content: Content, budget: Budget) -> None:
        """List the members. Raises `UnreadableError`."""
        self.budget = budget
        descriptor = content.open()
        weakref.finalize(self, os.close, descriptor)
        self.notices: list[str] = []  # what is wrong with the file, and with the members that were read so far
        self._file = self._opened(content, descriptor)
        self.listed = self._file.infolist()
        if len(self.listed) > limits.MEMBERS:
            raise UnreadableError(f"it holds more than {limits.MEMBERS:,} members", hint="unpack it yourself")
        self.members = {member.filename: member for member in self.listed}
        if not any("/" in name for name in self.members):  # a program on Windows wrote it against the rule
            self.members |= {name.replace("\\", "/"): member for name, member in self.members.items()}
        self._wrong: set[str] = set()  # members whose checksum does not match

    def _opened(self, content: Content, descriptor: int) -> zipfile.ZipFile:
        """Open the file by its list of members, or by one that is made anew. Raises `UnreadableError`."""
        file = ContentFile(content, descriptor)
        try:
            return zipfile.ZipFile(cast(IO[bytes], file))
        except _DAMAGE as error:
            if (found := new_list(file)) is None:
                raise UnreadableError(_NO_LIST) from error
        listed, count = found
        self.notices.append(f"damaged: its list of members is lost; {counted(count, 'member')} found without it")
        try:
            return zipfile.ZipFile(cast(IO[bytes], ContentFile(content, descriptor, listed)))
        except _DAMAGE as error:  # such as a version of the format that nobody has
            raise UnreadableError(_NO_LIST) from error

    def why_not(self, name: str) -> str:
        """Return why a member cannot be read; "" when it can, as far as the list of members knows."""
        member = self.members[name]
        mode = member.external_attr >> 16
        if member.create_system == _UNIX and stat.S_IFMT(mode) and not stat.S_ISREG(mode):
            return kind_of_file(mode)
        if member.flag_bits & _ENCRYPTED:
            return "encrypted"
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # memory without a bound
            return f"compressed with {_METHODS.get(member.compress_type, 'an unknown method')}, which is not supported"
        return ""

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a member's bytes, whatever their checksum is. Raises `UnreadableError`, `BombError` among them."""
        if name not in self.members:
            raise UnreadableError(f"damaged: it has no {printable(name[:80])}")
        if why := self.why_not(name):
            raise UnreadableError(f"its {printable(name[:80])} is {why}")
        unchecked, found = copy.copy(self.members[name]), 0
        del unchecked.CRC  # which zipfile would check by throwing away the last block
        try:
            with self._file.open(unchecked) as member:
                while block := member.read(BLOCK):
                    self.budget.spend(len(block))
                    found = zlib.crc32(block, found)
                    yield block
        except _DAMAGE as error:
            raise UnreadableError("damaged: it cannot be unpacked") from error
        if found != self.members[name].CRC and name not in self._wrong:
            self._wrong.add(name)
            if len(self._wrong) <= _NAMED:
                self.notices.append(f"{printable(name[:80])}: its checksum does not match")
            elif len(self._wrong) == _NAMED + 1:
                self.notices.append("the checksums of more members do not match")

    def whole(self, name: str) -> bytes:
        """Return a member's bytes at once. Raises `UnreadableError`, also when they are too many to hold in memory."""
        found = bytearray()
        for block in self.blocks(name):
            found += block
            if len(found) > limits.LARGEST_WHOLE:
                raise UnreadableError(f"a member of more than {limits.LARGEST_WHOLE >> 20} MiB")
        return bytes(found)
