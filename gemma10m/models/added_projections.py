"""Project tokens to what a memory beside attention is written with and asked with; trained on a frozen model."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.config import AttentionSpec
from gemma10m.memory.added import CONTEXT_TOKENS

CONTEXT_RANKS = 4  # the context's rank over that of the others: it has to tell any two names apart
SHUT = 0.05  # write gates up to here are 0: many millions of tokens of prose would overwrite a fact through open ones


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
    """Add to the layer's own projections what memory needs. With a read gate of 0 nothing changes.

    A token's key and query depend on the tokens before it, too, by a short convolution over a projection that both
    share (as in Gated DeltaNet, arXiv 2412.06464, which has one for each): the name of a number comes before it. What
    the token says itself is multiplied by its context: of the digits of one number each has an address of its own.
    """

    def __init__(self, hidden_size: int, spec: AttentionSpec, rank: int) -> None:
        super().__init__()
        size = spec.head_size
        self.query_map = nn.Parameter(_identity(size))
        self.key_map = nn.Parameter(_identity(size))
        self.context = LowRank(hidden_size, CONTEXT_RANKS * rank, spec.kv_size)
        self.query_kernel = nn.Parameter(_mean(spec))
        self.key_kernel = nn.Parameter(_mean(spec))
        self.query = LowRank(hidden_size, rank, spec.query_size)
        self.key = LowRank(hidden_size, rank, spec.kv_size)
        self.value = LowRank(hidden_size, rank, spec.kv_size)
        self.output = LowRank(spec.query_size, rank, hidden_size)
        self.write_gate = nn.Linear(hidden_size, spec.kv_heads)
        self.read_gate = nn.Linear(hidden_size, spec.heads)

    def contexts(self, x: Tensor) -> Tensor:
        """Return what tokens say of those after them: x (B, S, D) -> (B, K, S, E)."""
        return _heads(self.context(self._wide(x)), len(self.key_kernel))

    def queries(self, x: Tensor, own: Tensor, context: Tensor) -> Tensor:
        """Return the queries to memory (B, H, Q, E).

        x (B, Q, D); own: the layer's without positions (B, H, Q, E); context (B, K, X + Q, E).
        """
        before = _convolved(context, self.query_kernel).repeat_interleave(own.shape[1] // context.shape[1], dim=1)
        return _bound(ops.wide(own) @ self.query_map + _heads(self.query(self._wide(x)), own.shape[1]), before)

    def writes(self, x: Tensor, own_keys: Tensor, own_values: Tensor, context: Tensor) -> Writes:
        """Return what the tokens write.

        x (B, S, D); the layer's own keys, without positions, and values (B, K, S, E) each; context (B, K,
        X + S, E).
        """
        wide, heads = self._wide(x), own_keys.shape[1]
        before = _convolved(context, self.key_kernel)
        return Writes(
            _bound(ops.wide(own_keys) @ self.key_map + _heads(self.key(wide), heads), before),
            ops.wide(own_values) + _heads(self.value(wide), heads),
            _rectified(torch.sigmoid(self.write_gate(wide))).mT,
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


def _bound(own: Tensor, before: Tensor) -> Tensor:
    """Bind what tokens say to what was said before them, number by number. All (..., E)."""
    return (own + before) * before


def _rectified(gates: Tensor) -> Tensor:
    """Shut gates up to `SHUT` and stretch the others back to 1 (as hard concrete gates, arXiv 1712.01312).

    The gradient is that of the gates themselves (a straight-through estimator): a shut one can open again.
    """
    rectified = F.relu(gates - SHUT) / (1 - SHUT)
    return rectified.detach() + (gates - gates.detach()) if gates.requires_grad else rectified


def _convolved(x: Tensor, kernel: Tensor) -> Tensor:
    """Return sums over the X tokens before each: x (B, K, X + S, E), kernel (K, E, X) -> (B, K, S, E)."""
    heads, size = kernel.shape[:2]
    if x.shape[2] == kernel.shape[2] + 1:  # one token, for which a convolution takes ten times as long
        return (x[:, :, :-1] * kernel.mT).sum(2, keepdim=True)
    rows = x[:, :, :-1].transpose(2, 3).flatten(1, 2)  # (B, K * E, X + S - 1)
    sums = F.conv1d(rows, kernel.flatten(0, 1).unsqueeze(1), groups=heads * size)  # (B, K * E, S)
    found: Tensor = sums.unflatten(1, (heads, size)).transpose(2, 3)
    return found


def _mean(spec: AttentionSpec) -> Tensor:
    """Return the kernel (K, E, X) of a mean."""
    return torch.full((spec.kv_heads, spec.head_size, CONTEXT_TOKENS), 1.0 / CONTEXT_TOKENS)


def _identity(size: int) -> Tensor:
    """Return the identity. `torch.eye` on the meta device would import the compiler, which takes a second."""
    return torch.zeros(size, size).fill_diagonal_(1)
