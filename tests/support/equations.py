"""Memory's equations written out, a token at a time and in the type of their inputs, and numbers to try them on."""

from __future__ import annotations

import torch
from torch import Tensor


def normal(*shape: int, seed: int, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> Tensor:
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


def sigma(x: Tensor) -> Tensor:
    """ELU(x) + 1."""
    return torch.where(x > 0, x + 1, x.exp())


def unit(x: Tensor) -> Tensor:
    """SiLU(x) over its length; a row of zeros stays one."""
    bent = x * torch.sigmoid(x)
    return bent / bent.norm(dim=-1, keepdim=True).clamp(min=1e-12)


def written_in_turn(memory: Tensor, keys: Tensor, values: Tensor, gates: Tensor) -> Tensor:
    """Token after token, each compared with what its predecessors left: M <- M + b k (v - k M), k = u(key)."""
    for k, v, b in zip(unit(keys), values, gates, strict=True):
        memory = memory + b * torch.outer(k, v - k @ memory)
    return memory


def gated_segment(tokens: int, size: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return keys and values (N, E) and gates (N), with all that could divide by nothing or leave nothing over.

    Some keys are zeros, some repeat an earlier one and some are its opposite; some gates are 0 and some 1.
    """
    keys, values = normal(tokens, size, seed=seed), normal(tokens, size, seed=seed + 1)
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randint(6, (tokens,), generator=generator).tolist()
    for place, kind in enumerate(kinds):
        if kind < 2 and place:
            keys[place] = keys[int(torch.randint(place, (1,), generator=generator))] * (-3.0 if kind else 1.0)
        elif kind == 2:
            keys[place] = 0.0
    gates = torch.rand(tokens, generator=generator, dtype=torch.float64) * 1.5 - 0.25
    return keys, values, gates.clamp(0, 1)
