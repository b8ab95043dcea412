"""A layer puts norms around its mixer and its feed-forward, and may add an embedding of its own."""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m.config import ModelConfig
from gemma10m.memory.state import LayerState
from gemma10m.models.chunk import Chunk
from gemma10m.models.layers import FeedForward, RMSNorm
from gemma10m.models.mixer import Mixer


class Layer(nn.Module):
    """Own a mixer, under the name that published checkpoints use."""

    @property
    @abstractmethod
    def mixer(self) -> Mixer: ...


class PreNormLayer(Layer):
    """Normalise in front of mixer and feed-forward (Gemma 1, Llama, Qwen)."""

    def __init__(self, config: ModelConfig, mixer: Mixer, number: int) -> None:
        super().__init__()
        self.self_attn = mixer
        self.mlp = FeedForward(config, config.feed_forward_of(number), config.sparsity_of(number))
        self.input_layernorm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)
        self.has_kv_norm = config.has_kv_norms and config.attention_of(number).source is None
        if self.has_kv_norm:
            self.kv_layernorm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)

    @property
    def mixer(self) -> Mixer:
        return self.self_attn

    def forward(
        self, x: Tensor, added: Tensor | None, state: LayerState, chunk: Chunk, wanted: int
    ) -> tuple[Tensor, Tensor | None, LayerState]:
        """Run the layer on the residual stream x and on what the layer before adds to it (None for the first layer).

        Both are (B, S, D). Returns the last `wanted` tokens' stream and what this layer adds to it, both (B, wanted,
        D). The state always gets the whole chunk. Adding is left to the norm that follows, which reads the sum anyway.
        """
        x, mixed, state = self._mix(x, added, state, chunk, wanted)
        if not wanted:
            return mixed, mixed, state
        x, normed = self.post_attention_layernorm.after(x[:, -wanted:], mixed)
        return x, self.mlp(normed), state

    def _mix(
        self, x: Tensor, added: Tensor | None, state: LayerState, chunk: Chunk, wanted: int
    ) -> tuple[Tensor, Tensor, LayerState]:
        """Return the stream (B, S, D), the last `wanted` tokens' output of the mixer (B, wanted, D) and its state."""
        x, normed = self.input_layernorm.after(x, added)
        chunk.kv_input = self.kv_layernorm(x) if self.has_kv_norm else None
        mixed, state = self.self_attn(normed, state, chunk, wanted)
        return x, mixed, state


class SandwichNormLayer(PreNormLayer):
    """Normalise in front of mixer and feed-forward, and what each of them adds (Gemma 2, Gemma 3)."""

    def __init__(self, config: ModelConfig, mixer: Mixer, number: int) -> None:
        super().__init__(config, mixer, number)
        self.pre_feedforward_layernorm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)
        self.post_feedforward_layernorm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)

    def forward(
        self, x: Tensor, added: Tensor | None, state: LayerState, chunk: Chunk, wanted: int
    ) -> tuple[Tensor, Tensor | None, LayerState]:
        """Do as PreNormLayer does, and normalise what is added."""
        x, mixed, state = self._mix(x, added, state, chunk, wanted)
        if not wanted:
            return mixed, mixed, state
        x, normed = self.pre_feedforward_layernorm.after(x[:, -wanted:], self.post_attention_layernorm(mixed))
        return x, self.post_feedforward_layernorm(self.mlp(normed)), state


class ScaledLayer(SandwichNormLayer):
    """Add a gated embedding of the layer's own where the model has them, and scale the stream (Gemma 4)."""

    layer_scalar: Tensor

    def __init__(self, config: ModelConfig, mixer: Mixer, number: int) -> None:
        super().__init__(config, mixer, number)
        self.number, width, size = number, config.hidden_size, config.layer_input_size
        self.register_buffer("layer_scalar", torch.ones(1))
        if size:
            self.per_layer_input_gate = nn.Linear(width, size, bias=False)
            self.per_layer_projection = nn.Linear(size, width, bias=False)
            self.post_per_layer_input_norm = RMSNorm(width, config.norm_eps, config.norm_offset)

    def forward(
        self, x: Tensor, added: Tensor | None, state: LayerState, chunk: Chunk, wanted: int
    ) -> tuple[Tensor, Tensor | None, LayerState]:
        """Do as SandwichNormLayer does, and add all there is to add: what is scaled is the sum."""
        x, added, state = super().forward(x, added, state, chunk, wanted)
        if not wanted:
            return x, added, state
        x = x if added is None else x + added
        if chunk.layer_inputs is not None:
            gate = F.gelu(self.per_layer_input_gate(x), approximate="tanh")  # (B, wanted, U)
            own = self.per_layer_projection(gate * chunk.layer_inputs.of(self.number, wanted))  # (B, wanted, D)
            x = x + self.post_per_layer_input_norm(own)
        return x * self.layer_scalar.to(x.dtype), None, state
