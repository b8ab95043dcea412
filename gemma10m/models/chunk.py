"""A chunk holds what all layers share about the tokens that go through them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.config import AttentionSpec, Rope
from gemma10m.memory.interludes import Interludes
from gemma10m.memory.runs import Runs
from gemma10m.memory.spans import Plan, Span, Window
from gemma10m.models.rope import AngleTables, cos_sin_at

if TYPE_CHECKING:
    from gemma10m.models.buffer import Buffer
    from gemma10m.models.growing import GrowingKeys
    from gemma10m.models.layer_inputs import LayerInputs
    from gemma10m.models.mixer import Mixer


@dataclass(frozen=True)
class View:
    """Hold a chunk as layers with one kind of window and one rotary embedding see it."""

    plan: Plan
    cos: Tensor  # (W + S, E), positions counted from the buffer's start
    sin: Tensor  # (W + S, E)
    spec: AttentionSpec
    interludes: Interludes | None = None  # training only
    runs: Runs | None = None  # where several ranks read side by side: the chunk is this rank's run
    _sink_angles: dict[tuple[Span, int], tuple[Tensor, Tensor]] = field(default_factory=dict)

    def sink_angles(self, span: Span, back: int) -> tuple[Tensor, Tensor]:
        """Return cos and sin of the sinks `back` places before each window of a span, (G * sinks, E); made once."""
        if (span, back) not in self._sink_angles:
            device = self.cos.device
            starts = span.first_key - span.sinks - back + span.step * torch.arange(span.segments, device=device)  # (G)
            places = starts.unsqueeze(1) + torch.arange(span.sinks, device=device)  # (G, sinks)
            angles = cos_sin_at(places.flatten(), self.spec.head_size, self.spec.rope, self.cos.dtype)
            self._sink_angles[span, back] = angles
        return self._sink_angles[span, back]

    def rotate(self, x: Tensor, first: int) -> Tensor:
        """Rotate x (B, heads, S, E) to the positions from `first` on."""
        here = slice(first, first + x.shape[2])
        return ops.rotate(x, self.cos[here], self.sin[here])


class Chunk:
    """Hold consecutive tokens at a position. Views are made once and shared by all layers of a kind.

    Layers whose keys and values others attend to lend them to those here. asks: the tokens are of a question or an
    answer, and not of a document that is read for later: `added` memory recalls something for them. growing: the chunk
    is one token, and layers add it to these keys and values.
    """

    def __init__(
        self,
        position: int,
        tokens: int,
        device: torch.device,
        dtype: torch.dtype,
        interludes: Interludes | None = None,
        runs: Runs | None = None,
        angles: AngleTables | None = None,
        asks: bool = True,
        growing: Mapping[Mixer, GrowingKeys] | None = None,
    ) -> None:
        self._angles, self.growing = angles or AngleTables(), growing or {}
        self.position, self.tokens, self.asks = position, tokens, asks
        self._device, self._wide, self._interludes, self._runs = device, wide_dtype(dtype), interludes, runs
        self._views: dict[tuple[Window, Rope, int], View] = {}
        self._angles_at: dict[tuple[int, Rope, int], tuple[Tensor, Tensor]] = {}
        self.lent: dict[int, Buffer] = {}  # by layer: keys and values that later layers attend to
        self.lent_keys: dict[int, GrowingKeys] = {}  # where the chunk is added to them
        self.kv_input: Tensor | None = (
            None  # (B, S, D), of the layer that runs, if its keys and values have a norm of their own
        )
        self.layer_inputs: LayerInputs | None = None  # of models whose layers have embeddings of their own

    def view(self, window: Window, spec: AttentionSpec) -> View:
        key = (window, spec.rope, spec.head_size)
        if key not in self._views:
            plan = window.plan(self.position, self.tokens)
            width = plan.kept_before + plan.tokens
            angles = self._angles.cos_sin(width, spec.head_size, spec.rope, self._device, self._wide)  # (W + S, E) each
            self._views[key] = View(plan, *angles, spec, self._interludes, self._runs)
        return self._views[key]

    def angles_at(self, place: int, spec: AttentionSpec) -> tuple[Tensor, Tensor]:
        """Return cos and sin of one place, (1, E) each."""
        key = (place, spec.rope, spec.head_size)
        if key not in self._angles_at:
            self._angles_at[key] = self._angles.at(place, spec.head_size, spec.rope, self._device, self._wide)
        return self._angles_at[key]


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of angles and memory: float32, or float64 in a float64 model."""
    return torch.float64 if dtype == torch.float64 else torch.float32
