"""Quantise a checkpoint's matrices one at a time: 8 bits with a scale for 256 numbers, 4 bits with two for 32.

Each level is rounded to the nearest with scales that bfloat16 holds exactly. Of a group of 4 bits, ranges that are a
little narrower than its smallest to largest number are tried, too, then the least squares for the levels that this
gave; what has the smallest error is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.config import computed_in
from gemma10m.errors import ModelError
from gemma10m.models.decoder import Decoder
from gemma10m.models.quantised import QuantisedLinear, QuantisedTable, group_size
from gemma10m.weights.finite import check_finite

PIECE = 2**17  # float32 numbers at a time, which stay in a processor's cache
NARROWER = (1.0, 0.92, 0.84)  # shares of a group's range that are tried
PACKED = (".packed", ".scales")  # ends of the names of a packed matrix's tensors
UNPACKED_ROWS = 16 * ops.PACKED_ROWS  # that reference.packed_linear has as numbers at a time
NOTHING_STORED: Mapping[str, int] = MappingProxyType({})
_LEAST = 2.0**-100  # a scale, so that a group of equal numbers divides by no 0

_MATRICES = re.compile(
    r"model\.embed_tokens|lm_head|model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
)
# What 4 bits would cost most and gain least: the table, which is the head as well, attention, and what leaves a layer.
_STAY_8_BITS = ("embed_tokens", "lm_head", "q_proj", "k_proj", "v_proj", "o_proj", "down_proj")


def quantised_bits(name: str, number_format: str, stored: Mapping[str, int] = NOTHING_STORED) -> int | None:
    """Return the bits of a tensor's numbers in a model of this format, or None for one that stays a float.

    stored: as in `Checkpoint.stored_bits`. A file with matrices in 4 bits says which ones can be.
    """
    module, _, kind = name.rpartition(".")
    if kind != "weight" or computed_in(number_format) == number_format or not _MATRICES.fullmatch(module):
        return None
    if number_format == "int8":
        return 8
    if 4 in stored.values():
        return 4 if stored.get(name) == 4 else 8
    return 8 if module.endswith(_STAY_8_BITS) else 4


def prepare(model: Decoder, number_format: str, stored: Mapping[str, int] = NOTHING_STORED) -> None:
    """Put packed matrices into a model on the meta device that has no weights yet. Raises ModelError."""
    with torch.device("meta"):
        for name, tensor in model.state_dict().items():
            if bits := quantised_bits(name, number_format, stored):
                rows, size = tensor.shape
                check_size(name, size, bits)
                module = name.removesuffix(".weight")
                old = model.get_submodule(module)
                kind = QuantisedTable if isinstance(old, torch.nn.Embedding) else QuantisedLinear
                model.set_submodule(module, kind(size, rows, bits, getattr(old, "bias", None) is not None))
    model.quantised = None if computed_in(number_format) == number_format else number_format


def check_size(name: str, size: int, bits: int) -> None:
    """Refuse a row that groups do not divide. Raises ModelError."""
    if not group_size(size, bits):
        raise ModelError(
            f"{name} has rows of {size:,} numbers, and {bits} bits need a multiple of 32",
            hint="use --dtype bfloat16 or float32",
        )


def packed_bytes(shape: tuple[int, ...], bits: int) -> int:
    """Return the bytes of a matrix of this shape once it is packed, with its scales."""
    rows, size = shape
    blocks, columns = -(-rows // ops.PACKED_ROWS), size * bits // 4
    group = group_size(size, bits)
    return blocks * ops.PACKED_ROWS * (columns // 2 + 4 * (columns // group if group else 0))


def quantise(name: str, weight: Tensor, bits: int) -> dict[str, Tensor]:
    """Return the packed form of a matrix (rows, size) by its tensors' names. Raises ModelError."""
    check_size(name, weight.shape[1], bits)
    blocks, columns = -(-weight.shape[0] // ops.PACKED_ROWS), weight.shape[1] * bits // 4
    groups = columns // group_size(weight.shape[1], bits)
    # Filled a piece at a time: joining the pieces would take as long as rounding them.
    packed = weight.new_empty(blocks, columns, ops.PACKED_ROWS // 2, dtype=torch.uint8)
    scales = weight.new_empty(groups, blocks * ops.PACKED_ROWS, 2, dtype=torch.bfloat16)
    first = 0
    for levels, own in map(_ROUNDED[bits], _pieces(name, weight)):
        end = first + len(levels)
        packed[first // ops.PACKED_ROWS : end // ops.PACKED_ROWS] = pack(levels)
        scales[:, first:end] = own.transpose(0, 1)
        first = end
    return packed_tensors(name, packed, scales)


def packed_tensors(name: str, packed: Tensor, scales: Tensor) -> dict[str, Tensor]:
    """Return the parts of a packed matrix by their names in a model."""
    module = name.removesuffix("weight")
    return {f"{module}packed": packed, f"{module}scales": scales}


def _pieces(name: str, weight: Tensor) -> Iterator[Tensor]:
    """Yield rows in float32, the last ones filled up to a block with zeros."""
    rows = max(1, PIECE // weight.shape[1] // ops.PACKED_ROWS) * ops.PACKED_ROWS
    for part in weight.split(rows):
        wide = check_finite(name, part.float())
        missing = -len(wide) % ops.PACKED_ROWS
        yield torch.cat((wide, wide.new_zeros(missing, wide.shape[1]))) if missing else wide


def pack(levels: Tensor) -> Tensor:
    """Put two rows of each block into one byte: (rows, columns) from 0 to 15 -> (blocks, columns, block / 2)."""
    low, high = levels.unflatten(0, (-1, ops.PACKED_ROWS)).chunk(2, dim=1)  # halves of each block
    packed: Tensor = (low | high << 4).transpose(1, 2).contiguous()
    return packed


def _eight_bits(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return levels (rows, 2 * size), the upper four bits and then the lower, and scales (rows, groups, 2)."""
    grouped = rows.unflatten(1, (-1, group_size(rows.shape[1], 8)))
    steps = (grouped.abs().amax(dim=2, keepdim=True) / 127).clamp_min(_LEAST).bfloat16().float()
    levels = ((grouped / steps).round_().clamp_(-127, 127) + 128).to(torch.uint8).flatten(1)
    upper, lower = torch.cat((16 * steps, 0 * steps), dim=2), torch.cat((steps, 8 * steps), dim=2)
    return torch.cat((levels >> 4, levels & 15), dim=1), torch.cat((upper, lower), dim=1)


def _four_bits(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return levels (rows, size) and scales (rows, groups, 2)."""
    grouped = rows.unflatten(1, (-1, group_size(rows.shape[1], 4)))
    least, most = grouped.aminmax(dim=2, keepdim=True)
    tried = [_steps_between(share * least, share * most) for share in NARROWER]
    best = _rounded(grouped, *tried[0])
    for steps, offsets in tried[1:]:
        best = _better(best, _rounded(grouped, steps, offsets))
    best = _better(best, _rounded(grouped, *_fitted(grouped, best[0])))
    return (best[0] + 8).to(torch.uint8).flatten(1), best[1]


def _steps_between(least: Tensor, most: Tensor) -> tuple[Tensor, Tensor]:
    steps = (most - least) / 15
    return steps, least + 8 * steps


def _fitted(grouped: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the steps and offsets (rows, groups, 1) with the least squares for these levels (rows, groups, 32)."""
    apart = levels - levels.mean(dim=2, keepdim=True)
    steps = (apart * grouped).sum(dim=2, keepdim=True) / apart.square().sum(dim=2, keepdim=True).clamp_min(_LEAST)
    return steps, grouped.mean(dim=2, keepdim=True) - steps * levels.mean(dim=2, keepdim=True)


def _rounded(grouped: Tensor, steps: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return levels (rows, groups, 32), scales (rows, groups, 2), and each group's squared error."""
    steps, offsets = steps.clamp_min(_LEAST).bfloat16().float(), offsets.bfloat16().float()
    levels = ((grouped - offsets) / steps).round_().clamp_(-8, 7)
    error = (torch.addcmul(offsets, levels, steps) - grouped).square_().sum(dim=2, keepdim=True)
    return levels, torch.cat((steps, offsets), dim=2), error


def _better(best: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Take each group from the one with the smaller error."""
    is_better = other[2] < best[2]
    levels, scales, error = (torch.where(is_better, new, old) for new, old in zip(other, best, strict=True))
    return levels, scales, error


_ROUNDED: dict[int, Callable[[Tensor], tuple[Tensor, Tensor]]] = {4: _four_bits, 8: _eight_bits}
