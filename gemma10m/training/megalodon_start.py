"""Initialise a Megalodon as its released code does; training by the paper starts from nothing else."""

from __future__ import annotations

import math

import torch
from torch import nn

from gemma10m.models.complex_ema import ComplexEMA
from gemma10m.models.decoder import Decoder
from gemma10m.models.megalodon_layer import MovingAverageAttention, NormalisedFeedForward

_KAIMING_SLOPE = math.sqrt(5.0)  # weights ~ N(0, 1 / (3 * fan_in))
_WIDEST = 3.0  # standard deviations of an embedding


@torch.no_grad()
def draw_megalodon(model: Decoder) -> None:
    """Draw every weight; norms, biases and what sets queries and keys apart stay at 0, where they start.

    A feed-forward's scale, where there is one, starts at 0.1 / 2^layer.
    """
    for module in model.modules():
        if isinstance(module, ComplexEMA):
            _draw_average(module)
        elif isinstance(module, MovingAverageAttention | NormalisedFeedForward):
            for linear in module.children():
                if isinstance(linear, nn.Linear):
                    _draw_linear(linear)
    deviation = model.config.hidden_size**-0.5
    weights = [model.model.embed_tokens.weight] + ([] if model.config.tied_head else [model.lm_head.weight])
    for weight in weights:
        nn.init.trunc_normal_(weight, std=deviation, a=-_WIDEST * deviation, b=_WIDEST * deviation)


def _draw_linear(linear: nn.Linear) -> None:
    nn.init.kaiming_normal_(linear.weight, a=_KAIMING_SLOPE)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)


def _draw_average(average: ComplexEMA) -> None:
    """Spread the channels' angles from nearly 1 to 1 / D in even steps of their logarithm, in any order."""
    channels = average.omega.shape[0]
    nn.init.normal_(average.alpha, std=0.2)
    nn.init.normal_(average.delta, std=0.2)
    shares = torch.exp(-math.log(channels) / channels * torch.arange(1, channels + 1))[torch.randperm(channels)]  # (D)
    average.theta.copy_(torch.logit(shares).view(-1, 1, 1))
    nn.init.normal_(average.gamma)
    average.gamma[..., 1] = 0.0
    nn.init.trunc_normal_(average.omega, std=0.25, a=-1.0, b=1.0)
