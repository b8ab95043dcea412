"""List the members of a zip file whose own list, at its end, is lost: each member begins with a header of its own.

The list is made anew and put behind the file, so that it is read as any other (PKWARE's APPNOTE, 4.3).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import ContentFile
from gemma10m.documents.safe_open import BLOCK

_HEADER = struct.Struct(
    "<4s5H3I2H"
)  # version, flags, method, time, date; checksum, two sizes; lengths of name and extra
_LISTED = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCAL, _CENTRAL, _LAST = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_FOLLOWED = 8  # the flag of a member whose checksum and sizes come behind its bytes
_DEFLATED = 8
_LARGEST = 0xFFFFFFFF
_MOST_LISTED = 0xFFFF  # members that a list without 64-bit numbers may have


@dataclass(frozen=True)
class _Member:
    start: int  # of its header
    fields: tuple[int, ...]  # of its header, the sizes filled in
    name: bytes
    stop: int  # of its bytes

    def listed(self) -> bytes:
        version, flags, method, clock, date, checksum, packed, size = self.fields
        lengths = (len(self.name), 0, 0, 0, 0)
        head = _LISTED.pack(
            _CENTRAL, version, version, flags, method, clock, date, checksum, packed, size, *lengths, 0, self.start
        )
        return head + self.name


def new_list(file: ContentFile) -> tuple[bytes, int] | None:
    """Return a list of the members that are found in the file, and their number; None if it holds no member."""
    members = list(_members(file, Budget(file.nbytes)))
    if not members:
        return None
    listed, count = b"".join(member.listed() for member in members), len(members)
    return listed + _END.pack(_LAST, 0, 0, count, count, len(listed), file.nbytes, 0), count


def _members(file: ContentFile, budget: Budget) -> Iterator[_Member]:
    """Yield the members that follow one another from the file's start on. Raises `BombError`."""
    at = 0
    for _ in range(min(limits.MEMBERS, _MOST_LISTED)):
        file.seek(at)
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size or not head.startswith(_LOCAL):
            return
        _, *fields, named, extra = _HEADER.unpack(head)
        name, start = file.read(named), at + _HEADER.size + named + extra
        sized = _sized(file, start, fields, budget)
        if not name or len(name) < named or sized is None or start > file.nbytes:
            return
        member = _Member(at, sized, name, min(start + sized[6], file.nbytes))
        yield member
        at = member.stop + (_behind(file, member.stop) if fields[1] & _FOLLOWED else 0)


def _sized(file: ContentFile, start: int, fields: list[int], budget: Budget) -> tuple[int, ...] | None:
    """Return a header's fields with the sizes of the bytes that are there; None where they cannot be known."""
    version, flags, method, clock, date, checksum, packed, size = fields
    left = file.nbytes - start
    if flags & _FOLLOWED and not packed:
        if method != _DEFLATED:
            return None
        checksum, packed, size = _inflated(file, start, budget)
    if _LARGEST in (packed, size):  # 64-bit numbers elsewhere
        return None
    return version, flags, method, clock, date, checksum, min(packed, left), size


def _inflated(file: ContentFile, start: int, budget: Budget) -> tuple[int, int, int]:
    """Return the checksum, the bytes in the file and those that come out of them, up to their end or to damage.

    A member that does not end has a checksum that does not match.
    """
    file.seek(start)
    inflate, checksum, packed, size = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0, 0
    while not inflate.eof and (block := inflate.unconsumed_tail or file.read(BLOCK)):
        try:
            found = inflate.decompress(block, BLOCK)
        except zlib.error:
            break
        packed += len(block) - len(inflate.unconsumed_tail) - len(inflate.unused_data)
        budget.spend(len(found))
        checksum, size = zlib.crc32(found, checksum), size + len(found)
    return checksum if inflate.eof else ~checksum & _LARGEST, packed, size


def _behind(file: ContentFile, stop: int) -> int:
    """Return how many bytes with sizes are behind a member's: 12 or 16, or 20 or 24 with 64-bit numbers."""
    file.seek(stop)
    found = file.read(24 + len(_LOCAL))
    return next((size for size in (16, 12, 24, 20) if found[size:].startswith((_LOCAL, _CENTRAL))), 16)
