"""Zip files, opened and read without believing what they say of themselves."""

from __future__ import annotations

import os
import stat
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import BLOCK, UnreadableError, kind_of_file

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)
_UNIX = 3
_ENCRYPTED = 1
_METHODS = {9: "by Deflate64, a way", 12: "by bzip2, a way", 14: "by LZMA, a way", 93: "by Zstandard, a way"}
_METHODS |= {95: "by XZ, a way", 98: "by PPMd, a way"}


class Zip:
    """The members of a zip file. Of several with the same name the last one counts, as when it is unpacked."""

    def __init__(self, content: Content, budget: Budget) -> None:
        """List the members. Raises `UnreadableError`."""
        self.budget = budget
        descriptor = content.open()
        weakref.finalize(self, os.close, descriptor)
        try:
            self._file = zipfile.ZipFile(cast(IO[bytes], ContentFile(content, descriptor)))
        except _DAMAGE as error:
            raise UnreadableError("damaged: its list of members cannot be read") from error
        self.listed = self._file.infolist()
        if len(self.listed) > limits.MEMBERS:
            raise UnreadableError(f"it holds more than {limits.MEMBERS:,} members", hint="unpack it yourself")
        self.members = {member.filename: member for member in self.listed}

    def why_not(self, name: str) -> str:
        """Why a member cannot be read; "" when it can, as far as the list of members knows."""
        member = self.members[name]
        mode = member.external_attr >> 16
        if member.create_system == _UNIX and stat.S_IFMT(mode) and not stat.S_ISREG(mode):
            return kind_of_file(mode)
        if member.flag_bits & _ENCRYPTED:
            return "encrypted"
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # memory without a bound
            return f"compressed {_METHODS.get(member.compress_type, 'in a way')} that is not read"
        return ""

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a member's bytes. Raises `UnreadableError`, `BombError` among them."""
        if name not in self.members:
            raise UnreadableError(f"damaged: it has no {printable(name[:80])}")
        if why := self.why_not(name):
            raise UnreadableError(f"its {printable(name[:80])} is {why}")
        try:
            with self._file.open(self.members[name]) as member:
                while block := member.read(BLOCK):
                    self.budget.spend(len(block))
                    yield block
        except _DAMAGE as error:
            raise UnreadableError("damaged: it does not unpack to what it held") from error

    def whole(self, name: str) -> bytes:
        """Return a member's bytes at once. Raises `UnreadableError`, also when they are too many to hold in memory."""
        found = bytearray()
        for block in self.blocks(name):
            found += block
            if len(found) > limits.LARGEST_WHOLE:
                raise UnreadableError(f"a member of more than {limits.LARGEST_WHOLE >> 20} MiB")
        return bytes(found)
