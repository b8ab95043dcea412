"""Local attention with sinks and carry, combined with a compressive memory (Infini-attention, arXiv 2404.07143)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.memory import infini
from gemma10m.memory.interludes import Interludes
from gemma10m.memory.state import LayerState
from gemma10m.memory.window import Plan, Span
from gemma10m.models.layers import fuse
from gemma10m.models.rotary import cos_sin_at


@dataclass(frozen=True)
class Stretch:
    """What all layers share about the tokens that go through them together."""

    plan: Plan
    cos: Tensor  # (W + S, E) float32, positions counted from the buffer's start
    sin: Tensor  # (W + S, E)
    interludes: Interludes | None = None  # training only

    def turn(self, x: Tensor, first: int) -> Tensor:
        """Rotate x (B, heads, S, E) to the positions from `first` on."""
        here = slice(first, first + x.shape[2])
        return ops.rotate(x, self.cos[here], self.sin[here])


class Projected(NamedTuple):
    queries: Tensor  # (B, H, wanted, E)
    keys: Tensor  # (B, K, S, E)
    values: Tensor  # (B, K, S, E)


@dataclass(frozen=True)
class Buffer:
    """A stretch's keys and values with what was kept in front of them, and the memories its segments read."""

    keys: Tensor  # (B, K, W + S, E), without positions
    turned_keys: Tensor  # (B, K, W + S, E), positions counted from the buffer's start
    values: Tensor  # (B, K, W + S, E)
    sink_keys: Tensor  # (B, K, sinks, E)
    sink_values: Tensor  # (B, K, sinks, E)
    memories: infini.Memories | None
    write_gates: Tensor | None  # (B, K, n + S)
    extra_key: Tensor | None = None  # (B, K, 1, E) in front of every window, turned
    extra_value: Tensor | None = None  # (B, K, 1, E)


@dataclass(frozen=True)
class Queries:
    plain: Tensor  # (B, H, S, E): what memory is asked with
    turned: Tensor  # (B, H, S, E): at their positions in the buffer

    def of(self, span: Span, skipped: int) -> Queries:
        """A span's queries, each (B, H, G, Q, E)."""
        first = span.first_query - skipped
        here, shape = slice(first, first + span.segments * span.queries), (span.segments, span.queries)
        return Queries(self.plain[:, :, here].unflatten(2, shape), self.turned[:, :, here].unflatten(2, shape))


