"""Turn pieces of text into blocks of ids, exact however the text arrives, in a thread ahead of their reader."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from queue import Queue
from threading import Event, Thread
from typing import Protocol, TypeVar

from gemma10m.encodings import nbytes
from gemma10m.tokens.base import LONGEST_PIECE, Tokenizer

BLOCK = 4096  # characters: sentencepiece is fastest on blocks of a few KB
LOOKAHEAD = LONGEST_PIECE

T = TypeVar("T")


class TextPiece(Protocol):
    """Describe what `documents.Piece` is."""

    @property
    def text(self) -> str: ...
    @property
    def file(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def encoding(self) -> str: ...


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Hold consecutive characters of one file, or of one header, that are tokenised by themselves."""

    text: str
    file: int  # the rest as in TokenBlock
    offset: int
    line: int
    encoding: str

    def with_ids(self, ids: list[int], tokenizer: Tokenizer) -> TokenBlock:
        return TokenBlock(ids, self.file, self.text, self.offset, self.line, self.encoding, tokenizer)


@dataclass(frozen=True, slots=True)
class TokenBlock:
    """Hold consecutive tokens of one file, or of one header."""

    ids: list[int]
    file: int  # index into the document's files
    text: str
    offset: int  # byte offset of the first character in its file; -1 for a header
    line: int  # line of the first character, from 1
    encoding: str
    tokenizer: Tokenizer = field(repr=False, compare=False)

    def byte_ranges(self) -> list[tuple[int, int]]:
        """Return for each token its bytes [start, end) in the source file; (-1, -1) in a header.

        A token that is a part of a character has its own bytes in a UTF-8 file, and the whole character in another.
        """
        if self.offset < 0:
            return [(-1, -1)] * len(self.ids)
        ranges: list[tuple[int, int]] = []
        position, start, end = 0, self.offset, self.offset  # of the last character known, and its bytes
        for first, after, before, behind in self.tokenizer.character_spans(self.ids, self.text):
            start, position = start + nbytes(self.text[position:first], self.encoding), first
            end = start + nbytes(self.text[first:after], self.encoding)
            own = self.encoding.startswith("utf-8")
            ranges.append((start + before, end - behind) if own else (start, end))
        return ranges


def token_stream(tokenizer: Tokenizer, pieces: Iterable[TextPiece]) -> Iterator[TokenBlock]:
    """Yield blocks whose ids together are `tokenizer.encode` of a file's whole text, in constant memory."""
    for block in text_blocks(tokenizer, pieces):
        yield block.with_ids(tokenizer.encode(block.text), tokenizer)


def text_blocks(tokenizer: Tokenizer, pieces: Iterable[TextPiece]) -> Iterator[TextBlock]:
    """Yield blocks of text that have the same ids together as each by itself.

    Where a file or a header begins is always a cut: each is encoded as a text of its own. Inside, blocks of at most
    `BLOCK` characters are cut where the tokenizer knows that no token crosses, for which it sees `LOOKAHEAD` characters
    more. The cuts follow from the text alone, not from the pieces it comes in.
    """
    uncut: _Uncut | None = None
    for piece in pieces:
        if uncut is None or not uncut.goes_on_with(piece):
            if uncut is not None:
                yield from uncut.blocks(more_to_come=False)
            uncut = _Uncut(tokenizer, piece)
        uncut.text.append(piece.text)
        uncut.length += len(piece.text)
        yield from uncut.blocks(more_to_come=True)
    if uncut is not None:
        yield from uncut.blocks(more_to_come=False)


class _Uncut:
    """Hold the text of one file that has not been cut into blocks yet, and where it begins."""

    def __init__(self, tokenizer: Tokenizer, piece: TextPiece) -> None:
        self.tokenizer = tokenizer
        self.file, self.offset, self.line, self.encoding = piece.file, piece.offset, piece.line, piece.encoding
        self.text: list[str] = []
        self.length = 0

    def goes_on_with(self, piece: TextPiece) -> bool:
        return piece.file == self.file and (piece.offset < 0) == (self.offset < 0)

    def blocks(self, more_to_come: bool) -> Iterator[TextBlock]:
        needed = BLOCK + LOOKAHEAD if more_to_come else 0
        if self.length <= needed:
            return
        text, start = "".join(self.text), 0
        while len(text) - start > needed:
            end = start + _next_cut(self.tokenizer, text[start : start + BLOCK + LOOKAHEAD])
            yield self._block(text[start:end])
            start = end
        self.text = [text[start:]]
        self.length = len(text) - start

    def _block(self, text: str) -> TextBlock:
        block = TextBlock(text, self.file, self.offset, self.line, self.encoding)
        self.line += text.count("\n")
        if self.offset >= 0:
            self.offset += nbytes(text, self.encoding)
        return block


def _next_cut(tokenizer: Tokenizer, text: str) -> int:
    """Return where the first block of `text` ends. A text shorter than a block and a look ahead is the last."""
    return len(text) if len(text) <= BLOCK else tokenizer.cut(text, BLOCK, last=len(text) < BLOCK + LOOKAHEAD)


def ahead(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Yield the same items, made in a thread that keeps at most `depth` (1 or more) of them waiting.

    An exception in the making is raised here, after the items before it. The thread ends, and a generator behind
    `items` is closed, when this one is: at its end, by `close`, or when it is forgotten.
    """
    waiting: Queue[tuple[T] | BaseException | None] = Queue(depth)
    abandoned = Event()
    thread = Thread(target=_make, args=(iter(items), waiting, abandoned), name="ahead", daemon=True)
    thread.start()
    try:
        while (message := waiting.get()) is not None:
            if isinstance(message, BaseException):
                raise message
            yield message[0]
    finally:
        abandoned.set()
        while not waiting.empty():  # a thread that waits for room finds it, and then sees that nobody listens
            waiting.get()
        thread.join()


def _make(items: Iterator[T], waiting: Queue[tuple[T] | BaseException | None], abandoned: Event) -> None:
    last: BaseException | None = None
    try:
        for item in items:
            if abandoned.is_set():
                break
            waiting.put((item,))
        if isinstance(items, Generator):
            items.close()
    except BaseException as error:  # of whatever kind: it is raised where the items are used
        last = error
    if not abandoned.is_set():
        waiting.put(last)
