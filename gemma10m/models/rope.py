"""Compute the rotary embedding's angles in float64, so that position ten million is as exact as position ten."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m.config import Rope

LONGEST_TABLE = 2**14  # positions: at most 2 * 16 MB for a head of 256 in float32


def cos_sin(
    start: int, count: int, head_size: int, rope: Rope, device: torch.device, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Return cos and sin of `count` positions from `start`, (count, E) each."""
    return cos_sin_at(torch.arange(start, start + count, device=device), head_size, rope, dtype)


class AngleTables:
    """Keep the angles of the first positions: making them anew for each token takes a twentieth of its time."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, Rope, torch.device, torch.dtype], tuple[Tensor, Tensor]] = {}

    def cos_sin(
        self, count: int, head_size: int, rope: Rope, device: torch.device, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Return cos and sin of the first `count` positions, (count, E) each."""
        if count > LONGEST_TABLE:
            return cos_sin(0, count, head_size, rope, device, dtype)
        kind = (head_size, rope, device, dtype)
        if kind not in self._kept or len(self._kept[kind][0]) < count:
            with torch.inference_mode(False):  # training may use them later
                self._kept[kind] = cos_sin(0, 1 << (count - 1).bit_length(), head_size, rope, device, dtype)
        cos, sin = self._kept[kind]
        return cos[:count], sin[:count]

    def at(
        self, position: int, head_size: int, rope: Rope, device: torch.device, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Return cos and sin of one position, (1, E) each."""
        if not 0 <= position < LONGEST_TABLE:
            return cos_sin(position, 1, head_size, rope, device, dtype)
        cos, sin = self.cos_sin(position + 1, head_size, rope, device, dtype)
        return cos[position:], sin[position:]


def cos_sin_at(
    positions: Tensor, head_size: int, rope: Rope, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Return cos and sin of positions (count), (count, E) each."""
    exponents = torch.arange(0, head_size, 2, dtype=torch.float64, device=positions.device) / head_size  # (E/2)
    frequencies = rope.theta**-exponents  # (E/2)
    if rope.factors:
        frequencies = frequencies / torch.tensor(rope.factors, dtype=torch.float64, device=positions.device)
    if rope.turned is not None:
        kept = head_size // 2 - rope.turned  # pairs that have no position
        frequencies = F.pad(frequencies[: rope.turned], (0, kept))
    angles = torch.outer(positions.double(), frequencies) % (2 * math.pi)  # (count, E/2)
    both = torch.cat((angles, angles), dim=-1)  # (count, E)
    return both.cos().to(dtype), both.sin().to(dtype)
