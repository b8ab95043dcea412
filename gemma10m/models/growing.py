"""Keep keys and values as attention reads them, while token after token is written behind a state.

A state's tensors are never changed, and its keys have no positions: each token of an answer would copy all of them and
turn them to their places. Inside an open segment these places stay what they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.memory.matrix import Memories
from gemma10m.memory.state import LayerState
from gemma10m.models.chunk import Chunk, View
from gemma10m.models.queries import Projected

ROOM = 256  # tokens for which there is room at first, and as many more whenever it is used up
WIDE_KEYS = 4096  # at most so many are kept as float32 on a CPU, whose products with one query are in float32


class GrowingKeys:
    """Hold a layer's sinks, keys and values from the first that its next token sees; its tensors are its own."""

    context: Tensor | None = None  # (B, K, X, E): what `added` memory's addresses need of the last tokens

    def __init__(self, state: LayerState, view: View, memories: Memories | None) -> None:
        """Turn what a state holds. view: of the next token alone; memories: those that the segment's tokens read."""
        (span,) = view.plan.spans
        keys, values = (state[name][:, :, span.first_key :] for name in ("keys", "values"))
        parts = [(view.rotate(keys, span.first_key), values)]
        if span.sinks:
            turned = ops.rotate(state["sink_keys"], *view.sink_angles(span, 0))
            parts.insert(0, (turned, state["sink_values"]))
        keys, values = (torch.cat(both, dim=2) for both in zip(*parts, strict=True))  # (B, K, W, E) each
        self.memories, self._spec, self._reach = memories, view.spec, span.reach
        self._first_place, self._count = span.first_key - span.sinks, keys.shape[2]
        dtype = keys.dtype
        # Capped scores are computed in the weights' type, and a GPU's attention takes no other.
        if keys.device.type == "cpu" and view.spec.score_cap is None and self._count <= WIDE_KEYS:
            dtype = torch.promote_types(dtype, torch.float32)
        self._keys, self._values = (self._with_room(part.to(dtype)) for part in (keys, values))

    def _with_room(self, kept: Tensor) -> Tensor:
        """Return kept (B, K, W, E) with room behind it: (B, K, W + ROOM, E)."""
        room = kept.new_empty(*kept.shape[:2], ROOM, kept.shape[3])
        return torch.cat((kept, room), dim=2)

    def add(self, new: Projected, chunk: Chunk) -> Tensor:
        """Add one token's key, which has no position yet, and value; return its queries turned (B, H, 1, E)."""
        if self._count == self._keys.shape[2]:
            self._keys, self._values = self._with_room(self._keys), self._with_room(self._values)
        self._count += 1
        heads = new.queries.shape[1]
        turned = self.turned(torch.cat((new.queries, new.keys), dim=1), chunk)  # (B, H + K, 1, E)
        self._keys.narrow(2, self._count - 1, 1).copy_(turned[:, heads:])
        self._values.narrow(2, self._count - 1, 1).copy_(new.values)
        return turned[:, :heads]

    def turned(self, x: Tensor, chunk: Chunk) -> Tensor:
        """Rotate x (B, heads, 1, E) to the place of the token that was added last."""
        return ops.rotate(x, *chunk.angles_at(self._first_place + self._count - 1, self._spec))

    @property
    def window(self) -> tuple[Tensor, Tensor]:
        """Return the keys and values that the last token sees, (B, K, width, E) each."""
        first = 0 if self._reach is None else max(0, self._count - self._reach)
        return self._keys[:, :, first : self._count], self._values[:, :, first : self._count]
