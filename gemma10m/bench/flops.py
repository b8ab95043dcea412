"""Count the floating-point operations that reading needs, products alone: utilisation is measured against them."""

from __future__ import annotations

from gemma10m.config import ModelConfig
from gemma10m.models.decoder import Decoder


def needed_flops(model: Decoder) -> float:
    """Count a token's FLOPs far into a long document, without the head and what no state depends on.

    That is what the last layer with keys and values of its own does with its queries, and all layers after it.
    """
    config = model.config
    costs = [mixer.cost() for mixer in model.mixers[: config.last_owner + 1]]
    products = sum(cost.projection_flops for cost in costs) - costs[-1].query_flops
    products += sum(_beside_attention(config, layer) for layer in range(config.last_owner))
    return products + sum(cost.mixing_flops for cost in costs[:-1]) + sum(cost.writing_flops for cost in costs)


def _beside_attention(config: ModelConfig, layer: int) -> int:
    """Count a layer's feed-forward and its input of its own, which is projected, gated and projected back."""
    return config.feed_forward_flops(layer) + 6 * config.hidden_size * config.layer_input_size
