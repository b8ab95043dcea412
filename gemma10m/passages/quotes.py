"""Quote the sentences that support an answer, compared with the files as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from gemma10m.documents import NOT_AVAILABLE, Document, FileNow, FilesNow, SourceFile
from gemma10m.documents.names import original
from gemma10m.documents.text import decoder
from gemma10m.encodings import nbytes
from gemma10m.errors import DocumentError
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.retrieve import Excerpt


@dataclass(frozen=True)
class Source:
    """Hold the place of a quote. Byte offsets are of the file, or of the text taken out of it."""

    file: str
    line: int
    place: str  # page, chapter or cell; "" where there are none
    start: int
    stop: int
    quote: str | None  # None where the file is not what was read: what cannot be checked is not quoted
    status: str  # of the file: "as read", "changed", "gone", or "not found" where nobody knows

    def record(self) -> dict[str, object]:
        """Return what `--json` says: the file by its name as it is on the disk."""
        return {**asdict(self), "file": original(self.file)}


def locate(excerpts: Sequence[Excerpt], index: PassageIndex, document: Document | FilesNow | None) -> list[Source]:
    """Return each excerpt's place, and its words if the file still has them."""
    return [_located(excerpt, index, document) for excerpt in excerpts]


def _located(excerpt: Excerpt, index: PassageIndex, document: Document | FilesNow | None) -> Source:
    passage = excerpt.passage
    now = document.now(passage.file) if document else FileNow(NOT_AVAILABLE)
    file = now.file
    path, encoding = (file.path, file.encoding) if file else index.files[passage.file]
    start = passage.start + nbytes(passage.text[: excerpt.first], encoding)
    stop = start + nbytes(excerpt.text, encoding)
    found = _on_disk(file, start, stop) if file else None
    place = file.place(start) if file else excerpt.place
    quote = excerpt.text if found == excerpt.text else None
    status = file.status() if file and quote is None else now.status
    return Source(path, excerpt.line, place, start, stop, quote, status)


def _on_disk(file: SourceFile, start: int, stop: int) -> str | None:
    try:
        return decoder(file.encoding).decode(file.cut(start, stop), True)
    except (DocumentError, UnicodeDecodeError):
        return None
