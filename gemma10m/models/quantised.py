"""Hold matrices in 4 or 8 bits, which are multiplied as they are packed or unpacked a few rows at a time."""

from __future__ import annotations

from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops

GROUPS = (256, 128, 64, 32)  # columns that torch's kernel takes with one scale


def group_size(size: int, bits: int) -> int:
    """Return how many columns of packed have one scale: 32 for 4 bits, the most for 8.

    Returns 0 where no group divides a row of `size` numbers.
    """
    return next((group for group in (GROUPS if bits == 8 else GROUPS[-1:]) if size % group == 0), 0)


class QuantisedLinear(nn.Module):
    """Compute x Wᵀ + bias with W (rows, size) packed: see `packed_weights`. Rows are filled up to a block."""

    packed: Tensor  # uint8, as `packed_weights` takes it
    scales: Tensor  # bfloat16, with rows filled up to a block
    bias: Tensor | None

    def __init__(self, size: int, rows: int, bits: int, has_bias: bool = False) -> None:
        super().__init__()
        self.in_features, self.out_features, self.bits = size, rows, bits
        blocks, columns = -(-rows // ops.PACKED_ROWS), size * bits // 4
        groups = columns // group_size(size, bits)
        self.register_buffer("packed", torch.zeros(blocks, columns, ops.PACKED_ROWS // 2, dtype=torch.uint8))
        self.register_buffer("scales", torch.zeros(groups, blocks * ops.PACKED_ROWS, 2, dtype=torch.bfloat16))
        self.register_buffer("bias", torch.zeros(rows, dtype=torch.bfloat16) if has_bias else None)

    def product(self, x: Tensor) -> Tensor:
        """Multiply x (..., size) by the matrix -> (..., rows)."""
        found = ops.packed_linear(x, self.packed, self.scales)
        return found if found.shape[-1] == self.out_features else found[..., : self.out_features]

    def forward(self, x: Tensor) -> Tensor:
        found = self.product(x)
        return found if self.bias is None else found + self.bias

    def numbers(self, rows: Tensor) -> Tensor:
        """Return these rows of the matrix: rows (..., ) -> (..., size)."""
        asked = rows.flatten()  # (T)
        block = 2 * self.packed.shape[2]
        place = asked % block
        bytes_ = self.packed[asked // block, :, place % (block // 2)].unsqueeze(-1)
        both = ops.packed_weights(bytes_, self.scales[:, asked].repeat_interleave(2, dim=1), self.in_features)
        chosen = both.T.unflatten(0, (-1, 2))[torch.arange(len(asked), device=rows.device), place // (block // 2)]
        found: Tensor = chosen.view(*rows.shape, -1)
        return found


class QuantisedTable(QuantisedLinear):
    """Look rows up, and as a head multiply by all of them."""

    def forward(self, ids: Tensor) -> Tensor:
        """Map ids (...) to their rows (..., size)."""
        return self.numbers(ids)


Matrix: TypeAlias = nn.Linear | nn.Embedding | QuantisedLinear


def product(matrix: Matrix, x: Tensor) -> Tensor:
    """Multiply x (..., size) by a matrix without its bias, be it a table or a head -> (..., rows)."""
    return matrix.product(x) if isinstance(matrix, QuantisedLinear) else F.linear(x, matrix.weight)


def numbers_of(matrix: Matrix) -> Tensor:
    """Return a tensor with a matrix's device and the dtype of its products: itself, or a packed one's scales."""
    return matrix.scales if isinstance(matrix, QuantisedLinear) else matrix.weight


def rows_of(matrix: Matrix, rows: Tensor) -> Tensor:
    """Return these rows of a matrix: rows (T) -> (T, size)."""
    return matrix.numbers(rows) if isinstance(matrix, QuantisedLinear) else matrix.weight[rows]


def quantised_modules(model: nn.Module) -> dict[str, QuantisedLinear]:
    return {name: module for name, module in model.named_modules() if isinstance(module, QuantisedLinear)}
