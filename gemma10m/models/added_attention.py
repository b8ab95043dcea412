"""Attention that is left as it is, and a gated delta memory whose answers are added to it: `added`.

Trained on a frozen pretrained model. A document is read as that model reads it: its tokens write to the memory, and the
tokens of questions and answers are given what it recalls (docs/architecture.md has the equations and the reasons).
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m import ops
from gemma10m.config import AttentionSpec, ModelConfig, ReadingConfig
from gemma10m.memory.added import CONTEXT, CONTEXT_TOKENS, WRITES
from gemma10m.memory.matrix import scanned
from gemma10m.memory.state import LayerState, last_rows
from gemma10m.models.added_projections import CONTEXT_RANKS, AddedProjections, Writes
from gemma10m.models.attention import Attention
from gemma10m.models.chunk import Chunk, View
from gemma10m.models.mixer import Cost
from gemma10m.models.queries import Projected, queries_of
from gemma10m.models.run_state import rows_at


class AddedMemoryAttention(Attention):
    """Attend to the window; where a chunk asks, add what the memory of the closed segments recalls."""

    def __init__(self, config: ModelConfig, spec: AttentionSpec, reading: ReadingConfig) -> None:
        super().__init__(config, spec, reading)
        self.added_memory = AddedProjections(config.hidden_size, spec, config.added_rank)

    def forward(self, x: Tensor, state: LayerState, chunk: Chunk, wanted: int) -> tuple[Tensor, LayerState]:
        """Do as Attention does, and with another memory kind nothing else."""
        if not self.memory.needs_added_memory:
            return super().forward(x, state, chunk, wanted)
        if chunk.growing:
            return self._next_and_recalled(x, state, chunk), state
        view = chunk.view(self.window, self.spec)
        new = self._project(x, wanted)
        before = self._before(state, new, view)
        buffer = self._buffer(x, new, before, view)
        self._lend(chunk, buffer)
        context = self._context(x, state, view)  # (B, K, n + S, E)
        writes = self._open_and_new(x, new, before, context)
        memories, after = self._memories(state["memory"], writes, view)  # (B, K, G + 1, E, E)
        left = self._next_state(view.plan, buffer, before).replace(**self._left(writes, memories, view) | after)
        left = self._after(state, left, new, dict(zip(WRITES, writes, strict=True)), view)
        left = left.replace(**{CONTEXT: self._context_after(state, context, view)})
        if not wanted:
            return x[:, :0], left
        output = self._attend(queries_of(new.queries, view), buffer, view, wanted)  # (B, wanted, D)
        if chunk.asks:
            output = output + self._recalled(x[:, -wanted:], new, context, memories, chunk)
        return output, left

    def _next_and_recalled(self, x: Tensor, state: LayerState, chunk: Chunk) -> Tensor:
        """Return the output (B, 1, D) of one more token x (B, 1, D), and keep its context."""
        output, new = self._next(x, chunk)
        kept = chunk.growing[self]
        before = state[CONTEXT] if kept.context is None else kept.context
        nearby = torch.cat((before[:, :, -CONTEXT_TOKENS:], self.added_memory.contexts(x)), dim=2)
        kept.context = nearby
        return output + self._recalled(x, new, nearby, state["memory"].unsqueeze(2), chunk)

    def rewind(self, state: LayerState, position: int, tokens: int) -> LayerState | None:
        before = super().rewind(state, position, tokens)
        if before is None or not self.memory.needs_added_memory:
            return before
        kept = self.window.open_tokens(position) - tokens
        rows = dict.fromkeys(WRITES, kept) | {CONTEXT: CONTEXT_TOKENS + kept}
        return before.replace(**{name: state[name][:, :, :count].clone() for name, count in rows.items()})

    def cost(self, tokens: int) -> Cost:
        """Count what reading a document costs, which asks the memory for nothing, and the room of a chunk that asks."""
        plain = super().cost(tokens)
        if not self.memory.needs_added_memory:
            return plain
        spec, D, R = self.spec, self.hidden_size, self.added_memory.query.down.out_features
        low_rank = 2 * R * (D + spec.kv_size) * (2 + CONTEXT_RANKS)  # keys, values and context
        written = low_rank + 2 * (spec.head_size + CONTEXT_TOKENS) * spec.kv_size + 2 * D * spec.kv_heads
        return replace(
            plain,
            projection_flops=plain.projection_flops + written,
            wide_scratch=plain.wide_scratch + 4 * (spec.query_size + 2 * spec.kv_size),
        )

    def scratch(self, tokens: int, item: int) -> int:
        plain = super().scratch(tokens, item)
        if not self.memory.needs_added_memory:
            return plain
        spec, segments = self.spec, -(-tokens // self.segment)
        asked = 4 * tokens * spec.query_size * 4  # projected, unit, recalled, gated
        writes = 8 * tokens * spec.kv_size * 4  # and contexts
        memories = 4 * (segments + 1) * spec.kv_size * spec.head_size * 4
        return plain + asked + writes + memories

    def queries(self, x: Tensor) -> Tensor:
        """Return the queries (B, H, S, E) of tokens with the inputs x (B, S, D), the first that there are."""
        new = self._project(x, x.shape[1])
        return self.added_memory.queries(x, new.queries, self.first_context(x))

    def written(self, x: Tensor) -> Writes:
        """Return what tokens with the inputs x (B, S, D) write, the first that there are."""
        new = self._project(x, 0)
        return self.added_memory.writes(x, new.keys, new.values, self.first_context(x))

    def first_context(self, x: Tensor) -> Tensor:
        """Return the context of tokens with nothing before them: x (B, S, D) -> (B, K, X + S, E)."""
        return F.pad(self.added_memory.contexts(x), (0, 0, CONTEXT_TOKENS, 0))

    def _context(self, x: Tensor, state: LayerState, view: View) -> Tensor:
        """Return the context kept of the tokens before the chunk, and the new tokens': (B, K, n + S, E)."""
        own = self.added_memory.contexts(x)
        if view.runs is None:
            return torch.cat((state[CONTEXT], own), dim=2)
        wanted = [self._context_at(start) for start in view.runs.round.starts]
        return torch.cat((rows_at(state, {CONTEXT: own}, wanted, view.runs)[CONTEXT], own), dim=2)

    def _context_after(self, state: LayerState, context: Tensor, view: View) -> Tensor:
        if view.runs is None:
            return last_rows(context, len(self._context_at(view.plan.position + view.plan.tokens)))
        own = context[:, :, context.shape[2] - view.plan.tokens :]
        wanted = [self._context_at(view.runs.round.end)] * len(view.runs.round.starts)
        return rows_at(state, {CONTEXT: own}, wanted, view.runs)[CONTEXT]

    def _context_at(self, position: int) -> range:
        return range(position - self.window.open_tokens(position) - CONTEXT_TOKENS, position)

    def _open_and_new(self, x: Tensor, new: Projected, state: LayerState, context: Tensor) -> Writes:
        """Return what the open segment's tokens and the new ones write."""
        nearby = context[:, :, -(CONTEXT_TOKENS + x.shape[1]) :]
        added = self.added_memory.writes(x, new.keys, new.values, nearby)
        return Writes(*(torch.cat((state[name], part), dim=2) for name, part in zip(WRITES, added, strict=True)))

    def _memories(self, memory: Tensor, writes: Writes, view: View) -> tuple[Tensor, dict[str, Tensor]]:
        """Return M (B, K, E, E) before each segment and after the last closed one: (B, K, G + 1, E, E).

        Where several ranks read, return also what all of them leave.
        """
        shape = (view.plan.closed, self.segment)
        if not view.plan.closed:
            return memory.unsqueeze(2), {}
        closed = (part[:, :, : shape[0] * shape[1]].unflatten(2, shape) for part in writes)  # (B, K, G, N, ...)
        decay, gain = ops.gated_update(*closed)  # (B, K, G, E, E) each
        return scanned(memory, decay, gain, view.runs)

    def _left(self, writes: Writes, memories: Tensor, view: View) -> dict[str, Tensor]:
        opened = view.plan.closed * self.segment
        kept = {name: part[:, :, opened:].clone() for name, part in zip(WRITES, writes, strict=True)}
        return kept | {"memory": memories[:, :, -1].clone()}

    def _recalled(self, x: Tensor, new: Projected, context: Tensor, memories: Tensor, chunk: Chunk) -> Tensor:
        """Return what memory adds for the chunk's last tokens. x (B, Q, D) -> (B, Q, D)."""
        wanted, length = x.shape[1], self.segment
        first = chunk.position + chunk.tokens - wanted
        skipped, before = first // length - chunk.position // length, first % length
        nearby = context[:, :, -(CONTEXT_TOKENS + wanted) :]
        queries = self.added_memory.queries(x, new.queries, nearby)  # (B, H, Q, E)
        if before + wanted <= length:  # as when answering: one row, and not a segment of them
            before, length = 0, wanted
        queries = F.pad(queries, (0, 0, before, -(before + wanted) % length))  # whole segments
        found = ops.recall(queries.unflatten(2, (-1, length)), memories[:, :, skipped:])  # (B, H, G, N, E)
        heard = self.added_memory.gated(x, found.flatten(2, 3)[:, :, before : before + wanted])  # (B, Q, H * E)
        own = self.o_proj(heard.to(x.dtype))  # (B, Q, D)
        added: Tensor = own + self.added_memory.output(heard).to(x.dtype)
        return added
