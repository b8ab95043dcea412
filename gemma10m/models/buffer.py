"""A buffer holds the keys and values of a stretch and cuts them into windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.memory.matrix import Memories
from gemma10m.memory.spans import Span
from gemma10m.models.chunk import View


class Quantised(NamedTuple):
    """Hold what later blocks see of the keys in front of the buffer's last block, and its codes."""

    keys: Tensor  # (B, K, W + S', E), without positions: those that were or become quantised, from the buffer's start
    values: Tensor  # (B, K, W + S', E)
    turned_keys: Tensor  # (B, K, W + S', E)
    codes: dict[str, Tensor]  # of those that become quantised


@dataclass(frozen=True)
class Buffer:
    """Hold a stretch's keys and values behind those kept from before, and the memories its segments read."""

    keys: Tensor  # (B, K, W + S, E), without positions
    turned_keys: Tensor  # (B, K, W + S, E), positions counted from the buffer's start
    values: Tensor  # (B, K, W + S, E)
    sink_keys: Tensor | None  # (B, K, sinks, E); None in a sliding window
    sink_values: Tensor | None  # (B, K, sinks, E)
    memories: Memories | None
    write_gates: Tensor | None  # (B, K, n + S)
    extra_key: Tensor | None = None  # (B, K, count, E) in front of every window, turned
    extra_value: Tensor | None = None  # (B, K, count, E)
    sinks_back: int = 0  # places that the sinks stand further from the window
    quantised: Quantised | None = None  # where a block of keys ends in the stretch
    segments: tuple[Buffer, ...] = ()  # one for each segment, where they differ in what is in front of the window

    def of(self, span: Span) -> Buffer:
        """Return the buffer that a span is read from."""
        return self.segments[span.first_segment] if self.segments else self

    def windows(self, view: View, span: Span) -> tuple[Tensor, Tensor]:
        """Return the keys and values of a span's windows, turned to their places. -> (B, K, G, width, E) each."""
        sinks = self._turned_sinks(view, span) if span.sinks else None  # (B, K, G, sinks, E)
        sink_values = None if self.sink_values is None else self.sink_values.unsqueeze(2)
        older_keys, older_values = (None, None)
        if self.quantised is not None:
            older_keys, older_values = self.quantised.turned_keys, self.quantised.values
        keys = _windows(self.turned_keys, older_keys, sinks, span)
        values = _windows(self.values, older_values, sink_values, span)
        return _behind(self.extra_key, keys), _behind(self.extra_value, values)

    def _turned_sinks(self, view: View, span: Span) -> Tensor:
        """Rotate the sinks to the places just before each window of the span. -> (B, K, G, sinks, E)."""
        assert self.sink_keys is not None
        cos, sin = view.sink_angles(span, self.sinks_back)
        kept = self.sink_keys.unsqueeze(2).expand(-1, -1, span.segments, -1, -1)  # (B, K, G, sinks, E)
        turned = ops.rotate(kept.flatten(2, 3), cos, sin)  # (B, K, G * sinks, E)
        split: Tensor = turned.unflatten(2, (span.segments, span.sinks))  # (B, K, G, sinks, E)
        return split


def _windows(kept: Tensor, quantised: Tensor | None, sinks: Tensor | None, span: Span) -> Tensor:
    """Cut the buffer into windows, with the sinks in front. -> (B, K, G, width, E)."""
    parts = [] if not span.sinks or sinks is None else [sinks.expand(-1, -1, span.segments, -1, -1)]
    older = 0 if quantised is None else span.quantised  # those kept from before are in the buffer as they are seen
    if older and quantised is not None:
        parts.append(_cut_windows(quantised, span, 0, older))
    parts.append(_cut_windows(kept, span, older, span.width - older))
    return torch.cat(parts, dim=3) if len(parts) > 1 else parts[0]


def _cut_windows(kept: Tensor, span: Span, skipped: int, width: int) -> Tensor:
    """Return `width` keys of each window of a span, all but the first `skipped`. -> (B, K, G, width, E)."""
    first = span.first_key + skipped
    inside = kept[:, :, first : first + (span.segments - 1) * span.step + width]
    return inside.unfold(2, width, span.step).mT if span.segments > 1 else inside.unsqueeze(2)


def _behind(extra: Tensor | None, windows: Tensor) -> Tensor:
    """Put more keys or values in front of every window.

    (B, K, extra, E), (B, K, G, width, E) -> (B, K, G, extra + width, E).
    """
    if extra is None:
        return windows
    return torch.cat((extra.unsqueeze(2).expand(-1, -1, windows.shape[2], -1, -1), windows), dim=3)
