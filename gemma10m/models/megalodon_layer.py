"""Compute a layer of Megalodon (arXiv 2404.08801), as its released code does: a moving average, then gated attention.

A token attends to its own chunk up to itself; what came before reaches it through the average and the running
statistics of the norm alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.config import ModelConfig
from gemma10m.memory.spans import Plan, SegmentWindow
from gemma10m.memory.state import LayerState, Layout, last_rows
from gemma10m.models.blocks import Layer
from gemma10m.models.chunk import Chunk, wide_dtype
from gemma10m.models.complex_ema import ComplexEMA
from gemma10m.models.layers import RMSNorm, in_rows
from gemma10m.models.mixer import Cost, Mixer
from gemma10m.models.recurrent import BEFORE, RecurrentMixer, with_before
from gemma10m.models.timestep_norm import TimestepNorm

EMA = "ema"
QUERY_ROWS = 256  # queries of a head whose scores exist at a time: half a block of masked ones is all that is wasted


class MovingAverageAttention(RecurrentMixer):
    """Average over time, attend within chunks by what the average says, gate the answer.

    Queries and keys are one normalised projection of the average, scaled and shifted apart; values are of the input.
    """

    carried = (EMA, *TimestepNorm.carried)

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.megalodon is not None
        mega, size = config.megalodon, config.hidden_size
        self.spec, self.hidden_size, self.segment = config.attention_of(0), size, mega.chunk_size
        self.value_size, self.ema_size, self.norm_eps = mega.value_dim, mega.cema_ndim, config.norm_eps
        self.window = SegmentWindow(mega.chunk_size, carry=0, sinks=0)
        self.timenorm = TimestepNorm(config)
        self.cema = ComplexEMA(size, mega.cema_ndim)
        self.rmsnorm = RMSNorm(size, config.norm_eps, config.norm_offset)
        self.wz = nn.Linear(size, mega.z_dim)
        self.wv = nn.Linear(size, mega.value_dim)
        self.wr = nn.Linear(size, mega.value_dim)
        self.wh1 = nn.Linear(size, size)
        self.wh2 = nn.Linear(mega.value_dim, size, bias=False)
        self.gamma = nn.Parameter(torch.zeros(2, mega.z_dim))
        self.beta = nn.Parameter(torch.zeros(2, mega.z_dim))

    def forward(self, x: Tensor, state: LayerState, chunk: Chunk, wanted: int) -> tuple[Tensor, LayerState]:
        """Map the stream x (B, S, D) to what is added to its last `wanted` tokens, and the state after the chunk."""
        normed, statistics = self.timenorm(x, state, chunk, x.shape[1])
        averaged, averages = self._average(normed, state, self.closed(chunk))
        averaged = self.rmsnorm(averaged)
        view, (queries, keys) = chunk.view(self.window, self.spec), self._queries_and_keys(averaged)
        keys = torch.cat((state["keys"], keys), dim=2)  # (B, H, W + S, E)
        values = F.silu(self.wv(normed)).unflatten(-1, (self.spec.heads, -1)).transpose(1, 2)  # (B, H, S, I)
        values = torch.cat((state["values"], values), dim=2)  # (B, H, W + S, I)
        turned = view.rotate(queries, view.plan.kept_before), view.rotate(keys, 0)
        attended = _attend(*turned, values, view.plan) * F.silu(self.wr(averaged))  # (B, S, H * I)
        kept = {name: last_rows(part, view.plan.kept_after) for name, part in (("keys", keys), ("values", values))}
        output = self.wh1(averaged) + self.wh2(attended)  # (B, S, D)
        return output[:, x.shape[1] - wanted :], LayerState(**kept, **averages, **dict(statistics.tensors()))

    def _average(self, x: Tensor, state: LayerState, closed: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Average x (B, S, D), up to the last boundary and from there: what stood at the boundary is kept, too."""
        before, average = state[EMA + BEFORE], torch.view_as_complex(state[EMA])
        parts = []
        for part in (x[:, :closed], x[:, closed:]):
            if part.shape[1]:
                averaged, average = self.cema(part, average)
                parts.append(averaged)
            if closed and len(parts) == 1:
                before = torch.view_as_real(average)  # (B, D, J, 2)
        output = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return output, with_before(EMA, torch.view_as_real(average), before)

    def _queries_and_keys(self, averaged: Tensor) -> tuple[Tensor, Tensor]:
        """Return both (B, H, S, E), with the numbers that are rotated together half a head apart.

        The released code rotates neighbours, `rotate` halves; scores do not depend on the order of a head's numbers.
        """
        heads, size = self.spec.heads, self.spec.head_size
        z = ops.wide(self.wz(averaged)).unflatten(-1, (heads, size))  # (B, S, H, E)
        z = F.rms_norm(z, (size,), eps=self.norm_eps).flatten(-2).unsqueeze(2)  # (B, S, 1, H * E)
        both = z * ((ops.wide(self.gamma) + 1.0) * size**-0.5) + ops.wide(self.beta)  # (B, S, 2, H * E)
        both = both.unflatten(-1, (heads, size // 2, 2)).mT.flatten(-2).to(averaged.dtype)  # (B, S, 2, H, E)
        queries, keys = both.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, S, E) each
        return queries, keys

    def layout(self, position: int, batch: int, dtype: torch.dtype) -> Layout:
        heads, kept = self.spec.heads, self.window.kept(position)
        averages = (wide_dtype(dtype), (batch, self.hidden_size, self.ema_size, 2))
        layout: Layout = {
            "keys": (dtype, (batch, heads, kept, self.spec.head_size)),
            "values": (dtype, (batch, heads, kept, self.value_size // heads)),
            EMA: averages,
            EMA + BEFORE: averages,
        }
        return layout | self.timenorm.layout(position, batch, dtype)

    def rewind(self, state: LayerState, position: int, tokens: int) -> LayerState | None:
        before = super().rewind(state, position, tokens)
        if before is None:
            return None
        return before.replace(keys=state["keys"][:, :, :0].clone(), values=state["values"][:, :, :0].clone())

    def cost(self, tokens: int) -> Cost:
        z, value, D = self.spec.query_size, self.value_size, self.hidden_size
        # Half of a product with a Toeplitz matrix of T numbers, and twice a product with 2J rows of powers.
        averaging = ops.BLOCK + 8 * self.ema_size
        return Cost(
            projection_flops=2 * D * (z + 3 * value + D),
            mixing_flops=2 * self.window.mean_keys(tokens) * (z + value) + D * averaging,
            writing_flops=0,
            narrow_scratch=3 * (D + z + value),
            wide_scratch=8 * D + 3 * z,
            query_flops=0,
        )

    def scratch(self, tokens: int, item: int) -> int:
        cost, D = self.cost(tokens), self.hidden_size
        rows = tokens * (cost.narrow_scratch * item + cost.wide_scratch * 4)
        powers = 2 * self.ema_size * D * ops.BLOCK * (4 + 4 + 16)  # once in double precision, once beside the matrices
        matrices = 2 * D * ops.BLOCK * ops.BLOCK * 4
        chunks = -(-tokens // self.segment)
        scores = 3 * chunks * self.spec.heads * min(QUERY_ROWS, tokens) * min(self.segment, tokens) * 4
        return rows + powers + matrices + scores


def _attend(queries: Tensor, keys: Tensor, values: Tensor, plan: Plan) -> Tensor:
    """Attend inside each chunk. (B, H, S, E), (B, H, W + S, E), (B, H, W + S, I) -> (B, S, H * I)."""
    parts = []
    for span in plan.spans:
        asking = queries.narrow(2, span.first_query, span.segments * span.queries)
        shown = (part.narrow(2, span.first_key, span.segments * span.width) for part in (keys, values))
        whole = [part.unflatten(2, (span.segments, -1)).transpose(1, 2) for part in (asking, *shown)]
        found = _causal(*whole)  # (B, G, H, Q, I)
        parts.append(found.transpose(2, 3).flatten(3).flatten(1, 2))  # (B, G * Q, H * I)
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _causal(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return softmax(q k^T) v in float32; the queries (..., Q, E) are the last of the keys' tokens (..., width, E)."""
    count, before = queries.shape[-2], keys.shape[-2] - queries.shape[-2]
    parts = []
    for first in range(0, count, QUERY_ROWS):
        rows = min(QUERY_ROWS, count - first)
        stop = before + first + rows
        scores = ops.wide(queries.narrow(-2, first, rows) @ keys.narrow(-2, 0, stop).mT)  # (..., rows, width)
        later = torch.ones(rows, rows, dtype=torch.bool, device=keys.device).triu(1)
        scores[..., stop - rows :].masked_fill_(later, float("-inf"))
        shares = torch.softmax(scores, dim=-1).to(values.dtype)
        parts.append(shares @ values.narrow(-2, 0, stop))  # (..., rows, I)
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-2)


class LayerNorm(nn.Module):
    """Apply layer norm in float32, scaled by 1 + weight."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = ops.wide(x)
        scale, bias = (ops.wide(part) for part in (self.weight, self.bias))
        return F.layer_norm(wide, scale.shape, scale + 1.0, bias, self.eps).to(x.dtype)


class NormalisedFeedForward(nn.Module):
    """Compute fc2(silu(fc1 n)), or fc2(silu(fc1 n) * fc3 n), of the norm n, times `alpha` where the model has it."""

    def __init__(self, config: ModelConfig, number: int) -> None:
        super().__init__()
        assert config.megalodon is not None
        size, inner = config.hidden_size, config.feed_forward_of(number)
        self.norm = LayerNorm(size, config.norm_eps)
        self.fc1, self.fc2 = nn.Linear(size, inner, bias=False), nn.Linear(inner, size, bias=False)
        self.fc3 = nn.Linear(size, inner, bias=False) if config.megalodon.swiglu else None
        self.alpha = nn.Parameter(torch.full((size,), 0.1 * 0.5**number)) if config.megalodon.rescale_nffn else None

    def forward(self, x: Tensor) -> Tensor:
        return in_rows(self._rows, x)

    def _rows(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        gate = self.fc1(normed)  # (B, rows, F)
        inner = F.silu(gate) if self.fc3 is None else ops.swiglu(gate, self.fc3(normed))  # (B, rows, F)
        output: Tensor = self.fc2(inner)  # (B, rows, D)
        return output if self.alpha is None else output * self.alpha


class MegalodonLayer(Layer):
    """Add both to the stream as it came in: the feed-forward sees attention's sum, and is not added to it.

    That is the paper's two-hop residual, equation 11.
    """

    def __init__(self, config: ModelConfig, number: int) -> None:
        super().__init__()
        self.mega = MovingAverageAttention(config)
        self.nffn = NormalisedFeedForward(config, number)

    @property
    def mixer(self) -> Mixer:
        return self.mega

    def forward(
        self, x: Tensor, added: Tensor | None, state: LayerState, chunk: Chunk, wanted: int
    ) -> tuple[Tensor, None, LayerState]:
        """Run the layer on the stream x (B, S, D); nothing is left to be added, and `added` is None in each layer."""
        mixed, state = self.mega(x, state, chunk, wanted)
        x = x[:, x.shape[1] - wanted :]
        return x + self.nffn(x + mixed), None, state


class RopeFrequencies(nn.Module):
    """Hold what the released files say of the rotary embedding: 1 / base^(2i / E), to be compared with config.json."""

    freqs: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        spec = config.attention_of(0)
        exponents = torch.arange(0, spec.head_size, 2, dtype=torch.float64) / spec.head_size  # (E/2)
        self.register_buffer("freqs", (spec.rope.theta**-exponents).float())
