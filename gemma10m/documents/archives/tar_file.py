"""Tar files: members are read where they lie, and nothing is copied."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any, cast

from gemma10m.documents import limits
from gemma10m.documents.archives.archive import Archive, Member
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import Spool

_DAMAGE = (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, RecursionError)
_KINDS = {
    tarfile.SYMTYPE: "a link, not followed",
    tarfile.LNKTYPE: "a link, not followed",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a FIFO",
    tarfile.GNUTYPE_SPARSE: "a file with holes",
}


class TarArchive(Archive):
    def __init__(self, content: Content, budget: Budget) -> None:
        """Raises `UnreadableError`."""
        self._parts: dict[str, Content] = {}
        with content.descriptor() as descriptor:
            file = ContentFile(content, descriptor)
            try:
                super().__init__(self._members(file, content), budget)
            except _DAMAGE as error:
                raise UnreadableError("damaged: its list of members cannot be read") from error

    def load(self, name: str, spool: Spool) -> Content:
        return self._parts[name]

    def _members(self, file: ContentFile, content: Content) -> Iterator[Member]:
        with tarfile.open(fileobj=cast(IO[bytes], file), mode="r:", encoding="utf-8") as archive:
            position = -1
            for count, member in enumerate(archive):
                cast(Any, archive).members = []  # which it would keep
                if count >= limits.MEMBERS:
                    raise UnreadableError(f"it holds more than {limits.MEMBERS:,} members", hint="unpack it yourself")
                if member.offset <= position or member.size < 0:
                    raise UnreadableError("damaged: its members lie inside one another")
                position = member.offset
                if member.isdir():
                    continue
                why_not = "a file with holes" if member.issparse() else _KINDS.get(member.type, "")
                begin = member.offset_data
                if not why_not and begin + member.size > file.nbytes:
                    raise UnreadableError("damaged: it ends in the middle of a member")
                self._parts[member.name] = replace(content, start=content.start + begin, nbytes=member.size)
                yield Member(member.name, why_not)
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise UnreadableError("damaged: it ends without its end mark")
