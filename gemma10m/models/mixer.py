"""What every layer's mixer can say and do: tokens and state in, tokens and state out (attention is one)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gemma10m.memory.state import LayerState, Layout
from gemma10m.models.chunk import Chunk


@dataclass(frozen=True)
class Cost:
    """What a mixer costs, far into a long document; FLOPs count 2 for a multiplication with its addition."""

    projection_flops: int  # a token's products with weights
    mixing_flops: float  # a token's scores, weighted values and reads of memory
    writing_flops: float  # a token's writes to memory
    narrow_scratch: int  # numbers of the weights' type that a token needs while it goes through
    wide_scratch: int  # float32 numbers that a token needs while it goes through
    query_flops: int  # the part of projection_flops that tokens without wanted output do not need


class Mixer(nn.Module):
    """A layer's way from token to token. It owns its state: nothing else knows which tensors that has."""

    @abstractmethod
    def layout(self, position: int, batch: int, dtype: torch.dtype) -> Layout:
        """The tensors of its state after `position` tokens; `dtype` is the weights'."""

    @abstractmethod
    def forward(self, x: Tensor, state: LayerState, chunk: Chunk, wanted: int) -> tuple[Tensor, LayerState]:
        """x (B, S, D) -> the last `wanted` tokens' output (B, wanted, D), and the state after the chunk."""

    @abstractmethod
    def rewind(self, state: LayerState, position: int, tokens: int) -> LayerState | None:
        """The state `tokens` tokens ago, which are the last of the open segment's; None where it cannot tell.

        A mixer that gives None here still goes back by the whole open segment.
        """

    @abstractmethod
    def skip_to(self, state: LayerState, position: int) -> LayerState:
        """A state at a later position in which only what is kept of the document's beginning is right.

        After as many tokens as `first_seen` and `first_kept` reach back, all of it is.
        """

    @abstractmethod
    def cost(self) -> Cost: ...

    @abstractmethod
    def scratch(self, tokens: int, item: int) -> int:
        """Bytes of the big tensors that it makes for a chunk of `tokens` tokens; `item` bytes a weight."""

    @abstractmethod
    def first_kept(self, position: int) -> int:
        """The first token whose input its state after `position` tokens depends on, sinks aside."""

    @abstractmethod
    def first_seen(self, position: int) -> int:
        """The first token whose input its output at `position` depends on, sinks aside."""

    def fuse(self) -> None:
        """Lay weights that are used together into one tensor: for reading alone, and once."""
