"""Save the states of documents while they are read, find them again, and resume from them.

A state's file name is a hash of the model, the tokenizer, how the model reads, and the document.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gemma10m import __version__
from gemma10m.adapters.about import NOTHING_KNOWN, AboutAnswers
from gemma10m.atomic_file import sweep
from gemma10m.documents import Document, FileRead, FilesNow, Origin, Whereabouts, open_again
from gemma10m.errors import StateError
from gemma10m.folders import states_folder
from gemma10m.state_file import (
    DocumentRecord,
    Expectation,
    OriginRecord,
    SkippedRecord,
    SourceRecord,
    StateHeader,
    is_state_file,
    load_state,
    read_header,
    save_state,
)
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt

if TYPE_CHECKING:
    from gemma10m.models.decoder import Decoder
    from gemma10m.ranks.group import Ranks
    from gemma10m.reading import Bookmark, Step

CHECKPOINT_SECONDS = 60.0
PROGRAM = f"gemma10m {__version__}"


@dataclass(frozen=True)
class Reader:
    """Hold a model and its tokenizer, and compute the fingerprints that bind states to them."""

    model: Decoder
    tokenizer: Tokenizer
    read_all: bool = False  # also what no answer can depend on
    about: AboutAnswers = NOTHING_KNOWN  # of the adapter that is merged into the model, or of a packaged model
    is_instructed: bool = False  # how to answer from passages, with each question: a chat model without training for it
    ranks: Ranks | None = None  # with which it reads documents; the first one saves

    @property
    def dtype(self) -> str:
        return self.model.number_format

    @property
    def tokenizer_fingerprint(self) -> str:
        """Return the hash of the tokenizer and of the prompt's opening: both are part of what was read."""
        opening = Prompt(self.tokenizer).opening()
        return hashlib.sha256(f"{self.tokenizer.fingerprint} {opening}".encode()).hexdigest()

    def expectation(self) -> Expectation:
        return Expectation(
            model_fingerprint=self.model.fingerprint,
            tokenizer_fingerprint=self.tokenizer_fingerprint,
            reading=self.model.reading,
            dtype=self.dtype,
            layout=self.model.layout,
            vocabulary=self.model.config.vocabulary,
        )

    def identity(self, *of: object) -> str:
        """Return 32 hexadecimal digits that name what this model computes from `of`."""
        identity = (
            self.model.fingerprint,
            self.tokenizer_fingerprint,
            tuple(self.model.reading.said().values()),
            self.dtype,
            *of,
        )
        return hashlib.sha256(repr(identity).encode()).hexdigest()[:32]

    def about_read(self, document: Document) -> dict[str, str]:
        """Return what must be the same on all ranks that read the document together, by its name in a sentence."""
        reading = self.model.reading
        lengths = f"segment {reading.segment}, carry {reading.carry}, sinks {reading.sinks}"
        return {
            "version": __version__,
            "model": self.model.fingerprint,
            "tokenizer": self.tokenizer_fingerprint,
            "way of reading": f"{reading.memory}, {lengths}{', all' if self.read_all else ''}",
            "dtype": self.dtype,
            "kind of device": self.model.device.type,
            "document": document.fingerprint,
        }

    def state_path(self, document: Document) -> Path:
        return states_folder() / f"{self.identity(document.fingerprint)}.safetensors"

    def load(self, path: Path) -> tuple[Bookmark, StateHeader]:
        """Load a state. Raises StateError if the file is damaged or belongs to another model or document."""
        from gemma10m.reading import Bookmark

        state, header = load_state(path, expect=self.expectation(), device=str(self.model.device))
        tokens = tuple(source.tokens for source in header.document.sources)
        return (
            Bookmark(
                state, header.ids_sha256, header.open_ids, tokens, header.seconds, header.complete, header.skipped
            ),
            header,
        )

    def save(self, path: Path, bookmark: Bookmark, document: Document) -> None:
        """Save where the read of the document is. Raises DiskError."""
        save_state(path, bookmark.state, self._header(bookmark, document))

    def _header(self, bookmark: Bookmark, document: Document) -> StateHeader:
        return StateHeader(
            model=self.model.name,
            model_fingerprint=self.model.fingerprint,
            tokenizer_fingerprint=self.tokenizer_fingerprint,
            reading=self.model.reading,
            dtype=self.dtype,
            position=bookmark.state.position,
            complete=bookmark.complete,
            document=document_record(document, bookmark.file_tokens),
            ids_sha256=bookmark.ids_sha256,
            open_ids=bookmark.open_ids,
            seconds=bookmark.seconds,
            skipped=bookmark.skipped,
            created_by=PROGRAM,
        )

    def earlier(self, document: Document, own: Path | None = None) -> Iterator[Path]:
        """Yield saved states to try, best first: of this very document, then of shorter versions of its file."""
        sweep(states_folder())
        exact = [path for path in (own, self.state_path(document)) if path and is_state_file(path)]
        yield from exact
        headers = ((path, header) for path, header in self._candidates() if path not in exact)
        grown = [(header.document.nbytes, path) for path, header in headers]
        yield from (path for _, path in sorted(grown, reverse=True))

    def _candidates(self) -> Iterator[tuple[Path, StateHeader]]:
        """Yield the readable states of single files that this model made with this reading."""
        expected = self.expectation()
        wanted = (expected.model_fingerprint, expected.tokenizer_fingerprint, expected.reading, expected.dtype)
        for path in states_folder().glob("*.safetensors"):
            try:
                header = read_header(path)
            except StateError:
                continue
            found = (header.model_fingerprint, header.tokenizer_fingerprint, header.reading, header.dtype)
            if found == wanted and len(header.document.sources) == 1:
                yield path, header


