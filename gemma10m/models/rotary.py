"""Angles of the rotary embedding, in float64 so that position ten million is as exact as position ten."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cos_sin(start: int, count: int, head_size: int, theta: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin of `count` positions from `start`, (count, E) float32 each."""
    return cos_sin_at(torch.arange(start, start + count, device=device), head_size, theta)


def cos_sin_at(positions: Tensor, head_size: int, theta: float) -> tuple[Tensor, Tensor]:
    """cos and sin of positions (count), (count, E) float32 each."""
    exponents = torch.arange(0, head_size, 2, dtype=torch.float64, device=positions.device) / head_size  # (E/2)
    angles = torch.outer(positions.double(), theta**-exponents) % (2 * math.pi)  # (count, E/2)
    both = torch.cat((angles, angles), dim=-1)  # (count, E)
    return both.cos().float(), both.sin().float()
