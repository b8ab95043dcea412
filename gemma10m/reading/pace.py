"""Read one stretch after another: halve it if memory does not suffice, and keep one queued on a GPU."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from gemma10m.errors import OutOfMemoryError, is_out_of_memory
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.ranks.group import Ranks
from gemma10m.ranks.together import read_round
from gemma10m.reading.stretch import stretch_tokens

QUEUED = 1  # stretches the host may be ahead of a GPU: enough that it never waits, and progress tells the truth


class Pace:
    """Run the model over stretches of `tokens`, which may change while a document is read.

    Equal stretches give equal bits. Others change the state by rounding alone: by 5e-6 at most in float32, as measured
    with the demo. On CUDA the stretch follows the free memory, so there an interrupted read may differ by as much.
    Several ranks read a round at once: the smallest of their stretches for each of them.
    """

    def __init__(self, model: Decoder, ranks: Ranks | None = None) -> None:
        self.model, self.ranks = model, ranks
        own = stretch_tokens(model)
        self.tokens = ranks.size * ranks.least(own) if ranks else own
        self.halvings = 0
        self.finished = 0  # tokens that were computed, not only queued
        self._queued: deque[tuple[torch.cuda.Event, int]] = deque()  # the end of a stretch, and its tokens

    def room(self, position: int) -> int:
        """Count the tokens to the next multiple of the stretch, where an unbroken read would have cut, too."""
        return self.tokens - position % self.tokens

    def read(self, ids: list[int], state: State) -> State:
        """Return the state after `ids`. Raises OutOfMemoryError if not even one segment fits."""
        while ids:
            part = ids[: self.room(state.position)]
            after = self._try(part, state)
            if after is None:
                self._halve()
            else:
                state, ids = after, ids[len(part) :]
        return state

    def finish(self) -> None:
        """Wait for every queued stretch."""
        self._wait(0)

    def _wait(self, most: int) -> None:
        """Wait until at most `most` stretches are queued; more of them may be finished."""
        while len(self._queued) > most or (self._queued and self._queued[0][0].query()):
            done, tokens = self._queued.popleft()
            done.synchronize()
            self.finished += tokens

    def _try(self, ids: list[int], state: State) -> State | None:
        """Return None if the device's memory does not suffice; the layers' memory is free again then."""
        try:
            return self._stretch(ids, state)
        except (RuntimeError, MemoryError) as error:
            # The other ranks are in the middle of a round, and cannot go back with this one.
            if self.ranks or not is_out_of_memory(error):
                raise
            return None

    def _stretch(self, ids: list[int], state: State) -> State:
        with torch.inference_mode():
            if self.ranks:
                state = read_round(self.model, self._on_device(ids), state, self.ranks)
            else:
                _, state = self.model(self._on_device(ids), state, logits="none")
        if self.model.device.type == "cuda":
            done = torch.cuda.Event()
            done.record()
            self._queued.append((done, len(ids)))
            self._wait(QUEUED)
        else:
            self.finished += len(ids)
        return state

    def _on_device(self, ids: list[int]) -> Tensor:
        """Copy ids (1, S) through pinned memory, from where a GPU fetches them while it computes."""
        tensor = torch.tensor([ids])  # (1, S)
        if self.model.device.type != "cuda":
            return tensor
        return tensor.pin_memory().to(self.model.device, non_blocking=True)

    def _halve(self) -> None:
        segment = self.model.reading.segment
        on_gpu = self.model.device.type == "cuda"
        if self.tokens <= segment:
            raise OutOfMemoryError(
                f"one segment of {segment:,} tokens does not fit into the memory that is left{' on the GPU' * on_gpu}",
                hint=f"free some of it, or use {'--device cpu or ' * on_gpu}--dtype bfloat16",
            )
        self.tokens = max(1, self.tokens // segment // 2) * segment
        self.halvings += 1
        if on_gpu:
            torch.cuda.empty_cache()
