"""Combine local attention, sinks and carry with a compressive memory (Infini-attention, arXiv 2404.07143)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.config import AttentionSpec, ModelConfig, ReadingConfig
from gemma10m.memory import KINDS
from gemma10m.memory.heavy import HeavyTokens
from gemma10m.memory.kind import Memory
from gemma10m.memory.matrix import Memories
from gemma10m.memory.quantiser import quantiser_of
from gemma10m.memory.spans import Plan, SegmentWindow, SlidingWindow, Span, Window
from gemma10m.memory.state import LayerState, Layout, last_rows
from gemma10m.models.buffer import Buffer, Quantised
from gemma10m.models.chunk import Chunk, View, wide_dtype
from gemma10m.models.growing import GrowingKeys
from gemma10m.models.joined import Joined, JoinedPacked, join_matrices
from gemma10m.models.layers import RMSNorm
from gemma10m.models.mixer import Cost, Mixer
from gemma10m.models.most_attended import MostAttended
from gemma10m.models.queries import Projected, Queries, queries_of
from gemma10m.models.run_state import open_after, state_after, state_before
from gemma10m.models.scores import SCORES_AT_ONCE, attend

WIDEST_UNSHIFTED = 256  # numbers of a head, of which wider ones have scores of hundreds (Gemma 4)


def window_of(spec: AttentionSpec, reading: ReadingConfig) -> Window:
    """Return the window that a layer reads with: its own if it slides, else the reading's."""
    memory, quantiser = KINDS[reading.memory], quantiser_of(reading)
    if spec.window is not None:
        every = quantiser.group if quantiser else None
        return SlidingWindow(spec.window, reading.segment if memory.closes else every, quantised_every=every)
    every = reading.segment if quantiser else None
    return SegmentWindow(reading.segment, reading.carry, reading.sinks, memory.closes, memory.in_turn, every)


def memory_of(spec: AttentionSpec, reading: ReadingConfig) -> Memory:
    """Return the memory that a layer keeps. A sliding layer was never meant to see what has left its window."""
    return KINDS[reading.memory if spec.window is None else "window"]


