"""The thread that works ahead: same items, bounded, never left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gemma10m.tokens.stream import ahead


def workers() -> int:
    return sum(thread.name == "ahead" for thread in threading.enumerate())


@pytest.fixture(autouse=True)
def _no_thread_stays_behind() -> Iterator[None]:
    yield
    assert workers() == 0


@pytest.mark.parametrize("depth", [1, 2, 100])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_the_same_items(depth: int, count: int) -> None:
    assert list(ahead(range(count), depth)) == list(range(count))


def test_items_that_are_false_or_exceptions_are_items() -> None:
    items = [None, 0, "", ValueError("an item")]
    assert list(ahead(items, 1)) == items


def test_at_most_depth_items_wait() -> None:
    made: list[int] = []
    enough = threading.Event()

    def make() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == 4:
                enough.set()
            yield number

    items = ahead(make(), 3)
    assert next(items) == 0
    assert enough.wait(10)  # one taken, three waiting, one in the hand of the thread
    assert not threading.Event().wait(0.05)
    assert made == [0, 1, 2, 3, 4]
    assert list(items) == list(range(1, 100))


class BrokenError(BaseException):
    pass


@pytest.mark.parametrize("kind", [ValueError, BrokenError])
def test_an_exception_comes_after_the_items_before_it(kind: type[BaseException]) -> None:
    def make() -> Iterator[int]:
        yield 1
        yield 2
        raise kind("broken")

    items = ahead(make(), 5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(kind, match="broken"):
        next(items)
    assert list(items) == []


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("taken", [0, 1, 3])
def test_closing_early_ends_the_thread_and_closes_the_source(depth: int, taken: int) -> None:
    closed = threading.Event()

    def make() -> Iterator[int]:
        try:
            yield from iter(int, 1)
        finally:
            closed.set()

    source = make()
    items = ahead(source, depth)
    for _ in range(taken):
        next(items)
    items.close()
    assert workers() == 0
    assert closed.is_set() == (taken > 0)


def test_a_forgotten_one_ends_too() -> None:
    items = ahead(iter(int, 1), 2)
    next(items)
    del items
    assert workers() == 0


def test_closing_at_every_moment() -> None:
    for taken in range(300):
        items = ahead(range(taken % 7), 1)
        for _ in range(taken % 5):
            next(items, None)
        items.close()