class Attention(nn.Module):
    qkv: Tensor | None

    def __init__(self, config: ModelConfig, reading: ReadingConfig) -> None:
        super().__init__()
        self.config, self.reading = config, reading
        self.q_proj = nn.Linear(config.hidden_size, config.query_size, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, config.kv_size, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, config.kv_size, bias=False)
        self.o_proj = nn.Linear(config.query_size, config.hidden_size, bias=False)
        self.register_buffer("qkv", None, persistent=False)  # (H * E + 2 * K * E, D) once fused
        if config.has_gates:
            self.gate = nn.Parameter(torch.zeros(1, config.heads, 1, 1))
        if config.has_write_gates:
            self.write_gate = nn.Linear(config.hidden_size, config.kv_heads)

    def forward(self, x: Tensor, state: LayerState, stretch: Stretch, wanted: int) -> tuple[Tensor, LayerState]:
        """x (B, S, D) -> the last `wanted` tokens' output (B, wanted, D), and the state after the stretch."""
        new = self._project(x, wanted)
        buffer = self._buffer(x, new, state, stretch)
        output = self._attend(queries_of(new, stretch), buffer, stretch.plan, wanted) if wanted else x[:, :0]
        return output, self._next_state(stretch.plan, buffer)

    def fuse(self) -> None:
        self.qkv = fuse(self.q_proj, self.k_proj, self.v_proj)

    def _project(self, x: Tensor, wanted: int) -> Projected:
        """Queries of the last `wanted` tokens, keys and values of all."""
        sizes = [self.config.query_size, self.config.kv_size, self.config.kv_size]
        asking = x[:, x.shape[1] - wanted :]  # (B, wanted, D)
        if self.qkv is None:
            queries, keys, values = self.q_proj(asking), self.k_proj(x), self.v_proj(x)
        elif wanted == x.shape[1]:
            queries, keys, values = F.linear(x, self.qkv).split(sizes, dim=-1)
        else:
            queries = self.q_proj(asking)
            keys, values = F.linear(x, self.qkv[sizes[0] :]).split(sizes[1:], dim=-1)
        return Projected(self._heads(queries), self._heads(keys), self._heads(values))

    def _buffer(self, x: Tensor, new: Projected, state: LayerState, stretch: Stretch) -> Buffer:
        buffer_keys = torch.cat((state.keys, new.keys), dim=2)  # (B, K, W + S, E)
        buffer_values = torch.cat((state.values, new.values), dim=2)  # (B, K, W + S, E)
        write_gates = self._write_gates(x, state)
        return Buffer(
            buffer_keys,
            stretch.turn(buffer_keys, 0),
            buffer_values,
            self._sinks(state.sink_keys, new.keys),
            self._sinks(state.sink_values, new.values),
            self._remember(state, stretch, buffer_keys, buffer_values, write_gates),
            write_gates,
        )

    def _heads(self, x: Tensor) -> Tensor:
        heads: Tensor = x.unflatten(-1, (-1, self.config.head_size))  # (B, S, heads, E)
        return heads.transpose(1, 2)  # (B, heads, S, E)

    def _sinks(self, kept: Tensor, new: Tensor) -> Tensor:
        missing = self.reading.sinks - kept.shape[2]
        return torch.cat((kept, new[:, :, :missing]), dim=2) if missing else kept

    def _write_gates(self, x: Tensor, state: LayerState) -> Tensor | None:
        if state.write_gates is None:
            return None
        weight, bias = self.write_gate.weight, self.write_gate.bias
        new = torch.sigmoid(F.linear(x.to(weight.dtype), weight, bias).float()).mT  # (B, K, S)
        return torch.cat((state.write_gates, new), dim=2)  # (B, K, n + S)

    def _remember(
        self, state: LayerState, stretch: Stretch, keys: Tensor, values: Tensor, write_gates: Tensor | None
    ) -> infini.Memories | None:
        if state.memory is None:
            return None
        count, length, first = stretch.plan.closed, self.reading.segment, stretch.plan.carried_before
        closed = slice(first, first + count * length)
        shape = (count, length)
        return infini.write(
            self.reading.memory,
            state.memory,
            state.normaliser,
            keys[:, :, closed].unflatten(2, shape),  # (B, K, G, N, E)
            values[:, :, closed].unflatten(2, shape),  # (B, K, G, N, E)
            None if write_gates is None else write_gates[:, :, : count * length].unflatten(2, shape),  # (B, K, G, N)
            stretch.interludes,
        )

    def _attend(self, queries: Queries, buffer: Buffer, plan: Plan, wanted: int) -> Tensor:
        skipped = plan.tokens - wanted
        parts = [self._span(queries.of(span, skipped), buffer, span) for span in plan.wanted_spans(wanted)]
        output: Tensor = self.o_proj(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1))  # (B, wanted, D)
        return output

    def _span(self, queries: Queries, buffer: Buffer, span: Span) -> Tensor:
        """One batch of like windows: local attention and memory, mixed by the gates -> (B, G * Q, H * E)."""
        local = self._local(queries.turned, buffer, span)  # (B, H, G, Q, E)
        if not self.config.has_gates or self.reading.memory in ("state-vector", "full"):
            return _merge_heads(local)
        gate = self.gate.flatten()  # (H)
        if buffer.memories is None:
            kept = 1.0 - torch.sigmoid(gate.float()).view(-1, 1, 1, 1)  # (H, 1, 1, 1)
            return _merge_heads((kept * local).to(local.dtype))
        return buffer.memories.mix(local, queries.plain, gate, span.first_segment)

    def _local(self, queries: Tensor, buffer: Buffer, span: Span) -> Tensor:
        """softmax(q k^T / sqrt(E)) v inside each window. (B, H, G, Q, E) -> (B, H, G, Q, E)."""
        sinks = self._turned_sinks(buffer, span) if span.sinks else None  # (B, K, G, sinks, E)
        keys = self._windows(buffer.turned_keys, sinks, span)  # (B, K, G, width, E)
        values = self._windows(buffer.values, buffer.sink_values.unsqueeze(2), span)  # (B, K, G, width, E)
        keys, values = _behind(buffer.extra_key, keys), _behind(buffer.extra_value, values)
        out = F.scaled_dot_product_attention(
            _batch(queries),
            _batch(keys),
            _batch(values),
            attn_mask=causal_mask(span.queries, keys.shape[3], keys.device),
            enable_gqa=self.config.heads != self.config.kv_heads,
        )  # (B * G, H, Q, E)
        split: Tensor = out.unflatten(0, (-1, span.segments))  # (B, G, H, Q, E)
        return split.transpose(1, 2)  # (B, H, G, Q, E)

    def _turned_sinks(self, buffer: Buffer, span: Span) -> Tensor:
        """The sinks just before each window of the span. -> (B, K, G, sinks, E)."""
        config, step, first = self.config, self.reading.segment, span.first_key - self.reading.sinks
        starts = first + step * torch.arange(span.segments, device=buffer.keys.device).unsqueeze(1)  # (G, 1)
        places = starts + torch.arange(self.reading.sinks, device=buffer.keys.device)  # (G, sinks)
        cos, sin = cos_sin_at(places.flatten(), config.head_size, config.rope_theta)  # (G * sinks, E) each
        kept = buffer.sink_keys.unsqueeze(2).expand(-1, -1, span.segments, -1, -1)  # (B, K, G, sinks, E)
        turned = ops.rotate(kept.flatten(2, 3), cos, sin)  # (B, K, G * sinks, E)
        split: Tensor = turned.unflatten(2, places.shape)  # (B, K, G, sinks, E)
        return split

    def _windows(self, kept: Tensor, sinks: Tensor | None, span: Span) -> Tensor:
        """Each segment's [sinks | carry | segment] of the buffer. -> (B, K, G, width, E)."""
        stop = span.first_key + (span.segments - 1) * self.reading.segment + span.width
        inside = kept[:, :, span.first_key : stop]
        windows = inside.unfold(2, span.width, self.reading.segment).mT if span.segments > 1 else inside.unsqueeze(2)
        if not span.sinks or sinks is None:
            return windows
        return torch.cat((sinks.expand(-1, -1, span.segments, -1, -1), windows), dim=3)

    def _next_state(self, plan: Plan, buffer: Buffer) -> LayerState:
        memory, normaliser = (None, None) if buffer.memories is None else buffer.memories.last()
        gates_read = plan.closed * self.reading.segment
        return LayerState(
            keys=_tail(buffer.keys, plan.kept_keys),
            values=_tail(buffer.values, plan.kept_keys),
            sink_keys=buffer.sink_keys,
            sink_values=buffer.sink_values,
            memory=memory,
            normaliser=normaliser,
            write_gates=None if buffer.write_gates is None else buffer.write_gates[:, :, gates_read:].clone(),
        )


