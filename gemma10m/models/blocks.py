"""A layer puts norms around its mixer and its feed-forward."""

from __future__ import annotations

from torch import Tensor, nn

from gemma10m.config import ModelConfig
from gemma10m.memory.state import LayerState
from gemma10m.models.chunk import Chunk
from gemma10m.models.layers import FeedForward, RMSNorm
from gemma10m.models.mixer import Mixer


class PreNormLayer(nn.Module):
    """Normalise in front of mixer and feed-forward (Gemma 1, Llama, Qwen)."""

    def __init__(self, config: ModelConfig, mixer: Mixer) -> None:
        super().__init__()
        self.self_attn = mixer
        self.mlp = FeedForward(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)

    def forward(
        self, x: Tensor, added: Tensor | None, state: LayerState, chunk: Chunk, wanted: int
    ) -> tuple[Tensor, Tensor, LayerState]:
        """Run the layer on the residual stream x and on what the layer before adds to it (None for the first layer).

        Both are (B, S, D). Returns the last `wanted` tokens' stream and what this layer adds to it, both (B, wanted,
        D). The state always gets the whole chunk. Adding is left to the norm that follows, which reads the sum anyway.
        """
        x, normed = self.input_layernorm.after(x, added)
        mixed, state = self.self_attn(normed, state, chunk, wanted)
        if not wanted:
            return mixed, mixed, state
        x, normed = self.post_attention_layernorm.after(x[:, -wanted:], mixed)
        return x, self.mlp(normed), state


class SandwichNormLayer(PreNormLayer):
    """Normalise in front of mixer and feed-forward, and what each of them adds (Gemma 2, Gemma 3)."""

    def __init__(self, config: ModelConfig, mixer: Mixer) -> None:
        super().__init__(config, mixer)
        self.pre_feedforward_layernorm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)
        self.post_feedforward_layernorm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)

    def forward(
        self, x: Tensor, added: Tensor | None, state: LayerState, chunk: Chunk, wanted: int
    ) -> tuple[Tensor, Tensor, LayerState]:
        """Do as PreNormLayer does, and normalise what is added."""
        x, normed = self.input_layernorm.after(x, added)
        mixed, state = self.self_attn(normed, state, chunk, wanted)
        if not wanted:
            return mixed, mixed, state
        x, normed = self.pre_feedforward_layernorm.after(x[:, -wanted:], self.post_attention_layernorm(mixed))
        return x, self.post_feedforward_layernorm(self.mlp(normed)), state


def make_layer(config: ModelConfig, mixer: Mixer) -> PreNormLayer:
    return (SandwichNormLayer if config.post_norms else PreNormLayer)(config, mixer)