class Attention(Mixer):
    joined: Joined | JoinedPacked | None = None  # projections of queries, keys and values, once fused
    lends_as: int | None = None  # its number, for the layers that attend to its keys and values

    def __init__(self, config: ModelConfig, spec: AttentionSpec, reading: ReadingConfig) -> None:
        super().__init__()
        self.spec, self.hidden_size, self.segment = spec, config.hidden_size, reading.segment
        self.window, self.memory = window_of(spec, reading), memory_of(spec, reading)
        self.quantiser, self.most_attended = quantiser_of(reading), None
        if self.memory.keeps_attended and isinstance(self.window, SegmentWindow):
            self.most_attended = MostAttended(spec, self.window)
        self.shifts_scores = spec.head_size > WIDEST_UNSHIFTED
        self.norm_eps, self.has_kv_norm = config.norm_eps, config.has_kv_norms
        bias = spec.projection_bias
        self.q_proj = nn.Linear(config.hidden_size, spec.query_size, bias=bias)
        self.k_proj = nn.Linear(config.hidden_size, spec.kv_size, bias=bias)
        if not spec.key_is_value:
            self.v_proj = nn.Linear(config.hidden_size, spec.kv_size, bias=bias)
        self.o_proj = nn.Linear(spec.query_size, config.hidden_size, bias=False)
        if spec.query_key_norm:
            self.q_norm = RMSNorm(spec.head_size, config.norm_eps, config.norm_offset)
            self.k_norm = RMSNorm(spec.head_size, config.norm_eps, config.norm_offset)
        self.has_gates = config.has_gates and spec.window is None
        if self.has_gates:
            self.gate = nn.Parameter(torch.zeros(1, spec.heads, 1, 1))
        if config.has_write_gates and spec.window is None:
            self.write_gate = nn.Linear(config.hidden_size, spec.kv_heads)

    def forward(self, x: Tensor, state: LayerState, chunk: Chunk, wanted: int) -> tuple[Tensor, LayerState]:
        """Map x (B, S, D) to the last `wanted` tokens' output (B, wanted, D) and the state after the chunk."""
        if chunk.growing:
            return self._next(x, chunk)[0], state
        view = chunk.view(self.window, self.spec)
        asking = wanted if self.most_attended is None else x.shape[1]  # every token, to count what each receives
        new, kept = self._project(x, asking, chunk.kv_input), dict[str, Tensor]()
        before = self._before(state, new, view)
        buffer = self._buffer(x, new, before, view)
        if self.most_attended is not None:
            buffer, heavy = self.most_attended.read(buffer, queries_of(new.queries, view).turned, state, view)
            kept = heavy.tensors()
        self._lend(chunk, buffer)
        wanting = new.queries[:, :, asking - wanted :]  # (B, H, wanted, E)
        output = self._attend(queries_of(wanting, view), buffer, view, wanted) if wanted else x[:, :0]
        written = {} if buffer.write_gates is None else {"write_gates": buffer.write_gates}
        left = self._next_state(view.plan, buffer, before).replace(**kept)
        return output, self._after(state, left, new, written, view)

    @property
    def can_grow(self) -> bool:
        return self.quantiser is None and self.most_attended is None

    def growing(self, state: LayerState, chunk: Chunk) -> GrowingKeys | None:
        view, blank = chunk.view(self.window, self.spec), state["keys"][:, :, :0]  # (B, K, 0, E)
        memories = self._remember(state, view, blank, blank, state.get("write_gates"))
        return GrowingKeys(state, view, memories)

    def _next(self, x: Tensor, chunk: Chunk) -> tuple[Tensor, Projected]:
        """Return the output (B, 1, D) of one more token x (B, 1, D), whose key and value are kept."""
        new, kept = self._project(x, 1, chunk.kv_input), chunk.growing[self]
        turned = kept.add(new, chunk)  # (B, H, 1, E)
        if self.lends_as is not None:
            chunk.lent_keys[self.lends_as] = kept
        return self._ask(Queries(new.queries, turned), kept), new

    def _ask(self, queries: Queries, kept: GrowingKeys) -> Tensor:
        """Return the output (B, 1, D) of the last token that was added, with its queries (B, H, 1, E)."""
        local = self._local(queries.turned, *kept.window, None).unsqueeze(2)  # (B, H, 1, 1, E)
        output: Tensor = self.o_proj(self._mixed(local, queries.plain.unsqueeze(2), kept.memories, 0))
        return output

    def _lend(self, chunk: Chunk, buffer: Buffer) -> None:
        if self.lends_as is not None:
            chunk.lent[self.lends_as] = buffer

    def fuse(self) -> None:
        if self.has_kv_norm:  # which reads another input
            return
        self.joined = join_matrices(*self._projections)

    @property
    def _projections(self) -> tuple[nn.Linear, ...]:
        own = (self.q_proj, self.k_proj)
        return own if self.spec.key_is_value else (*own, self.v_proj)

    def layout(self, position: int, batch: int, dtype: torch.dtype) -> Layout:
        spec = self.spec
        exact, wide = self.window.exact(position), wide_dtype(dtype)
        kept = (dtype, (batch, spec.kv_heads, exact, spec.head_size))
        layout: Layout = {"keys": kept, "values": kept}
        if self.quantiser is not None:
            layout |= self.quantiser.layout(spec, self.window.kept(position) - exact, batch, wide)
        if spec.window is None:
            sinks = (dtype, (batch, spec.kv_heads, min(self.window.sinks, position), spec.head_size))
            layout |= {"sink_keys": sinks, "sink_values": sinks}
        opened = self.window.open_tokens(position)
        if self.most_attended is not None:
            layout |= HeavyTokens.layout(spec, self.most_attended.window, position, batch, dtype, wide)
        return layout | self.memory.layout(spec, self.hidden_size, opened, batch, wide)

    def rewind(self, state: LayerState, position: int, tokens: int) -> LayerState | None:
        """Cut keys off: nothing of the open segment is in a matrix yet."""
        before = self.window.kept(position - tokens)
        if self.most_attended is not None and tokens != self.window.open_tokens(position):
            return None  # what single tokens gave is not kept
        # A sliding window has let go of the oldest keys that it needs back only where segments never close.
        if self.window.kept(position) - tokens < before:
            return None
        exact, left = self.window.exact(position), self.window.exact(position - tokens)
        changes: dict[str, Tensor] = {}
        if self.quantiser is not None and tokens > exact:
            if left:
                return None  # a part of a block as it was, and all of it is quantised
            changes = self.quantiser.without(state, tokens - exact, before)
        changes |= {name: _cut(state[name], min(tokens, exact), left) for name in ("keys", "values")}
        if self.most_attended is not None:
            changes |= HeavyTokens.of(state).reopened().tensors()
        for name in ("sink_keys", "sink_values"):
            if (sinks := state.get(name)) is not None:
                changes[name] = sinks[:, :, : position - tokens]
        if (gates := state.get("write_gates")) is not None:
            changes["write_gates"] = gates[:, :, : gates.shape[2] - tokens].clone()
        return state.replace(**changes)

    def skip_to(self, state: LayerState, position: int) -> LayerState:
        keys = state["keys"]  # (B, K, W, E)
        blank = {
            name: torch.zeros(shape, dtype=dtype, device=keys.device)
            for name, (dtype, shape) in self.layout(position, keys.shape[0], keys.dtype).items()
        }
        kept = {name: tensor for name, tensor in state.tensors() if name in ("sink_keys", "sink_values")}
        return LayerState(**(blank | kept))

    def cost(self, tokens: int) -> Cost:
        spec, D = self.spec, self.hidden_size
        keys, products = self.window.mean_keys(tokens), 4
        if self.most_attended is not None:  # as many kept tokens as carried ones, and a second product with all
            keys, products = keys + self.most_attended.window.carry, 6
        return Cost(
            projection_flops=4 * D * (spec.query_size + spec.kv_size),
            mixing_flops=products * keys * spec.query_size + 2 * self.memory.mixes * spec.query_size * spec.head_size,
            writing_flops=2 * self.memory.products * spec.kv_size * spec.head_size,
            narrow_scratch=4 * (spec.query_size + 2 * spec.kv_size),
            wide_scratch=4 * (spec.query_size + spec.kv_size),
            query_flops=(4 if self.most_attended is None else 2) * D * spec.query_size,
        )

    def scratch(self, tokens: int, item: int) -> int:
        """Count bytes without the allocator's rounding or a library's own; good to a factor of 2."""
        query_size, kv_size, window = self.spec.query_size, self.spec.kv_size, self.window
        segments = -(-tokens // self.segment)
        queries = 4 * tokens * query_size * item  # queries, rotated, attended, joined
        carried = window.carry if isinstance(window, SegmentWindow) else window.width
        buffer = 2 * (carried + tokens) * kv_size * item
        carried *= 1 if self.most_attended is None else 2  # as many kept tokens
        together = 1 if self.memory.in_turn else segments  # in attention at a time
        buffer *= 1 if self.quantiser is None else 2  # what later blocks see of it
        windows = 3 * together * (window.sinks + carried + self.segment) * kv_size * item  # keys, rotated keys, values
        if self.most_attended is not None:
            windows += 3 * SCORES_AT_ONCE * 4  # products, masked, weights
        if not self.memory.mixes:
            return queries + buffer + windows
        mixed = 3 * tokens * query_size * 4  # feature map, recalled, mixed
        memories = 4 * (segments + 1) * kv_size * self.spec.head_size * 4  # maps A, B, M and their product
        return queries + buffer + windows + mixed + memories

    def first_kept(self, position: int) -> int:
        return 0 if self.memory.remembers else self.window.block_start(position - self.window.kept(position))

    def first_seen(self, position: int) -> int:
        return 0 if self.memory.remembers else self.window.first_seen(position)

    def _project(self, x: Tensor, wanted: int, kv_input: Tensor | None = None) -> Projected:
        """Return the queries of the last `wanted` tokens, and all keys and values, of kv_input (B, S, D) if given."""
        asking = x[:, x.shape[1] - wanted :]  # (B, wanted, D)
        if self.joined and asking.shape[1] == x.shape[1]:
            parts = self.joined.products(x)
        else:
            kept = x if kv_input is None else kv_input
            later = self.joined.later_products(kept) if self.joined else [part(kept) for part in self._projections[1:]]
            parts = [self.q_proj(asking), *later]
        queries, keys, values = (self._heads(part) for part in (*parts[:2], parts[-1]))
        return Projected(*self._normed(queries, keys), self._normed_values(values))

    def _normed(self, queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise before the cache, so that kept keys are normalised and have no position."""
        if not self.spec.query_key_norm:
            return queries, keys
        return self.q_norm(queries), self.k_norm(keys)

    def _normed_values(self, values: Tensor) -> Tensor:
        if not self.spec.value_norm:
            return values
        return ops.rms_norm(values, values.new_ones(values.shape[-1]), self.norm_eps, 0.0)

    def _buffer(self, x: Tensor, new: Projected, state: LayerState, view: View) -> Buffer:
        keys, values = [state["keys"], new.keys], [state["values"], new.values]
        if self.quantiser is not None:
            restored = self.quantiser.restored(state, new.keys.dtype)
            keys, values = [restored[0], *keys], [restored[1], *values]
        buffer_keys, buffer_values = torch.cat(keys, dim=2), torch.cat(values, dim=2)  # (B, K, W + S, E) each
        turned_keys, write_gates = view.rotate(buffer_keys, 0), self._write_gates(x, state)
        return Buffer(
            buffer_keys,
            turned_keys,
            buffer_values,
            self._sinks(state.get("sink_keys"), new.keys),
            self._sinks(state.get("sink_values"), new.values),
            self._remember(state, view, buffer_keys, buffer_values, write_gates),
            write_gates,
            quantised=self._quantised(buffer_keys, turned_keys, buffer_values, view),
        )

    def _quantised(self, keys: Tensor, turned_keys: Tensor, values: Tensor, view: View) -> Quantised | None:
        """Quantise the blocks that end in the stretch."""
        first, count = view.plan.quantised_before, view.plan.quantised
        if self.quantiser is None or not count:
            return None
        codes = self.quantiser.quantised(keys[:, :, first : first + count], values[:, :, first : first + count])
        new_keys, new_values = self.quantiser.restored(codes, keys.dtype)  # (B, K, count, E) each
        return Quantised(
            torch.cat((keys[:, :, :first], new_keys), dim=2),
            torch.cat((values[:, :, :first], new_values), dim=2),
            torch.cat((turned_keys[:, :, :first], view.rotate(new_keys, first)), dim=2),
            codes,
        )

    def _before(self, state: LayerState, new: Projected, view: View) -> LayerState:
        """Return the state before the chunk; `state` is that before the round where several ranks read."""
        if view.runs is None:
            return state
        return state_before(state, new.keys, new.values, self.window, self.memory.opened, view.runs)

    def _after(
        self, state: LayerState, left: LayerState, new: Projected, written: Mapping[str, Tensor], view: View
    ) -> LayerState:
        """Return the state after the chunk, or after the round. written: what tokens up to the last one will write."""
        if view.runs is None:
            return left
        left = state_after(state, left, new.keys, new.values, self.window, view.runs)
        own = {name: tensor[:, :, tensor.shape[2] - view.plan.tokens :] for name, tensor in written.items()}
        return open_after(left, own, self.window, view.runs) if own else left

    def _heads(self, x: Tensor) -> Tensor:
        heads: Tensor = x.unflatten(-1, (-1, self.spec.head_size))  # (B, S, heads, E)
        return heads.transpose(1, 2)  # (B, heads, S, E)

    def _sinks(self, kept: Tensor | None, new: Tensor) -> Tensor | None:
        if kept is None:
            return None
        missing = self.window.sinks - kept.shape[2]
        return torch.cat((kept, new[:, :, :missing]), dim=2) if missing else kept

    def _write_gates(self, x: Tensor, state: LayerState) -> Tensor | None:
        earlier = state.get("write_gates")
        if earlier is None:
            return None
        weight, bias = self.write_gate.weight, self.write_gate.bias
        new = torch.sigmoid(ops.wide(F.linear(x.to(weight.dtype), weight, bias))).mT  # (B, K, S)
        return torch.cat((earlier, new), dim=2)  # (B, K, n + S)

    def _remember(
        self, state: LayerState, view: View, keys: Tensor, values: Tensor, write_gates: Tensor | None
    ) -> Memories | None:
        count, length, first = view.plan.closed, self.segment, view.plan.carried_before
        closed = slice(first, first + count * length)
        shape = (count, length)
        return self.memory.write(
            state,
            keys[:, :, closed].unflatten(2, shape),  # (B, K, G, N, E)
            values[:, :, closed].unflatten(2, shape),  # (B, K, G, N, E)
            None if write_gates is None else write_gates[:, :, : count * length].unflatten(2, shape),  # (B, K, G, N)
            view.interludes,
            view.runs,
        )

    def _attend(self, queries: Queries, buffer: Buffer, view: View, wanted: int) -> Tensor:
        skipped, spans = view.plan.tokens - wanted, view.plan.wanted_spans(wanted)
        parts = [self._span(queries.of(span, skipped), buffer.of(span), view, span) for span in spans]
        output: Tensor = self.o_proj(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1))  # (B, wanted, D)
        return output

    def _span(self, queries: Queries, buffer: Buffer, view: View, span: Span) -> Tensor:
        """Return the output of one batch of like windows -> (B, G * Q, H * E)."""
        # The segments of a batch are documents to attention: (B * G, heads, rows, E) each.
        queries_in, keys, values = map(_batch, (queries.turned, *buffer.windows(view, span)))
        local = self._local(queries_in, keys, values, span.reach)
        split = local.unflatten(0, (-1, span.segments)).transpose(1, 2)  # (B, H, G, Q, E)
        return self._mixed(split, queries.plain, buffer.memories, span.first_segment)

    def _mixed(self, local: Tensor, queries: Tensor, memories: Memories | None, first_segment: int) -> Tensor:
        """Mix local attention and what memory answers to plain queries (B, H, G, Q, E) -> (B, G * Q, H * E)."""
        # What reads everything, or a state vector, has no use for a mixture: there gates are ignored.
        if not self.has_gates or (self.memory.remembers and not self.memory.mixes):
            return _merge_heads(local)
        gate = self.gate.flatten()  # (H)
        if memories is None:
            kept = 1.0 - torch.sigmoid(ops.wide(gate)).view(-1, 1, 1, 1)  # (H, 1, 1, 1)
            return _merge_heads((kept * local).to(local.dtype))
        return memories.mix(local, queries, gate, first_segment)

    def _local(self, queries: Tensor, keys: Tensor, values: Tensor, reach: int | None) -> Tensor:
        """Attend inside one window: (B, H, Q, E), keys and values (B, K, width, E) -> (B, H, Q, E)."""
        scale, cap = self.spec.scale, self.spec.score_cap
        return attend(queries, keys, values, reach=reach, scale=scale, cap=cap, shifted=self.shifts_scores)

    def _next_state(self, plan: Plan, buffer: Buffer, state: LayerState) -> LayerState:
        count = plan.exact_after
        tensors = {"keys": last_rows(buffer.keys, count), "values": last_rows(buffer.values, count)}
        if self.quantiser is not None:
            codes = None if buffer.quantised is None else buffer.quantised.codes
            tensors |= self.quantiser.last(state, codes, plan.quantised_after)
        if buffer.sink_keys is not None and buffer.sink_values is not None:
            tensors |= {"sink_keys": buffer.sink_keys, "sink_values": buffer.sink_values}
        if buffer.memories is not None:
            tensors |= buffer.memories.last()
        if buffer.write_gates is not None:
            tensors["write_gates"] = buffer.write_gates[:, :, plan.closed * self.segment :].clone()
        return LayerState(**tensors)


def _merge_heads(x: Tensor) -> Tensor:
    return x.flatten(2, 3).transpose(1, 2).flatten(2)  # (B, H, G, Q, E) -> (B, G * Q, H * E)


def _batch(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(0, 1)  # (B, heads, G, Q, E) -> (B * G, heads, Q, E)


def _cut(x: Tensor, tokens: int, kept: int) -> Tensor:
    """Drop the last `tokens` keys, and all but the `kept` before them."""
    left = x[:, :, : x.shape[2] - tokens]
    return left[:, :, left.shape[2] - kept :].clone()
