"""Share out the tokenising of a document: each rank encodes some of its blocks, and gets the ids of all."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import count, islice

from gemma10m.ranks.post import StorePost
from gemma10m.tokens.base import Tokenizer
from gemma10m.tokens.stream import TextPiece, TokenBlock, text_blocks

BLOCKS = 16  # that a rank encodes before it tells the others
TYPE = "i"  # of ids in a message: 4 bytes, in this machine's order, which ranks share as they share a state's


def dealt_stream(tokenizer: Tokenizer, pieces: Iterable[TextPiece], post: StorePost) -> Iterator[TokenBlock]:
    """Yield the blocks of `token_stream`; every rank must go through the same pieces.

    All ranks cut the text, which takes a fraction of the time of encoding it.
    """
    blocks = text_blocks(tokenizer, pieces)
    for number in count():
        dealt = list(islice(blocks, BLOCKS * post.size))
        if not dealt:
            return
        said = post.swap(number, _message([tokenizer.encode(block.text) for block in dealt[post.rank :: post.size]]))
        if said is None:
            return
        by_rank = [_said(message) for message in said]
        for place, block in enumerate(dealt):
            yield block.with_ids(by_rank[place % post.size][place // post.size], tokenizer)


def _message(encoded: list[list[int]]) -> bytes:
    """Return the number of blocks, their lengths, and their ids."""
    numbers = array(TYPE, [len(encoded), *map(len, encoded)])
    for ids in encoded:
        numbers.extend(ids)
    return numbers.tobytes()


def _said(message: bytes) -> list[list[int]]:
    numbers = array(TYPE, message).tolist()
    lengths, ids = numbers[1 : 1 + numbers[0]], iter(numbers[1 + numbers[0] :])
    return [list(islice(ids, length)) for length in lengths]
