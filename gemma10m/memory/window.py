"""Which keys a token sees verbatim: sinks, carry and its own segment, counted from the document's start.

A stretch is cut into spans. A span is one or more neighbouring segments whose windows have the same shape, so that
they go through attention as one batch. Spans index the stretch's key buffer: [carried | open | new tokens].
`full` is a window that never closes: one segment as long as the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gemma10m.config import ReadingConfig


@dataclass(frozen=True)
class Span:
    segments: int  # G
    first_segment: int  # counted from the first segment the stretch touches
    first_key: int  # where the first window starts in the buffer
    carried: int  # tokens of the window before the segment
    sinks: int  # sinks visible in front of the window: 0 or all of them
    seen: int  # tokens of the segment read before this stretch
    queries: int  # tokens of the segment read in this stretch
    first_query: int  # where they start in the stretch

    @property
    def width(self) -> int:
        """Keys of one window, without the sinks."""
        return self.carried + self.seen + self.queries


@dataclass(frozen=True)
class Plan:
    """How one stretch of `tokens` tokens at `position` runs through every layer."""

    reading: ReadingConfig
    position: int
    tokens: int  # S
    spans: tuple[Span, ...]

    @property
    def open_before(self) -> int:
        return open_tokens(self.reading, self.position)

    @property
    def carried_before(self) -> int:
        return carried_tokens(self.reading, self.position)

    @property
    def closed(self) -> int:
        """Segments that close in this stretch (G of the memory's scan)."""
        return 0 if self.reading.memory == "full" else (self.open_before + self.tokens) // self.reading.segment

    @property
    def kept_keys(self) -> int:
        """Keys the next stretch needs: its carry and the open segment."""
        end = self.position + self.tokens
        return carried_tokens(self.reading, end) + open_tokens(self.reading, end)

    def wanted_spans(self, wanted: int) -> tuple[Span, ...]:
        """The spans that give the last `wanted` tokens: all of the stretch, only its last token, or none."""
        if wanted == self.tokens:
            return self.spans
        return (_last_token(self.spans[-1], self.reading.segment),) if wanted else ()


def open_tokens(reading: ReadingConfig, position: int) -> int:
    """Tokens in the open segment."""
    return position if reading.memory == "full" else position % reading.segment


def carried_tokens(reading: ReadingConfig, position: int) -> int:
    """Tokens carried in front of the open segment."""
    return min(reading.carry, position - open_tokens(reading, position))


def plan_stretch(reading: ReadingConfig, position: int, tokens: int) -> Plan:
    spans: list[Span] = []
    # A `state-vector` segment needs what the one before it left: they go through attention one after the other.
    in_turn = reading.memory == "state-vector"
    for span in _segments(reading, position, tokens):
        if spans and not in_turn and _same_shape(spans[-1], span):
            spans[-1] = replace(spans[-1], segments=spans[-1].segments + 1)
        else:
            spans.append(span)
    return Plan(reading, position, tokens, tuple(spans))


def _segments(reading: ReadingConfig, position: int, tokens: int) -> Iterator[Span]:
    """One span a segment."""
    buffer_start = position - open_tokens(reading, position) - carried_tokens(reading, position)
    start, end, count = position - open_tokens(reading, position), position + tokens, 0
    while start < end:
        length = end - start if reading.memory == "full" else min(reading.segment, end - start)
        carried = min(reading.carry, start)
        seen = max(0, position - start)
        yield Span(
            segments=1,
            first_segment=count,
            first_key=start - carried - buffer_start,
            carried=carried,
            sinks=reading.sinks if start > carried else 0,
            seen=seen,
            queries=length - seen,
            first_query=start + seen - position,
        )
        start, count = start + length, count + 1


def _same_shape(a: Span, b: Span) -> bool:
    return (a.carried, a.sinks, a.seen, a.queries) == (b.carried, b.sinks, b.seen, b.queries)


def _last_token(span: Span, segment: int) -> Span:
    earlier = span.segments - 1
    return replace(
        span,
        segments=1,
        first_segment=span.first_segment + earlier,
        first_key=span.first_key + earlier * segment,
        seen=span.seen + span.queries - 1,
        queries=1,
        first_query=span.first_query + earlier * segment + span.queries - 1,
    )
