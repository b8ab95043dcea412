"""Read with our own weights and run every layer for every token, also those that leave nothing in the state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from gemma10m.bench.own_prefill import own_prefill
from gemma10m.errors import UsageError
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder


@contextmanager
def opened(ours: Decoder, tokens: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield a prefill that runs all layers. Raises UsageError if that leaves another state, bit for bit."""
    twin = _twin(ours)
    ids = torch.randint(ours.config.vocabulary, (1, tokens))  # (1, S)
    if not _equal(_state_after(ours, ids), _state_after(twin, ids)):
        raise UsageError("not timed: running every layer leaves another state")
    yield lambda ids: own_prefill(twin, ids)


@contextmanager
def opened_file(file: Path, ours: Decoder, tokens: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Do as `opened` does: the file's weights are ours."""
    with opened(ours, tokens) as prefill:
        yield prefill


def _twin(ours: Decoder) -> Decoder:
    """Return the same weights, uncopied, in a model that takes its last layer for the last one with keys and values."""
    with torch.device("meta"):
        twin = Decoder(ours.config, ours.reading)
    twin.load_state_dict(ours.state_dict(), strict=True, assign=True)
    twin.model.last_owner = ours.config.layers - 1
    return twin.requires_grad_(False).eval()


def _state_after(model: Decoder, ids: Tensor) -> State:
    with torch.inference_mode():
        state: State = model(ids, model.empty_state(), logits="none")[1]
    return state


def _equal(left: State, right: State) -> bool:
    layers = zip(left.layers, right.layers, strict=True)
    return all(torch.equal(tensor, other[name]) for one, other in layers for name, tensor in one.tensors())
