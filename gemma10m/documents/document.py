"""Hold a document: an ordered stream of pieces of text that know where they came from, read as often as needed."""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gemma10m.documents.file_stat import Stamp
from gemma10m.documents.safe_open import BLOCK, DIGEST, UnreadableError, block_digest, read_block
from gemma10m.documents.text import EncodingDetector, decoder
from gemma10m.encodings import LOSSY
from gemma10m.errors import DocumentError

AS_READ, CHANGED, GONE, NOT_AVAILABLE = "as read", "changed", "gone", "not found"  # what became of a file
_NONCE = 16  # hexadecimal digits of the fingerprint that each header shows


@dataclass(frozen=True, slots=True)
class Piece:
    """Hold about 64 KB of one file's text, or a header of the program's own."""

    text: str
    file: int  # index into the document's files
    offset: int  # byte offset of the first character in its file; -1 for a header
    line: int  # line of the first character, from 1
    encoding: str = "utf-8"  # one character's width in bytes follows from it


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """Name a file that was not read, and the reason."""

    path: str  # for display; ends in "/" for a folder
    reason: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Describe a file as it was when the document was opened, or the text that was extracted from it then."""

    path: str  # for display: control characters and bytes that are not UTF-8 are escaped
    nbytes: int
    sha256: str
    encoding: str  # "utf-8", "lossy-utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp1252"
    mark: int = field(repr=False)  # bytes of its byte-order mark, which is not text
    digests: bytes = field(repr=False)  # of each block
    open: Callable[[], int] = field(repr=False, compare=False)  # a new descriptor; raises UnreadableError
    start: int = field(default=0, repr=False)  # where in what `open` opens its bytes begin
    places: tuple[tuple[int, str], ...] = field(default=(), repr=False)  # (byte offset, "page 12"), ascending
    stamp: Stamp | None = field(default=None, repr=False, compare=False)  # of the file that its text was taken out of
    wrong: int = field(default=0, repr=False, compare=False)  # bytes that are not UTF-8, each read as U+FFFD
    nuls: int = field(default=0, repr=False, compare=False)  # NUL bytes, each read as U+FFFD

    def place(self, offset: int) -> str:
        """Return the page, chapter or cell that holds the byte at `offset` of the text, or ""."""
        before = bisect_right(self.places, offset, key=lambda place: place[0])
        return self.places[before - 1][1] if before else ""

    def blocks(self) -> Iterator[bytes]:
        """Yield the file's bytes as they were at opening, each block checked before it is handed out.

        What was appended since is not part of the document. Raises `DocumentError` for any other change.
        """
        return self._blocks(range(0, self.nbytes, BLOCK))

    def cut(self, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop) as they were at opening.

        Raises `DocumentError` as `blocks` does, and when the file that the text was taken out of is another one now.
        """
        if self.stamp and not self.stamp.holds():
            raise self._changed()
        first = start // BLOCK * BLOCK
        inside = b"".join(self._blocks(range(first, min(stop, self.nbytes), BLOCK)))
        return inside[start - first : stop - first]

    def status(self) -> str:
        """Return the status of a file whose bytes are not what they were."""
        if self.stamp:
            return CHANGED if os.path.lexists(self.stamp.path) else GONE
        try:
            os.close(self.open())
        except UnreadableError as error:
            return GONE if isinstance(error.__cause__, FileNotFoundError) else CHANGED
        return CHANGED

    def _blocks(self, starts: range) -> Iterator[bytes]:
        try:
            descriptor = self.open()
        except UnreadableError as error:
            raise self._changed() from error
        try:
            for start in starts:
                block = read_block(descriptor, self.start + start, min(BLOCK, self.nbytes - start))
                digest = slice(start // BLOCK * DIGEST, (start // BLOCK + 1) * DIGEST)
                if block_digest(block) != self.digests[digest]:
                    raise self._changed()
                yield block
        except UnreadableError as error:
            raise self._changed() from error
        finally:
            os.close(descriptor)

    def _changed(self) -> DocumentError:
        return DocumentError(
            f"{self.path} changed while it was being read",
            hint="run the command again once nothing writes to it",
        )

    def pieces(self, index: int) -> Iterator[Piece]:
        """Yield the file's text. `index` is its place in the document. Raises as `blocks` does."""
        decode = decoder(self.encoding)
        offset, line, position = self.mark, 1, 0
        for block in self.blocks():
            ends = self.encoding == LOSSY and position + len(block) == self.nbytes  # maybe within a character
            text = decode.decode(block[self.mark :] if position == 0 else block, ends)
            position += len(block)
            if text:
                yield Piece(text, index, offset, line, self.encoding)
                line += text.count("\n")
                offset = position - len(decode.getstate()[0])


@dataclass(frozen=True)
class FileNow:
    """Hold a file's content and status now."""

    status: str  # AS_READ, CHANGED, GONE or NOT_AVAILABLE
    file: SourceFile | None = None  # one that is as it was read


@dataclass(frozen=True)
class Origin:
    """Hold the arguments of `open_source`, and the folder: enough to open the same again from anywhere."""

    folder: str  # that relative names start from
    names: tuple[str, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    everything: bool = False  # also what is left out by default


@dataclass(frozen=True)
class Document:
    """Hold what `open_source` makes.

    A `headed` document (a folder, an archive, several paths) begins each file with a header.
    A header reads `=== 0123456789abcdef src/main.py ===`, on a line of its own. Its number is taken from a sha256 over
    the paths and contents of all the files, so that no file can hold the header of another: it would have to hold a
    hash of itself. A document with `contents` begins with the list of its files, under a header of its own.
    """

    name: str
    files: tuple[SourceFile, ...]
    skipped: tuple[SkippedFile, ...] = ()
    notices: tuple[str, ...] = ()
    headed: bool = False
    contents: bool = False
    origin: Origin | None = field(default=None, repr=False, compare=False)  # None: it cannot be opened again

    @property
    def nbytes(self) -> int:
        return sum(file.nbytes for file in self.files)

    @property
    def fingerprint(self) -> str:
        """Return sha256 (hexadecimal) over all that the text depends on: equal texts have equal fingerprints."""
        form = "gemma10m.contents/1" if self.contents else "gemma10m.document/1"
        digest = hashlib.sha256(f'["{form}", ['.encode())  # the JSON of a list, of which no more is held than a row
        for number, file in enumerate(self.files):
            row = json.dumps([file.path if self.headed else "", file.encoding, file.sha256])
            digest.update(f"{', ' if number else ''}{row}".encode())
        digest.update(b"]]")
        return digest.hexdigest()

    def now(self, number: int) -> FileNow:
        """Return a file of this document, which raises an error by itself where it has changed."""
        return FileNow(AS_READ, self.files[number])

    def pieces(self) -> Iterator[Piece]:
        """Yield the text, file by file. Raises `DocumentError` when a file has changed since opening."""
        nonce = self.fingerprint[:_NONCE]
        for index, file in enumerate(self.files):
            if self.headed:
                before = "\n" if index else self._contents(nonce)
                yield Piece(f"{before}=== {nonce} {file.path} ===\n", index, offset=-1, line=1)
            yield from file.pieces(index)

    def _contents(self, nonce: str) -> str:
        """Return the list of files: part of the first header, not of any file's text."""
        if not self.contents:
            return ""
        return "\n".join([f"=== {nonce} {len(self.files)} files ===", *(file.path for file in self.files), "", ""])

    def texts(self) -> list[str]:
        """Return each file's text, without headers and without empty ones. Raises `DocumentError` as `pieces` does."""
        texts = ["".join(piece.text for piece in file.pieces(index)) for index, file in enumerate(self.files)]
        return [text for text in texts if text.strip()]

    def prefix_sha256(self, nbytes: int) -> str | None:
        """Return sha256 of the first `nbytes` bytes, to recognise a file that has grown.

        Return None for a document of several files, for one that is shorter, and for one of which the first bytes alone
        are another encoding, so that they were other text.
        """
        if self.headed or not 0 <= nbytes <= self.nbytes:
            return None
        digest, detector = hashlib.sha256(), EncodingDetector(b"")
        for position, block in zip(range(0, nbytes, BLOCK), self.files[0].blocks(), strict=False):
            first = block[: nbytes - position]
            digest.update(first)
            detector = detector if position else EncodingDetector(first)
            try:
                detector.feed(first, final=position + len(first) == nbytes)
            except UnreadableError:
                return None
        is_same = detector.is_ascii or detector.encoding == self.files[0].encoding
        return digest.hexdigest() if is_same else None
