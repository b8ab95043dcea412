"""An MLP turns a segment's attention into a vector that the next segment receives as an input: `state-vector`.

The idea is that of the article on gemma-2B-10M; docs/architecture.md has the equations and the reason for each choice.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.config import AttentionSpec, ModelConfig, ReadingConfig
from gemma10m.memory.state import LayerState
from gemma10m.models.attention import Attention
from gemma10m.models.buffer import Buffer
from gemma10m.models.chunk import Chunk, wide_dtype
from gemma10m.models.queries import queries_of
from gemma10m.models.rope import cos_sin


class StateVector(nn.Module):
    """Update h <- (1 - u) h + u tanh(c), with (c, u) from a segment's mean output; |h| stays below max(|first|, 1)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.first = nn.Parameter(torch.zeros(size))  # before any segment has closed
        self.up = nn.Linear(2 * size, size, bias=False)
        self.down = nn.Linear(size, 2 * size)
        self.eps = config.norm_eps

    def normalised(self, vector: Tensor) -> Tensor:
        """Scale (B, D) to root mean square 1, without weights."""
        return F.rms_norm(vector, vector.shape[-1:], eps=self.eps)

    def forward(self, vector: Tensor, mean: Tensor) -> Tensor:
        """Return h after a segment whose outputs have this mean; both (B, D) float32 -> (B, D) float32."""
        seen = torch.cat((self.normalised(mean), self.normalised(vector)), dim=-1)  # (B, 2D)
        inner = F.gelu(self.up(seen.to(self.up.weight.dtype)), approximate="tanh")  # (B, D)
        candidate, gate = self.down(inner).to(vector.dtype).chunk(2, dim=-1)  # (B, D) each
        return vector + torch.sigmoid(gate) * (torch.tanh(candidate) - vector)


class StateVectorAttention(Attention):
    """Attend to the window and to the vector that earlier segments left."""

    def __init__(self, config: ModelConfig, spec: AttentionSpec, reading: ReadingConfig) -> None:
        super().__init__(config, spec, reading)
        self.state_vector = StateVector(config)

    def forward(self, x: Tensor, state: LayerState, chunk: Chunk, wanted: int) -> tuple[Tensor, LayerState]:
        """Do as Attention does; all tokens' outputs are computed whatever is wanted, because the vector needs them."""
        if not self.memory.needs_state_vectors:
            return super().forward(x, state, chunk, wanted)
        view = chunk.view(self.window, self.spec)
        plan, new = view.plan, self._project(x, x.shape[1])
        buffer, queries = self._buffer(x, new, state, view), queries_of(new.queries, view)
        vector, mean = state["state_vector"], state["output_mean"]  # (B, D) each
        if plan.position < self.segment:
            vector = ops.wide(self.state_vector.first).repeat(x.shape[0], 1)  # (B, D)
        outputs = []
        for span in plan.spans:
            behind = self._with_vector(buffer, vector, span.first_key - span.sinks)
            outputs.append(self.o_proj(self._span(queries.of(span, 0), behind, view, span)))  # (B, Q, D)
            mean = mean + ops.wide(outputs[-1]).sum(1) / self.segment
            if span.seen + span.queries == self.segment:
                vector, mean = self.state_vector(vector, mean), torch.zeros_like(mean)
        left = vector if plan.closed else state["state_vector"]
        output = torch.cat(outputs, dim=1)[:, plan.tokens - wanted :]  # (B, wanted, D)
        return output, self._next_state(plan, buffer, state).replace(state_vector=left, output_mean=mean)

    @property
    def can_grow(self) -> bool:
        return super().can_grow and not self.memory.needs_state_vectors

    def rewind(self, state: LayerState, position: int, tokens: int) -> LayerState | None:
        """Go back by the whole open segment only: a mean cannot give back single tokens."""
        if not self.memory.needs_state_vectors:
            return super().rewind(state, position, tokens)
        before = super().rewind(state, position, tokens)
        if before is None or tokens != self.window.open_tokens(position):
            return None
        return before.replace(output_mean=torch.zeros_like(state["output_mean"]))

    def _with_vector(self, buffer: Buffer, vector: Tensor, place: int) -> Buffer:
        """Put the vector (B, D) in front of the window as one more key and value."""
        dtype = buffer.keys.dtype
        seen = self.state_vector.normalised(vector).to(dtype).unsqueeze(1)  # (B, 1, D)
        cos, sin = cos_sin(place, 1, self.spec.head_size, self.spec.rope, seen.device, wide_dtype(dtype))  # (1, E) each
        key = ops.rotate(self._heads(self.k_proj(seen)), cos, sin)  # (B, K, 1, E)
        return replace(buffer, extra_key=key, extra_value=self._heads(self.v_proj(seen)))
