"""The model reads the prompt's opening, then the document's ids, tokenised in a thread ahead of it.

Ranks that read together share out the tokenising, too.
"""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate

from gemma10m.documents import Document
from gemma10m.documents.excerpts import sampled
from gemma10m.encodings import nbytes
from gemma10m.ranks.dealt_ids import dealt_stream
from gemma10m.ranks.post import StorePost
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.stream import ahead, token_stream

BLOCKS_AHEAD = 64


class IdStream:
    def __init__(
        self, tokenizer: Tokenizer, document: Document, opening: list[int], post: StorePost | None = None
    ) -> None:
        """Begin to tokenise. post: to the ranks that read the same document."""
        pieces = document.pieces()
        blocks = dealt_stream(tokenizer, pieces, post) if post else token_stream(tokenizer, pieces)
        self._blocks, self._post = ahead(blocks, BLOCKS_AHEAD), post
        self._waiting = list(opening)
        self._document, self._tokenizer = document, tokenizer
        self._bytes_seen = 0
        self._starts = [0, *accumulate(file.nbytes for file in document.files)]
        self._finished = False
        self.file_tokens = [0] * len(document.files)  # of the blocks tokenised so far, headers included

    @property
    def tokens(self) -> int:
        """Count the document's tokens: exact once all of it is tokenised, before that estimated from the bytes."""
        seen = sum(self.file_tokens)
        if self._finished:
            return seen
        return seen + round(self._density * (self._document.nbytes - self._bytes_seen))

    @cached_property
    def _density(self) -> float:
        """Return the tokens for each byte, sampled all over the document: its start may differ from the rest."""
        tokens = nbytes = 0
        for text, size in sampled(self._document):
            tokens += len(self._tokenizer.encode(text))
            nbytes += size
        return tokens / nbytes if nbytes else 0.0

    @property
    def exact(self) -> bool:
        return self._finished

    @property
    def bytes_seen(self) -> int:
        return self._bytes_seen

    def take(self, count: int) -> list[int]:
        """Return the next `count` ids, fewer at the end."""
        self._fill(count)
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def put_back(self, ids: list[int]) -> None:
        self._waiting = ids + self._waiting

    def at_end(self) -> bool:
        self._fill(1)
        return not self._waiting

    def close(self) -> None:
        if self._post:
            self._post.leave()
        self._blocks.close()

    def _fill(self, count: int) -> None:
        while len(self._waiting) < count and not self._finished:
            block = next(self._blocks, None)
            if block is None:
                self._finished = True
                self._bytes_seen = self._document.nbytes
                return
            self._waiting += block.ids
            self.file_tokens[block.file] += len(block.ids)
            inside = block.offset + nbytes(block.text, block.encoding) if block.offset >= 0 else 0
            self._bytes_seen = self._starts[block.file] + inside
