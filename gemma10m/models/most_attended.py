"""Attend to the most attended tokens of closed segments, and count what attention each token receives: `heavy`."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.config import AttentionSpec
from gemma10m.memory.heavy import HeavyTokens
from gemma10m.memory.spans import SegmentWindow, Span
from gemma10m.memory.state import LayerState
from gemma10m.models.buffer import Buffer
from gemma10m.models.chunk import View
from gemma10m.models.rope import cos_sin
from gemma10m.models.scores import received


class MostAttended:
    """Give each segment of a stretch the tokens that its layer has kept until then.

    The kept tokens stand just before the window, in the document's order, and the sinks before them. Fused attention
    gives no weights, so queries and keys are multiplied a second time to count them.
    """

    def __init__(self, spec: AttentionSpec, window: SegmentWindow) -> None:
        self.spec, self.window = spec, window

    def read(self, buffer: Buffer, queries: Tensor, state: LayerState, view: View) -> tuple[Buffer, HeavyTokens]:
        """Return the buffer with one for each segment, and what is kept after the stretch. queries (B, H, S, E)."""
        kept, segments = HeavyTokens.of(state), list[Buffer]()
        for span in view.plan.spans:
            segments.append(self._behind(buffer, kept, view, span))
            asking = queries[:, :, span.first_query : span.first_query + span.queries]  # (B, H, Q, E)
            keys = segments[-1].windows(view, span)[0].squeeze(2)  # (B, K, width, E)
            shares = received(asking, keys, scale=self.spec.score_scale, cap=self.spec.score_cap)  # (B, K, width)
            first = kept.keys.shape[2]  # the sinks come next, which are kept whatever they receive
            kept = kept.attended(torch.cat((shares[:, :, :first], shares[:, :, first + span.sinks :]), dim=2))
            if span.seen + span.queries == self.window.segment:
                kept = self._closed(buffer, kept, view, span)
        return replace(buffer, segments=tuple(segments)), kept

    def _behind(self, buffer: Buffer, kept: HeavyTokens, view: View, span: Span) -> Buffer:
        count = kept.keys.shape[2]
        if not count:
            return buffer
        place = span.first_key - count
        cos, sin = cos_sin(place, count, self.spec.head_size, self.spec.rope, kept.keys.device, view.cos.dtype)
        turned = ops.rotate(kept.keys, cos, sin)  # (B, K, count, E)
        return replace(buffer, extra_key=turned, extra_value=kept.values, sinks_back=count)

    def _closed(self, buffer: Buffer, kept: HeavyTokens, view: View, span: Span) -> HeavyTokens:
        window = self.window
        leaving = max(0, span.carried + window.segment - window.carry)
        keys, values = (buffer.keys, buffer.values) if buffer.quantised is None else buffer.quantised[:2]
        here = slice(span.first_key, span.first_key + leaving)
        start = view.plan.position - view.plan.kept_before + span.first_key  # of the window in the document
        dropped = min(leaving, max(0, window.sinks - start))
        return kept.closed(keys[:, :, here], values[:, :, here], dropped, window.carry)
