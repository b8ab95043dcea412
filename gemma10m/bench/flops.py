"""Count the floating-point operations that reading needs, products alone: utilisation is measured against them."""

from __future__ import annotations

from gemma10m.models.decoder import Decoder
from gemma10m.reading.stretch import product_flops


def needed_flops(model: Decoder) -> float:
    """Count a token's FLOPs far into a long document, without the head and what the last layer may skip."""
    costs = [mixer.cost() for mixer in model.mixers]
    skipped = costs[-1].query_flops + 6 * model.config.hidden_size * model.config.feed_forward_size
    mixing = sum(cost.mixing_flops for cost in costs[:-1]) + sum(cost.writing_flops for cost in costs)
    return product_flops(model) - skipped + mixing
