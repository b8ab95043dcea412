"""Count the floating-point operations that reading needs, products alone: utilisation is measured against them."""

from __future__ import annotations

from dataclasses import dataclass

from gemma10m.config import ModelConfig
from gemma10m.models.decoder import Decoder


@dataclass(frozen=True)
class TokenFlops:
    """Count a token's FLOPs without the head and what no state depends on.

    That is what the last layer with keys and values of its own does with its queries, and all layers after it.
    """

    products: float  # with weights
    mixing: float  # scores, weighted values and reads of memory
    writing: float  # to memory

    @property
    def all(self) -> float:
        return self.products + self.mixing + self.writing


def token_flops(model: Decoder, tokens: int) -> TokenFlops:
    """Count the FLOPs of a token of a document of `tokens` tokens on average."""
    config = model.config
    costs = [mixer.cost(tokens) for mixer in model.mixers[: config.last_owner + 1]]
    products = sum(cost.projection_flops for cost in costs) - costs[-1].query_flops
    products += sum(_beside_attention(config, layer) for layer in range(config.last_owner))
    mixing, writing = sum(cost.mixing_flops for cost in costs[:-1]), sum(cost.writing_flops for cost in costs)
    return TokenFlops(products, mixing, writing)


def needed_flops(model: Decoder, tokens: int) -> float:
    """Count all that `token_flops` counts."""
    return token_flops(model, tokens).all


def _beside_attention(config: ModelConfig, layer: int) -> int:
    """Count a layer's feed-forward and its input of its own, which is projected, gated and projected back."""
    return config.feed_forward_flops(layer) + 6 * config.hidden_size * config.layer_input_size
