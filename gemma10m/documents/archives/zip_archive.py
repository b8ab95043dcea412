"""Read zip archives: a member is copied to the spool when its turn comes."""

from __future__ import annotations

from itertools import chain

from gemma10m.documents.archives.archive import Archive, Member
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.detect import REFUSED, kind_of
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import Spool
from gemma10m.documents.text import EncodingDetector


class ZipArchive(Archive):
    """Read the members of a zip file."""

    separators = "/\\"  # the second one is Windows's, which some programs write against the format's rules

    def __init__(self, file: Zip, budget: Budget) -> None:
        """List the members. Raises `UnreadableError`."""
        self._file, self.notices = file, file.notices
        names = (member.filename for member in file.listed if not member.filename.endswith(("/", "\\")))
        super().__init__((Member(name, file.why_not(name)) for name in names), budget)

    def load(self, name: str, spool: Spool) -> Content:
        blocks = self._file.blocks(name)
        first = next(blocks, b"")
        kind = kind_of(first, name)
        if kind in REFUSED and kind != "ole":  # whose list of streams may be further behind
            raise UnreadableError(*REFUSED[kind])
        if kind == "text":
            EncodingDetector(first).feed(first, final=False)  # which keeps pictures and programs out of the spool
        return spool.keep(chain([first], blocks))
