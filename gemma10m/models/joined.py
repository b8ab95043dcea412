"""Multiply by several matrices with the same input at once: one product suits a GPU better, and one call a CPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.models.quantised import QuantisedLinear


class Joined:
    """Hold matrices below each other. For inference only: the parts' own tensors become views of these.

    They are no part of the module that holds them, and are not moved or cast with it.
    """

    def __init__(self, *parts: nn.Linear) -> None:
        self.weight = torch.cat([part.weight.detach() for part in parts])  # (rows, D)
        biases = [part.bias.detach() for part in parts if part.bias is not None]
        self._bias = torch.cat(biases) if biases else None  # (rows)
        self._sizes = [part.out_features for part in parts]
        for part, own in zip(parts, self.weight.split(self._sizes), strict=True):
            part.weight = nn.Parameter(own, requires_grad=False)

    def products(self, x: Tensor) -> list[Tensor]:
        """Multiply x (..., D) by all parts -> (..., a part's rows) each."""
        return list(F.linear(x, self.weight, self._bias).split(self._sizes, dim=-1))

    def later_products(self, x: Tensor) -> list[Tensor]:
        """Multiply x (..., D) by all parts but the first."""
        first, *sizes = self._sizes
        bias = None if self._bias is None else self._bias[first:]
        return list(F.linear(x, self.weight[first:], bias).split(sizes, dim=-1))


class JoinedPacked:
    """Do as `Joined` does with matrices that are packed alike, in whole blocks of rows."""

    def __init__(self, *parts: QuantisedLinear) -> None:
        self._parts, self._sizes = parts, [part.out_features for part in parts]
        self._packed = torch.cat([part.packed for part in parts])
        self._scales = torch.cat([part.scales for part in parts], dim=1)
        biases = [part.bias for part in parts if part.bias is not None]
        self._bias = torch.cat(biases) if biases else None  # (rows)
        blocks = [size // ops.PACKED_ROWS for size in self._sizes]
        packed, scales = self._packed.split(blocks), self._scales.split(self._sizes, dim=1)
        for part, own, steps in zip(parts, packed, scales, strict=True):
            part.packed, part.scales = own, steps

    def products(self, x: Tensor) -> list[Tensor]:
        found = ops.packed_linear(x, self._packed, self._scales)
        return list((found if self._bias is None else found + self._bias).split(self._sizes, dim=-1))

    def later_products(self, x: Tensor) -> list[Tensor]:
        return [part(x) for part in self._parts[1:]]


def join_matrices(*parts: nn.Module) -> Joined | JoinedPacked | None:
    """Join matrices; return None for those that have to stay apart: packed differently, or not in whole blocks."""
    floats = [part for part in parts if isinstance(part, nn.Linear)]
    packed = [part for part in parts if isinstance(part, QuantisedLinear)]
    if len(floats) == len(parts):
        return Joined(*floats)
    alike = {(part.bits, part.in_features, part.scales.shape[0], part.bias is None) for part in packed}
    whole = all(part.out_features % ops.PACKED_ROWS == 0 for part in packed)
    return JoinedPacked(*packed) if len(packed) == len(parts) and len(alike) == 1 and whole else None
