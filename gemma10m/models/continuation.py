"""Read token after token behind a state, as an answer is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gemma10m.memory import KINDS
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.models.growing import GrowingKeys
from gemma10m.models.mixer import Mixer


class Continuation:
    """Give logits behind what was read so far, by keys that are turned once, and not for each token.

    `state` is left behind: `unread` are the tokens that it has not got. It gets them all at once when the segment is
    full, and when more than one token is read. A model whose tokens change more than keys and values is read as ever.
    """

    def __init__(self, model: Decoder, state: State) -> None:
        """Begin at a state, which is never changed."""
        self.state = state
        self.unread: tuple[int, ...] = ()
        self._model = model
        self._growing: dict[Mixer, GrowingKeys] = {}  # as the layers attend to the state and to what is unread

    @torch.inference_mode()
    def read(self, ids: list[int]) -> Tensor:
        """Return the logits (1, 1, V) behind the ids. Raises UsageError for ids that do not fit the model."""
        if len(ids) > 1 or not self._model.can_grow or self._room() == 1:
            return self._read([*self.unread, *ids])
        return self._add(*ids)

    def _add(self, token: int) -> Tensor:
        self._growing = self._growing or self._model.growing(self.state)
        position = self.state.position + len(self.unread)
        with _without_onednn():
            logits = self._model.next(torch.tensor([[token]]), self.state, self._growing, position)
        self.unread = (*self.unread, token)
        return logits

    def _read(self, ids: list[int]) -> Tensor:
        logits: Tensor
        logits, self.state = self._model(torch.tensor([ids]), self.state, logits="last")
        self.unread, self._growing = (), {}
        return logits

    def _room(self) -> int | float:
        """Count the tokens to the end of the open segment."""
        reading = self._model.reading
        if not KINDS[reading.memory].closes:
            return float("inf")
        return reading.segment - (self.state.position + len(self.unread)) % reading.segment


@contextmanager
def _without_onednn() -> Iterator[None]:
    """Multiply by torch's own kernels: with one row and a bfloat16 matrix oneDNN takes half as long again or more."""
    was_enabled, *_ = torch.backends.mkldnn.set_flags(False, _fp32_precision=None)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(was_enabled, _fp32_precision=None)
