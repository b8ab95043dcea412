"""Project tokens to what a memory beside attention is written with and asked with; trained on a frozen model."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.config import AttentionSpec


class Writes(NamedTuple):
    """Hold what tokens write to the memory, in float32 or wider."""

    keys: Tensor  # (B, K, S, E)
    values: Tensor  # (B, K, S, E)
    gates: Tensor  # (B, K, S)


class LowRank(nn.Module):
    """Compute x Aᵀ Bᵀ with A (R, in) and B (out, R)."""

    def __init__(self, size: int, rank: int, out: int) -> None:
        super().__init__()
        self.down = nn.Linear(size, rank, bias=False)
        self.up = nn.Linear(rank, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.up(self.down(x))
        return found


class AddedProjections(nn.Module):
    """Add to the layer's own projections what memory needs. With B = 0 and a read gate of 0 nothing changes."""

    def __init__(self, hidden_size: int, spec: AttentionSpec, rank: int) -> None:
        super().__init__()
        size = spec.head_size
        self.query_map = nn.Parameter(_identity(size))
        self.key_map = nn.Parameter(_identity(size))
        self.query = LowRank(hidden_size, rank, spec.query_size)
        self.key = LowRank(hidden_size, rank, spec.kv_size)
        self.value = LowRank(hidden_size, rank, spec.kv_size)
        self.output = LowRank(spec.query_size, rank, hidden_size)
        self.write_gate = nn.Linear(hidden_size, spec.kv_heads)
        self.read_gate = nn.Linear(hidden_size, spec.heads)

    def queries(self, x: Tensor, own: Tensor) -> Tensor:
        """Return the queries to memory: x (B, Q, D), the layer's own without positions (B, H, Q, E) -> (B, H, Q, E)."""
        return ops.wide(own) @ self.query_map + _heads(self.query(self._wide(x)), own.shape[1])

    def writes(self, x: Tensor, own_keys: Tensor, own_values: Tensor) -> Writes:
        """Return what the tokens write: x (B, S, D), the layer's own (B, K, S, E) each, keys without positions."""
        wide, heads = self._wide(x), own_keys.shape[1]
        return Writes(
            ops.wide(own_keys) @ self.key_map + _heads(self.key(wide), heads),
            ops.wide(own_values) + _heads(self.value(wide), heads),
            torch.sigmoid(self.write_gate(wide)).mT,
        )

    def gated(self, x: Tensor, recalled: Tensor) -> Tensor:
        """Return what the heads let through: x (B, Q, D), recalled (B, H, Q, E) -> (B, Q, H * E)."""
        opened = torch.tanh(self.read_gate(self._wide(x)))  # (B, Q, H)
        return (opened.unsqueeze(-1) * recalled.transpose(1, 2)).flatten(2)

    def _wide(self, x: Tensor) -> Tensor:
        return x.to(self.query_map.dtype)


def _heads(x: Tensor, count: int) -> Tensor:
    found: Tensor = x.unflatten(-1, (count, -1)).transpose(1, 2)  # (B, heads, S, E)
    return found


def _identity(size: int) -> Tensor:
    """Return the identity. `torch.eye` on the meta device would import the compiler, which takes a second."""
    return torch.zeros(size, size).fill_diagonal_(1)
