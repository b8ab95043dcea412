"""Read tar files: members are read where they lie, and nothing is copied."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any, cast

from gemma10m.documents import limits
from gemma10m.documents.archives.archive import Archive, Member
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.counts import counted, number_of
from gemma10m.documents.detect import is_tar_header
from gemma10m.documents.safe_open import BLOCK, UnreadableError
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
    """Read one archive, or several one after another, as `cat a.tar b.tar` makes them."""

    def __init__(self, content: Content, budget: Budget) -> None:
        """List the members. Raises `UnreadableError`."""
        self._parts: dict[str, Content] = {}
        self._count, self._end = 0, 0  # members found, and where what was read ends
        self.notices: list[str] = []
        with content.descriptor() as descriptor:
            file = ContentFile(content, descriptor)
            super().__init__(self._all_members(file, content), budget)

    def load(self, name: str, spool: Spool) -> Content:
        return self._parts[name]

    def _all_members(self, file: ContentFile, content: Content) -> Iterator[Member]:
        while True:
            try:
                yield from self._members(file, content)
            except _DAMAGE as error:
                if not self._count:
                    raise UnreadableError("damaged: its list of members cannot be read") from error
                self.notices.append(f"it is damaged after {number_of(self._count, 'member')}: what follows is not read")
                return
            if not self._goes_on(file):
                return

    def _members(self, file: ContentFile, content: Content) -> Iterator[Member]:
        with tarfile.open(fileobj=cast(IO[bytes], file), mode="r:", encoding="utf-8") as archive:
            position = -1
            for member in archive:
                cast(Any, archive).members = []  # which it would keep
                self._count += 1
                if self._count > limits.MEMBERS:
                    raise UnreadableError(f"it holds more than {limits.MEMBERS:,} members", hint="unpack it yourself")
                if member.offset <= position or member.size < 0:
                    raise UnreadableError("damaged: its members lie inside one another")
                position = member.offset
                if not member.isdir():
                    yield self._member(member, file.nbytes, content)
            self._end = archive.offset

    def _member(self, member: tarfile.TarInfo, nbytes: int, content: Content) -> Member:
        why_not = "a file with holes" if member.issparse() else _KINDS.get(member.type, "")
        if not why_not and member.offset_data + member.size > nbytes:
            why_not = "damaged: the archive ends in the middle of it"
        self._parts[member.name] = replace(content, start=content.start + member.offset_data, nbytes=member.size)
        return Member(member.name, why_not)

    def _goes_on(self, file: ContentFile) -> bool:
        """Go to where the next archive begins, behind the end mark, which is of zeros."""
        file.seek(self._end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            self.notices.append("it ends without its end mark, or is damaged there: members may be missing")
            return False
        while block := file.read(BLOCK):
            if rest := block.lstrip(b"\0"):
                zeros = len(block) - len(rest)
                begin = file.tell() - len(block) + zeros // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
                break
        else:
            return False
        file.seek(begin)
        if not is_tar_header(file.read(tarfile.BLOCKSIZE)):
            self.notices.append(f"the {counted(file.nbytes - begin, 'byte', ' after its end')} not read")
            return False
        file.seek(begin)
        return True
