"""A recurrent mixer carries numbers that every token changes, from the document's first token to its last."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from gemma10m.errors import UsageError
from gemma10m.memory.state import LayerState
from gemma10m.models.chunk import Chunk
from gemma10m.models.mixer import Mixer

BEFORE = "_before"


class RecurrentMixer(Mixer):
    """Keep each carried tensor twice: as it is, and as it was when the open segment began, to go back there.

    What a token added cannot be taken out again: a mean may be reversed but for rounding, a decaying sum grows that
    rounding without a bound. So single tokens cannot be taken back.
    """

    carried: ClassVar[tuple[str, ...]]  # names of the state's tensors
    segment: int

    def closed(self, chunk: Chunk) -> int:
        """Count the tokens of the chunk up to the last boundary between segments in it, or 0 without one."""
        return max(0, (chunk.position + chunk.tokens) // self.segment * self.segment - chunk.position)

    def rewind(self, state: LayerState, position: int, tokens: int) -> LayerState | None:
        if tokens != position % self.segment:
            return None
        return state.replace(**{name: state[name + BEFORE] for name in self.carried})

    def skip_to(self, state: LayerState, position: int) -> LayerState:
        """Refuse to skip. Raises UsageError: `first_kept` and `first_seen` say that every token matters."""
        raise UsageError("a model that carries a state from token to token cannot skip any")

    def first_kept(self, position: int) -> int:
        return 0

    def first_seen(self, position: int) -> int:
        return 0


def with_before(name: str, now: Tensor, before: Tensor) -> dict[str, Tensor]:
    """Return a carried tensor under its two names."""
    return {name: now, name + BEFORE: before}
