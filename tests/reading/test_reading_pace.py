"""On a GPU the host is a stretch ahead: what is shown is what was computed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from readers import SEGMENT, SENTENCE, document, document_ids, opening, read_all, reader, stretch_of
from torch import Tensor

from gemma10m.reading import steps
from gemma10m.reading.pace import QUEUED, Pace


class Mark:
    """Behave like an event of a GPU that is as slow as it can be: done when it is waited for."""

    waited = 0

    def __init__(self) -> None:
        self.done = False

    def record(self) -> None:
        pass

    def query(self) -> bool:
        return self.done

    def synchronize(self) -> None:
        self.done, Mark.waited = True, Mark.waited + 1


class Prompt(Mark):
    """Behave like a GPU that is faster than the host."""

    def query(self) -> bool:
        return True


class Queueing:
    """Behave like a model on a GPU."""

    device = torch.device("cuda")
    reading = SimpleNamespace(segment=4)

    def __call__(self, ids: Tensor, state: Any, logits: str) -> tuple[None, Any]:
        return None, SimpleNamespace(position=state.position + ids.shape[1])


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Pace:
    monkeypatch.setattr(torch.cuda, "Event", Mark)
    monkeypatch.setattr(Pace, "_on_device", lambda _, ids: torch.tensor([ids]))
    with stretch_of(8):
        return Pace(Queueing())  # type: ignore[arg-type]


def test_a_stretch_that_is_queued_is_not_finished(queued: Pace) -> None:
    state: Any = SimpleNamespace(position=0)
    told = []
    for count in (8, 8, 8, 3):
        state = queued.read([1] * count, state)
        told.append(queued.finished)
    assert told == [0, 8, 16, 24]
    queued.finish()
    assert queued.finished == state.position == 27


def test_a_queued_stretch_that_has_ended_is_finished_without_waiting_for_the_next(
    queued: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "Event", Prompt)
    queued.read([1] * 8, SimpleNamespace(position=0))  # type: ignore[arg-type]
    assert queued.finished == 8


class Behind(Pace):
    """Compute on the CPU and report it as a GPU would."""

    def _stretch(self, ids: list[int], state: Any) -> Any:
        state = super()._stretch(ids, state)
        self.finished -= len(ids)
        self._queued.append((Mark(), len(ids)))  # type: ignore[arg-type]
        self._wait(QUEUED)
        return state


@pytest.mark.parametrize("start", [None, 3])
def test_progress_tells_what_was_computed_and_not_what_was_queued(
    start: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny, book = reader(), document(SENTENCE * 12)
    before = len(opening(tiny))
    with stretch_of(2 * SEGMENT):
        on_cpu = read_all(tiny, book)
        bookmark = on_cpu[start].bookmark if start is not None else None
        monkeypatch.setattr(steps, "Pace", Behind)
        found = read_all(tiny, book, bookmark)
    positions = [step.bookmark.state.position for step in found]
    first = found[0].started_at
    assert first == (bookmark.state.position if bookmark else 0)
    computed = [first, *positions[:-2], positions[-1]]  # the last step waits for all
    assert [step.progress.tokens_read for step in found] == [max(0, position - before) for position in computed]
    rates = [(position - first) / step.seconds for position, step in zip(computed, found, strict=True)]
    assert [step.progress.tokens_per_second for step in found] == pytest.approx(rates)
    assert found[0].progress.seconds_left is None
    assert positions[-1] == len(document_ids(tiny, SENTENCE * 12))
