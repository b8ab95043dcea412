"""Keep keys and values in 8 or 4 bits: keys per channel and without positions, values per token (arXiv 2401.18079).

A channel of the keys has numbers of one size in all tokens, and a rotary embedding would mix it with another one; the
values' large numbers come with single tokens. So a key's channel has a scale and a zero for each group of tokens, a
value has its own for each head: x ~ zero + scale * code, scale = (max - min) / (2**bits - 1), zero = min. The error is
half a scale at most. Two codes of 4 bits are in a byte, the first of two channels in its lower half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m import ops
from gemma10m.config import KV_GROUP, AttentionSpec, ReadingConfig
from gemma10m.memory.state import LayerState, Layout, last_rows

BITS = {"int8": 8, "int4": 4}
TENSORS = ("key_codes", "key_scales", "key_zeros", "value_codes", "value_scales", "value_zeros")


def quantiser_of(reading: ReadingConfig) -> Quantiser | None:
    """Return how the reading quantises; None if it does not."""
    bits = BITS.get(reading.kv)
    return None if bits is None else Quantiser(bits, min(KV_GROUP, reading.segment))


@dataclass(frozen=True)
class Quantiser:
    bits: int
    group: int  # tokens whose keys have one scale for each channel

    def layout(self, spec: AttentionSpec, tokens: int, batch: int, wide: torch.dtype) -> Layout:
        """Return the tensors of the last `tokens` tokens before a group's end; of a group that is cut, its scales."""
        heads, size = spec.kv_heads, spec.head_size
        codes = (torch.uint8, (batch, heads, tokens, size * self.bits // 8))
        of_keys, of_values = (wide, (batch, heads, -(-tokens // self.group), size)), (wide, (batch, heads, tokens))
        shapes = (codes, of_keys, of_keys, codes, of_values, of_values)
        return dict(zip(TENSORS, shapes, strict=True))

    def quantised(self, keys: Tensor, values: Tensor) -> dict[str, Tensor]:
        """Quantise whole groups of keys and values (B, K, S, E)."""
        grouped = keys.unflatten(2, (-1, self.group))  # tokens as groups and tokens in one
        key_codes, key_scales, key_zeros = self._codes(grouped, dim=3)
        value_codes, value_scales, value_zeros = self._codes(values, dim=3)
        found = (key_codes.flatten(2, 3), key_scales, key_zeros, value_codes, value_scales, value_zeros)
        return dict(zip(TENSORS, found, strict=True))

    def restored(self, tensors: LayerState | Mapping[str, Tensor], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return the keys and values (B, K, tokens, E) that the codes stand for."""
        codes = self._unpacked(tensors["key_codes"])  # (B, K, count, E)
        missing = -codes.shape[2] % self.group  # tokens of the first group that are not kept
        grouped = F.pad(codes, (0, 0, missing, 0)).unflatten(2, (-1, self.group))
        keys = grouped * tensors["key_scales"].unsqueeze(3) + tensors["key_zeros"].unsqueeze(3)
        values = self._unpacked(tensors["value_codes"]) * tensors["value_scales"].unsqueeze(3)
        values = values + tensors["value_zeros"].unsqueeze(3)
        return keys.flatten(2, 3)[:, :, missing:].to(dtype), values.to(dtype)

    def last(self, earlier: LayerState, new: Mapping[str, Tensor] | None, tokens: int) -> dict[str, Tensor]:
        """Return what is kept of the last `tokens` tokens of earlier and new ones."""
        joined = {name: earlier[name] for name in TENSORS}
        if new is not None:
            joined = {name: torch.cat((tensor, new[name]), dim=2) for name, tensor in joined.items()}
        return {name: last_rows(tensor, self._rows(name, tokens)) for name, tensor in joined.items()}

    def without(self, state: LayerState, dropped: int, tokens: int) -> dict[str, Tensor]:
        """Drop the last `dropped` tokens, whole groups, and all but the `tokens` before them."""
        kept = {name: state[name].shape[2] - self._rows(name, dropped) for name in TENSORS}
        return {name: last_rows(state[name][:, :, : kept[name]], self._rows(name, tokens)) for name in TENSORS}

    def _rows(self, name: str, tokens: int) -> int:
        return -(-tokens // self.group) if name in ("key_scales", "key_zeros") else tokens

    def _codes(self, x: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return codes (..., E or half), and scales and zeros without dimension `dim`."""
        wide = ops.wide(x)
        least, most = wide.aminmax(dim=dim, keepdim=True)
        levels = 2**self.bits - 1
        scale = (most - least) / levels
        # A channel that is everywhere the same has the scale 0, and codes that do not matter.
        codes = ((wide - least) / scale.where(scale > 0, 1.0)).round().clamp(0, levels).to(torch.uint8)
        return self._packed(codes), scale.squeeze(dim), least.squeeze(dim)

    def _packed(self, codes: Tensor) -> Tensor:
        return codes if self.bits == 8 else codes[..., 0::2] | codes[..., 1::2] << 4

    def _unpacked(self, codes: Tensor) -> Tensor:
        return codes if self.bits == 8 else torch.stack((codes & 15, codes >> 4), dim=-1).flatten(-2)