def queries_of(new: Projected, stretch: Stretch) -> Queries:
    """Of the stretch's last tokens."""
    return Queries(new.queries, stretch.turn(new.queries, len(stretch.cos) - new.queries.shape[2]))


def _behind(extra: Tensor | None, windows: Tensor) -> Tensor:
    """One more key or value in front of every window. (B, K, 1, E), (B, K, G, width, E) -> (B, K, G, 1 + width, E)."""
    if extra is None:
        return windows
    return torch.cat((extra.unsqueeze(2).expand(-1, -1, windows.shape[2], -1, -1), windows), dim=3)


def _merge_heads(x: Tensor) -> Tensor:
    return x.flatten(2, 3).transpose(1, 2).flatten(2)  # (B, H, G, Q, E) -> (B, G * Q, H * E)


def _batch(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(0, 1)  # (B, heads, G, Q, E) -> (B * G, heads, Q, E)


def _tail(x: Tensor, count: int) -> Tensor:
    """The last `count` keys, in storage of their own: a view would keep the whole stretch alive."""
    return x if count == x.shape[2] else x[:, :, x.shape[2] - count :].clone()


def causal_mask(queries: int, width: int, device: torch.device) -> Tensor | None:
    """The queries are the window's last tokens; each sees the window up to itself."""
    if device.type == "cuda":
        # For one query too: without a mask cuDNN is taken, which plans anew for every length of an answer.
        # Imported here: it brings in torch's compiler, a second that a run on the CPU has no use for.
        from torch.nn.attention.bias import causal_lower_right

        mask: Tensor = causal_lower_right(queries, width)
        return mask
    if queries == 1:
        return None
    return torch.ones(queries, width, dtype=torch.bool, device=device).tril(width - queries)
