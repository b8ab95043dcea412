"""Ranks share out the tokenising of a document: each gets the ids of all of it, and encodes only its part."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import torch.distributed as dist

from gemma10m.documents import Piece
from gemma10m.errors import NetworkError
from gemma10m.folders import demo_folder
from gemma10m.ranks import dealt_ids
from gemma10m.ranks.dealt_ids import dealt_stream
from gemma10m.ranks.post import StorePost
from gemma10m.tokens import load_tokenizer
from gemma10m.tokens import stream as blocks_of_text
from gemma10m.tokens.stream import token_stream

LONG = timedelta(seconds=60)
TEXT = "".join(
    f"{number}. They walked on along the shore, and it was late before they came home.\n" for number in range(99)
)
T = TypeVar("T")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks_of_text, "BLOCK", 64)
    monkeypatch.setattr(blocks_of_text, "LOOKAHEAD", 96)
    monkeypatch.setattr(dealt_ids, "BLOCKS", 3)


class Counting:
    """A tokenizer that counts what it encodes."""

    def __init__(self, encoded: Counter[str]) -> None:
        self.tokenizer, self.encoded = load_tokenizer(demo_folder()), encoded

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)

    def encode(self, text: str) -> list[int]:
        self.encoded[text] += 1
        return self.tokenizer.encode(text)


def pieces() -> Iterator[Piece]:
    yield Piece("== a header ==\n", 0, -1, 1)
    yield Piece(TEXT, 0, 0, 1)
    yield Piece("other", 1, 0, 1)


def posts(size: int, timeout: timedelta = LONG) -> list[StorePost]:
    store = dist.HashStore()
    return [StorePost(store, rank, size, "post 1", timeout) for rank in range(size)]


def on_all(size: int, run: Callable[[int], T]) -> list[T]:
    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(run, range(size)))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_rank_gets_all_blocks_and_each_is_encoded_once(size: int) -> None:
    ways, encoded = posts(size), [Counter[str]() for _ in range(size)]
    found = on_all(size, lambda rank: list(dealt_stream(Counting(encoded[rank]), pieces(), ways[rank])))
    expected = list(token_stream(load_tokenizer(demo_folder()), pieces()))
    assert len(expected) > 50
    assert found == [expected] * size
    assert sum(encoded, Counter[str]()) == Counter(block.text for block in expected)
    shares = [sum(own.values()) for own in encoded]
    assert max(shares) - min(shares) <= 1


def test_an_empty_document_has_no_blocks() -> None:
    (way,) = posts(1)
    assert list(dealt_stream(load_tokenizer(demo_folder()), [], way)) == []


def test_messages_that_all_have_read_are_let_go() -> None:
    store = dist.HashStore()
    ways = [StorePost(store, rank, 2, "post 1", LONG) for rank in range(2)]
    on_all(2, lambda rank: [ways[rank].swap(number, b"%d %d" % (rank, number)) for number in range(20)])
    assert store.num_keys() == 2


def test_messages_come_in_the_order_of_the_ranks() -> None:
    ways = posts(3)
    assert on_all(3, lambda rank: ways[rank].swap(0, b"\0" * rank)) == [[b"", b"\0", b"\0\0"]] * 3


def test_a_rank_that_leaves_waits_no_more() -> None:
    way, _ = posts(2)
    threading.Timer(0.1, way.leave).start()
    assert list(dealt_stream(load_tokenizer(demo_folder()), pieces(), way)) == []


def test_a_rank_that_has_ended_ends_the_wait() -> None:
    store = dist.HashStore()
    store.set("ended", "1")
    with pytest.raises(NetworkError, match="another rank has ended"):
        StorePost(store, 0, 2, "post 1", LONG).swap(0, b"")


def test_a_rank_that_says_nothing_ends_the_wait() -> None:
    way, _ = posts(2, timedelta(seconds=0.1))
    with pytest.raises(NetworkError, match="does not tokenise"):
        way.swap(0, b"")
