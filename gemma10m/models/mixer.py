"""A mixer maps tokens and state to tokens and state (attention is one); this is its interface."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gemma10m.memory.state import LayerState, Layout
from gemma10m.models.chunk import Chunk
from gemma10m.models.growing import GrowingKeys


@dataclass(frozen=True)
class Cost:
    """Count what a mixer costs a token of a document; a multiplication with its addition is 2 FLOPs."""

    projection_flops: int  # a token's products with weights
    mixing_flops: float  # a token's scores, weighted values and reads of memory
    writing_flops: float  # a token's writes to memory
    narrow_scratch: int  # numbers of the weights' type that a token needs while it goes through
    wide_scratch: int  # float32 numbers that a token needs while it goes through
    query_flops: int  # the part of projection_flops that tokens without wanted output do not need


class Mixer(nn.Module):
    """Mix information between tokens. A mixer owns its state: no other module knows which tensors it has."""

    @abstractmethod
    def layout(self, position: int, batch: int, dtype: torch.dtype) -> Layout:
        """Return the tensors of its state after `position` tokens; `dtype` is the weights'."""

    @abstractmethod
    def forward(self, x: Tensor, state: LayerState, chunk: Chunk, wanted: int) -> tuple[Tensor, LayerState]:
        """Map x (B, S, D) to the last `wanted` tokens' output (B, wanted, D) and the state after the chunk."""

    @abstractmethod
    def rewind(self, state: LayerState, position: int, tokens: int) -> LayerState | None:
        """Return the state `tokens` tokens ago, all of them in the open segment, or None if that cannot be computed.

        A mixer that returns None can still go back by the whole open segment.
        """

    @abstractmethod
    def skip_to(self, state: LayerState, position: int) -> LayerState:
        """Return a state at a later position in which only the kept start of the document is right.

        After as many tokens as `first_seen` and `first_kept` reach back, all of it is.
        """

    @abstractmethod
    def cost(self, tokens: int) -> Cost:
        """Count what a token of a document of `tokens` tokens costs on average."""

    @abstractmethod
    def scratch(self, tokens: int, item: int) -> int:
        """Count the bytes of the big tensors made for a chunk of `tokens` tokens; `item` bytes per weight."""

    @abstractmethod
    def first_kept(self, position: int) -> int:
        """Return the first token whose input the state after `position` tokens depends on, sinks aside."""

    @abstractmethod
    def first_seen(self, position: int) -> int:
        """Return the first token whose input the output at `position` depends on, sinks aside."""

    @property
    def can_grow(self) -> bool:
        """Tell if a token in an open segment changes nothing but keys and values."""
        return False

    def growing(self, state: LayerState, chunk: Chunk) -> GrowingKeys | None:
        """Return what the chunk, one token in an open segment, is added to; None where a mixer keeps nothing."""
        return None

    def fuse(self) -> None:
        """Join weights that are used together into one tensor; for inference only, and once."""