def document_record(document: Document, file_tokens: tuple[int, ...]) -> DocumentRecord:
    """Return the manifest: path, bytes, sha256 and tokens of each file, or the reason it was skipped."""
    tokens = file_tokens or (0,) * len(document.files)
    return DocumentRecord(
        name=document.name,
        fingerprint=document.fingerprint,
        nbytes=document.nbytes,
        sources=tuple(
            SourceRecord(file.path, file.nbytes, file.sha256, count)
            for file, count in zip(document.files, tokens, strict=True)
        ),
        skipped=tuple(SkippedRecord(skipped.path, skipped.reason) for skipped in document.skipped),
        origin=OriginRecord(*astuple(document.origin)) if document.origin else None,
    )


def document_of(record: DocumentRecord) -> Document | None:
    """Open the document again if it is unchanged; one without an origin is looked up by its name."""
    origin = Origin(*record.origin) if record.origin else Origin("", (record.name,))
    sizes = {source.path: source.nbytes for source in record.sources}
    return open_again(origin, record.fingerprint, sizes, {skipped.path for skipped in record.skipped})


def files_of(record: DocumentRecord) -> FilesNow:
    """Return the document's files, each on its own, even if others have changed since they were read."""
    files = [FileRead(source.path, source.nbytes, source.sha256) for source in record.sources]
    return FilesNow(Origin(*record.origin) if record.origin else None, record.name, files)


def whereabouts(described: Document | DocumentRecord) -> Whereabouts:
    """Return what makes the document's paths open from the working folder."""
    origin = described.origin
    return Whereabouts(origin.folder, origin.names) if origin else Whereabouts()


def find_bookmark(
    reader: Reader, document: Document, own: Path | None, on_damage: Callable[[StateError], None]
) -> Bookmark | None:
    """Return where an earlier read of this document, or of a shorter version of its file, stopped; else None.

    `own` is a state the user named. States that cannot be used are reported and passed over.
    """
    for path in reader.earlier(document, own):
        try:
            header = read_header(path)
            if reader.read_all and header.skipped:
                continue  # tokens were searched only, and all are to be read
            if header.document.fingerprint == document.fingerprint:
                return reader.load(path)[0]
            if _is_shorter_version(header.document, document):
                return replace(reader.load(path)[0], complete=False)
        except StateError as error:
            on_damage(error)
    return None


def is_continued(record: DocumentRecord, document: Document) -> bool:
    """Tell if a state of this record is of the document, or of a shorter version of its file."""
    return record.fingerprint == document.fingerprint or _is_shorter_version(record, document)


def _is_shorter_version(record: DocumentRecord, document: Document) -> bool:
    if len(record.sources) != 1 or not record.nbytes < document.nbytes:
        return False
    return document.prefix_sha256(record.nbytes) == record.sources[0].sha256


def read_and_save(
    reader: Reader,
    document: Document,
    path: Path,
    start: Bookmark | None,
    stop: Callable[[], bool],
) -> Iterator[Step]:
    """Yield the steps of a read; save its state to `path` every minute, when `stop()` is true, and at the end.

    After a stop the last step's bookmark is not complete. Of several ranks only the first saves. Raises DiskError and
    DocumentError.
    """
    from gemma10m.reading import read_steps

    saved, saves = time.monotonic(), reader.ranks is None or reader.ranks.leads
    for step in read_steps(reader.model, reader.tokenizer, document, start, reader.read_all, reader.ranks):
        stopping = stop()
        if saves and (step.bookmark.complete or stopping or time.monotonic() - saved >= CHECKPOINT_SECONDS):
            reader.save(path, step.bookmark, document)
            saved = time.monotonic()
        yield step
        if stopping:
            return
