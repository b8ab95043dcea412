"""Attend to the keys and values of an earlier layer (Cross-Layer Attention, arXiv 2405.12981)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gemma10m.config import AttentionSpec, ModelConfig, ReadingConfig
from gemma10m.memory.state import LayerState, Layout
from gemma10m.models.attention import Attention
from gemma10m.models.chunk import Chunk
from gemma10m.models.growing import GrowingKeys
from gemma10m.models.mixer import Cost
from gemma10m.models.queries import Queries, queries_of


class SharedAttention(Attention):
    """Ask with queries of its own what another layer keeps: its window, its sinks and its memory. It has no state."""

    def __init__(self, config: ModelConfig, spec: AttentionSpec, reading: ReadingConfig) -> None:
        super().__init__(config, spec, reading)
        for name in ("k_proj", "v_proj", "k_norm", "write_gate"):
            if hasattr(self, name):
                delattr(self, name)

    def forward(self, x: Tensor, state: LayerState, chunk: Chunk, wanted: int) -> tuple[Tensor, LayerState]:
        """Map the last tokens' x (B, wanted or more, D) to their output (B, wanted, D); the state stays empty."""
        assert self.spec.source is not None
        if not wanted:
            return x[:, :0], state
        queries = self._heads(self.q_proj(x[:, x.shape[1] - wanted :]))  # (B, H, wanted, E)
        if self.spec.query_key_norm:
            queries = self.q_norm(queries)
        if chunk.growing:
            kept = chunk.lent_keys[self.spec.source]
            return self._ask(Queries(queries, kept.turned(queries, chunk)), kept), state
        view = chunk.view(self.window, self.spec)
        return self._attend(queries_of(queries, view), chunk.lent[self.spec.source], view, wanted), state

    def growing(self, state: LayerState, chunk: Chunk) -> GrowingKeys | None:
        return None

    def fuse(self) -> None:
        """Leave the weights as they are: there is one projection of the input alone."""

    def layout(self, position: int, batch: int, dtype: torch.dtype) -> Layout:
        return {}

    def rewind(self, state: LayerState, position: int, tokens: int) -> LayerState | None:
        return state

    def skip_to(self, state: LayerState, position: int) -> LayerState:
        return state

    def first_kept(self, position: int) -> int:
        return position

    def cost(self, tokens: int) -> Cost:
        asked, found = 4 * self.hidden_size * self.spec.query_size, super().cost(tokens)
        once = 1.0 if self.most_attended is None else 2 / 3  # what keys receive is counted for the owner's queries
        return replace(
            found,
            mixing_flops=once * found.mixing_flops,
            projection_flops=asked,
            query_flops=asked,
            writing_flops=0,
            narrow_scratch=4 * self.spec.query_size,
        )
