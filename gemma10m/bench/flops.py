"""Count the floating-point operations that reading needs, products alone: utilisation is measured against them."""

from __future__ import annotations

from gemma10m.models.decoder import Decoder


def needed_flops(model: Decoder) -> float:
    """Count a token's FLOPs far into a long document, without the head and what no state depends on.

    That is what the last layer with keys and values of its own does with its queries, and all layers after it.
    """
    costs = [mixer.cost() for mixer in model.mixers[: model.config.last_owner + 1]]
    feed_forward = 6 * model.config.hidden_size * model.config.feed_forward_size
    products = sum(cost.projection_flops + feed_forward for cost in costs) - costs[-1].query_flops - feed_forward
    return products + sum(cost.mixing_flops for cost in costs[:-1]) + sum(cost.writing_flops for cost in costs)
