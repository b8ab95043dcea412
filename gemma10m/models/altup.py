"""Residual streams side by side, one of which goes through each layer: AltUp (arXiv 2301.13310), as Gemma 3n has it.

Beside attention each layer has a low-rank path (LAuReL, arXiv 2411.07501).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.config import ModelConfig
from gemma10m.memory.state import LayerState
from gemma10m.models.blocks import SandwichNormLayer
from gemma10m.models.chunk import Chunk
from gemma10m.models.layers import RMSNorm
from gemma10m.models.mixer import Mixer

LEAST_POWER = 1e-5


def projections(config: ModelConfig) -> nn.ModuleList:
    """Return a projection for each stream but the first."""
    size = config.hidden_size
    return nn.ModuleList([nn.Linear(size, size, bias=False) for _ in range(1, config.streams)])


def spread(x: Tensor, projected: nn.ModuleList) -> Tensor:
    """Make streams (B, S, A, D) of the embedding x (B, S, D), each as large as it."""
    power = _power(x)
    return torch.stack([x, *(_as_large(project(x), power) for project in projected)], dim=2)


def joined(streams: Tensor, projected: nn.ModuleList) -> Tensor:
    """Return the mean (B, S, D) of the streams (B, S, A, D), each made as large as the first."""
    first, *others = streams.unbind(dim=2)
    power, pairs = _power(first), zip(projected, others, strict=True)
    return torch.stack([first, *(_as_large(project(other), power) for project, other in pairs)]).mean(dim=0)


def _power(x: Tensor) -> Tensor:
    return x.square().mean(dim=-1, keepdim=True).sqrt()  # (..., 1)


def _as_large(x: Tensor, power: Tensor) -> Tensor:
    return x * power / x.square().mean(dim=-1, keepdim=True).clamp(min=LEAST_POWER).sqrt()


class AltUp(nn.Module):
    """Predict what the layer makes of all streams, then correct it by what it made of the first."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        count, size = config.streams, config.hidden_size
        self.correct_output_scale = nn.Parameter(torch.zeros(size))
        self.correction_coefs = nn.Linear(count, count, bias=False)
        self.prediction_coefs = nn.Linear(count, count**2, bias=False)
        self.modality_router = nn.Linear(size, count, bias=False)
        self.router_norm = RMSNorm(size, config.norm_eps, config.norm_offset)

    def predict(self, streams: Tensor) -> Tensor:
        """Return streams + their mixture by coefficients that the first one gives. (B, S, A, D) -> (B, S, A, D)."""
        count = streams.shape[2]
        mixing = self.prediction_coefs(self._routed(streams[:, :, 0])).unflatten(-1, (count, count))  # (B, S, A, A)
        predicted: Tensor = streams + mixing @ streams
        return predicted

    def correct(self, predicted: Tensor, made: Tensor) -> Tensor:
        """Add to each stream its share of what the first one's prediction missed. made (B, S, D) -> (B, S, A, D)."""
        shares = self.correction_coefs(self._routed(made)) + 1.0  # (B, S, A)
        missed = made - predicted[:, :, 0]  # (B, S, D)
        corrected: Tensor = predicted + shares.unsqueeze(-1) * missed.unsqueeze(2)
        return corrected

    def _routed(self, x: Tensor) -> Tensor:
        routed = self.modality_router(self.router_norm(x) * x.shape[-1] ** -1.0)  # (B, S, A)
        return torch.tanh(ops.wide(routed)).to(x.dtype)


class Laurel(nn.Module):
    """Return x and a low-rank update of it, normalised. (..., D) -> (..., D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.linear_left = nn.Linear(config.hidden_size, config.laurel_rank, bias=False)
        self.linear_right = nn.Linear(config.laurel_rank, config.hidden_size, bias=False)
        self.post_laurel_norm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)

    def forward(self, x: Tensor) -> Tensor:
        updated: Tensor = x + self.post_laurel_norm(self.linear_right(self.linear_left(x)))
        return updated


class AltUpLayer(SandwichNormLayer):
    def __init__(self, config: ModelConfig, mixer: Mixer, number: int) -> None:
        super().__init__(config, mixer, number)
        self.number, size, own = number, config.hidden_size, config.layer_input_size
        self.altup = AltUp(config)
        self.laurel = Laurel(config)
        self.per_layer_input_gate = nn.Linear(size, own, bias=False)
        self.per_layer_projection = nn.Linear(own, size, bias=False)
        self.post_per_layer_input_norm = RMSNorm(size, config.norm_eps, config.norm_offset)

    def forward(
        self, x: Tensor, added: Tensor | None, state: LayerState, chunk: Chunk, wanted: int
    ) -> tuple[Tensor, None, LayerState]:
        """Run the first stream of x (B, S, A, D) through the layer; return the last `wanted` tokens' streams.

        Nothing is left to be added: `added` is None in each layer.
        """
        predicted = self.altup.predict(x)  # (B, S, A, D)
        normed = self.input_layernorm(predicted[:, :, 0])  # (B, S, D)
        mixed, state = self.self_attn(normed, state, chunk, wanted)
        if not wanted:
            return predicted[:, :0], None, state
        predicted, normed = predicted[:, -wanted:], normed[:, -wanted:]
        attended = predicted[:, :, 0] + self.post_attention_layernorm(mixed)
        both = (attended + self.laurel(normed)) * 2**-0.5  # (B, wanted, D)
        made = both + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(both)))
        streams = self.altup.correct(predicted, made)  # (B, wanted, A, D)
        return self._with_own_input(streams, chunk, wanted), None, state

    def _with_own_input(self, streams: Tensor, chunk: Chunk, wanted: int) -> Tensor:
        """Add the layer's own input, gated by the first stream, to all others."""
        assert chunk.layer_inputs is not None
        first = streams[:, :, 0] * self.altup.correct_output_scale  # (B, wanted, D)
        gate = F.gelu(self.per_layer_input_gate(first), approximate="tanh")  # (B, wanted, U)
        own = self.per_layer_projection(gate * chunk.layer_inputs.of(self.number, wanted))  # (B, wanted, D)
        added = self.post_per_layer_input_norm(own).unsqueeze(2)  # (B, wanted, 1, D)
        return torch.cat((streams[:, :, :1], streams[:, :, 1:] + added), dim=2)
