"""`heavy` keeps the tokens that received the most attention beside the newest ones (H2O, arXiv 2306.14048).

Of the tokens that leave the carry, and of those kept before, each K/V head keeps the C that its query heads attended to
most. What a token receives is the sum of its softmax weights over all queries so far that saw it (Scissorhands, arXiv
2305.17118, rests on the same: what was attended to will be). It is added up in float32, and tokens are chosen when a
segment closes; of equals the earlier one stays, so that any cut of the ids keeps the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m.config import AttentionSpec, MemoryKind
from gemma10m.memory.kind import Memory
from gemma10m.memory.spans import SegmentWindow
from gemma10m.memory.state import LayerState, Layout


class HeavyMemory(Memory):
    name: MemoryKind = "heavy"
    in_turn = True
    remembers = True
    keeps_attended = True


@dataclass(frozen=True)
class HeavyTokens:
    """Hold the kept tokens of a layer in the document's order, and what they and those in the window received."""

    keys: Tensor  # (B, K, count, E), without positions
    values: Tensor  # (B, K, count, E)
    received: Tensor  # (B, K, count + C): from closed segments, by the kept tokens and the carried ones
    opened: Tensor  # (B, K, count + C + n): from the open segment's queries, by its own tokens, too

    @staticmethod
    def of(state: LayerState) -> HeavyTokens:
        names = ("heavy_keys", "heavy_values", "received", "open_received")
        return HeavyTokens(*(state[name] for name in names))

    @staticmethod
    def layout(
        spec: AttentionSpec, window: SegmentWindow, position: int, batch: int, dtype: torch.dtype, wide: torch.dtype
    ) -> Layout:
        opened = window.open_tokens(position)
        carried = window.kept(position) - opened
        left = position - opened - carried  # tokens that have left the carry, all sinks among them if there are any
        kept = min(window.carry, max(0, left - window.sinks))
        tokens = (dtype, (batch, spec.kv_heads, kept, spec.head_size))
        return {
            "heavy_keys": tokens,
            "heavy_values": tokens,
            "received": (wide, (batch, spec.kv_heads, kept + carried)),
            "open_received": (wide, (batch, spec.kv_heads, kept + carried + opened)),
        }

    def tensors(self) -> dict[str, Tensor]:
        return {
            "heavy_keys": self.keys,
            "heavy_values": self.values,
            "received": self.received,
            "open_received": self.opened,
        }

    def attended(self, shares: Tensor) -> HeavyTokens:
        """Add what queries of the open segment gave. shares (B, K, kept + C + n), n with those queries' own tokens."""
        return replace(self, opened=F.pad(self.opened, (0, shares.shape[2] - self.opened.shape[2])) + shares)

    def closed(self, keys: Tensor, values: Tensor, dropped: int, budget: int) -> HeavyTokens:
        """Close the segment: of the kept tokens and those that leave the carry, keep the `budget` most attended.

        keys, values (B, K, leaving, E) without positions. dropped: the first ones of these, which are sinks.
        """
        kept, leaving = self.keys.shape[2], keys.shape[2]
        total = F.pad(self.received, (0, self.opened.shape[2] - self.received.shape[2])) + self.opened
        old, going, staying = total.split((kept, leaving, total.shape[2] - kept - leaving), dim=2)
        scores = torch.cat((old, going[:, :, dropped:]), dim=2)  # (B, K, count)
        all_keys = torch.cat((self.keys, keys[:, :, dropped:]), dim=2)  # (B, K, count, E)
        all_values = torch.cat((self.values, values[:, :, dropped:]), dim=2)  # (B, K, count, E)
        if scores.shape[2] > budget:
            most = scores.sort(dim=2, descending=True, stable=True).indices[:, :, :budget].sort(dim=2).values
            there = most.unsqueeze(3).expand(-1, -1, -1, keys.shape[3])  # (B, K, count, E)
            all_keys, all_values = all_keys.gather(2, there), all_values.gather(2, there)
            scores = scores.gather(2, most)
        received = torch.cat((scores, staying), dim=2)  # (B, K, count + C)
        return HeavyTokens(all_keys, all_values, received, torch.zeros_like(received))

    def reopened(self) -> HeavyTokens:
        """Take the whole open segment back."""
        return replace(self, opened=torch.zeros_like(self.received))
