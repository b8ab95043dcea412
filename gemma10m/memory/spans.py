"""Plan which keys a token sees verbatim, counted from the document's start.

A stretch is cut into spans. A span is one or more neighbouring windows of the same shape, which go through attention as
one batch. Spans index the stretch's key buffer: [kept | new tokens]. Two kinds of window make plans of spans:

`SegmentWindow`   sinks, carry and the token's own segment; or everything, where segments never close
`SlidingWindow`   the last `width` tokens, the token itself included (local layers of Gemma 2 and 3)

Either may see older keys quantised: a token sees its own block of `quantised_every` tokens as it is, and everything
before that block quantised. Blocks are counted from the document's start, so how the ids are cut makes no difference.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

LARGEST_BLOCK = 512  # queries of a sliding window that share their keys


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
    step: int  # tokens from one window's start to the next one's
    reach: int | None = None  # keys that a query sees, itself included; None for all of its window up to itself
    quantised: int = 0  # keys of the window, the first ones, that are seen quantised

    @property
    def width(self) -> int:
        """Count the keys of one window, without the sinks."""
        return self.carried + self.seen + self.queries

    @property
    def shape(self) -> tuple[int, ...]:
        return self.carried, self.sinks, self.seen, self.queries, self.quantised

    def last_token(self) -> Span:
        """Return the span of the last query alone."""
        earlier, skipped = self.segments - 1, self.queries - 1
        last = replace(
            self,
            segments=1,
            first_segment=self.first_segment + earlier,
            first_key=self.first_key + earlier * self.step,
            seen=self.seen + skipped,
            queries=1,
            first_query=self.first_query + earlier * self.queries + skipped,
        )
        if self.reach is None or last.width <= self.reach:
            return last
        dropped = last.width - self.reach  # keys that only the queries before it see
        return replace(
            last,
            first_key=last.first_key + dropped,
            carried=self.reach - 1,
            seen=0,
            quantised=max(0, self.quantised - dropped),
        )


@dataclass(frozen=True)
class Plan:
    """Say how one stretch of `tokens` tokens at `position` runs through a layer."""

    position: int
    tokens: int  # S
    spans: tuple[Span, ...]
    kept_before: int  # keys in front of the new ones in the buffer
    kept_after: int  # keys that the next stretch needs
    open_before: int  # tokens of the open segment among the keys in front
    closed: int  # segments that close in this stretch (G of the memory's scan)
    exact_before: int  # keys in front that are not quantised
    exact_after: int  # keys that the next stretch needs unquantised
    quantised: int = 0  # keys that become quantised in this stretch: the first ones that were not

    @property
    def carried_before(self) -> int:
        return self.kept_before - self.open_before

    @property
    def quantised_before(self) -> int:
        return self.kept_before - self.exact_before

    @property
    def quantised_after(self) -> int:
        return self.kept_after - self.exact_after

    def wanted_spans(self, wanted: int) -> tuple[Span, ...]:
        """Return the spans that give the last `wanted` tokens: all of the stretch, only its last token, or none."""
        if wanted == self.tokens:
            return self.spans
        return (self.spans[-1].last_token(),) if wanted else ()


class KeptWindow(ABC):
    """Say which keys a stretch needs of those before it, and which of them are quantised."""

    quantised_every: int | None

    @abstractmethod
    def open_tokens(self, position: int) -> int:
        """Count the tokens in the open segment."""

    @abstractmethod
    def kept(self, position: int) -> int:
        """Count the keys that a stretch at `position` needs."""

    def exact(self, position: int) -> int:
        """Count the last ones of the kept keys that are not quantised."""
        return self.kept(position) if self.quantised_every is None else position % self.quantised_every

    def block_start(self, token: int) -> int:
        """Return the first token on which the key of `token` depends as later blocks see it."""
        return token if self.quantised_every is None else token - token % self.quantised_every

    def _plan(self, position: int, tokens: int, spans: Iterable[Span], closed: int) -> Plan:
        exact, every = self.exact(position), self.quantised_every
        return Plan(
            position,
            tokens,
            tuple(spans),
            kept_before=self.kept(position),
            kept_after=self.kept(position + tokens),
            open_before=min(self.kept(position), self.open_tokens(position)),
            closed=closed,
            exact_before=exact,
            exact_after=self.exact(position + tokens),
            quantised=0 if every is None else (exact + tokens) // every * every,
        )


@dataclass(frozen=True)
class SegmentWindow(KeptWindow):
    """Show sinks, carry and the token's own segment up to itself. closes False: one segment as long as the document."""

    segment: int  # N
    carry: int  # C
    sinks: int
    closes: bool = True
    in_turn: bool = False  # every segment is a span of its own
    quantised_every: int | None = None  # tokens: a segment; None: never

    def open_tokens(self, position: int) -> int:
        return position % self.segment if self.closes else position

    def kept(self, position: int) -> int:
        """Count the keys that a stretch at `position` needs: the carry and the open segment."""
        opened = self.open_tokens(position)
        return min(self.carry, position - opened) + opened

    def first_seen(self, position: int) -> int:
        """Return the first token that the token at `position` sees, sinks aside."""
        return max(0, position - self.open_tokens(position) - self.carry)

    def mean_keys(self, tokens: int) -> float:
        """Return how many keys each token of a document of `tokens` tokens sees on average."""
        if not self.closes:
            return (tokens + 1) / 2
        seen = 0
        for start in range(0, min(tokens, self.carry + self.segment), self.segment):  # all before it is carried
            count = min(self.segment, tokens - start)
            seen += count * start + count * (count + 1) // 2
        later, rest = divmod(max(0, tokens - self.carry - self.segment), self.segment)
        seen += (later * self.segment + rest) * (self.sinks + self.carry)
        seen += later * self.segment * (self.segment + 1) // 2 + rest * (rest + 1) // 2
        return seen / tokens

    def plan(self, position: int, tokens: int) -> Plan:
        spans = self._segments(position, tokens)
        closed = (self.open_tokens(position) + tokens) // self.segment if self.closes else 0
        return self._plan(position, tokens, spans if self.in_turn else _joined(spans), closed)

    def _segments(self, position: int, tokens: int) -> Iterator[Span]:
        """Yield one span per segment. Where none closes but old keys are quantised, all before a segment is carried."""
        buffer_start = position - self.kept(position)
        cuts, count = self.closes or self.quantised_every is not None, 0
        start, end = position - (position % self.segment if cuts else position), position + tokens
        while start < end:
            length = min(self.segment, end - start) if cuts else end - start
            carried, seen = min(self.carry, start) if self.closes else start, max(0, position - start)
            yield Span(
                segments=1,
                first_segment=count,
                first_key=start - carried - buffer_start,
                carried=carried,
                sinks=self.sinks if start > carried else 0,
                seen=seen,
                queries=length - seen,
                first_query=start + seen - position,
                step=self.segment,
                quantised=carried if self.quantised_every else 0,
            )
            start, count = start + length, count + 1


@dataclass(frozen=True)
class SlidingWindow(KeptWindow):
    """Show the last `width` tokens, itself included.

    The open segment's keys are kept, so that its tokens can be taken back. segment: the model's; None where segments
    never close, and nothing has to be given back: there `quantised_every`, as a block is quantised as a whole.
    """

    width: int
    segment: int | None
    sinks: int = 0
    quantised_every: int | None = None  # tokens, of which a segment is a multiple; None: never

    def open_tokens(self, position: int) -> int:
        return 0 if self.segment is None else position % self.segment

    def kept(self, position: int) -> int:
        return min(position, self.width - 1 + self.open_tokens(position))

    def first_seen(self, position: int) -> int:
        return self.block_start(max(0, position - self.width + 1))

    def mean_keys(self, tokens: int) -> float:
        full = max(0, tokens - self.width)
        return (full * self.width + (tokens - full) * (tokens - full + 1) / 2) / tokens

    def plan(self, position: int, tokens: int) -> Plan:
        return self._plan(position, tokens, _joined(self._blocks(position, tokens)), closed=0)

    def _blocks(self, position: int, tokens: int) -> Iterator[Span]:
        """Yield some queries at a time, with the keys that any of them sees."""
        size = self.quantised_every or min(LARGEST_BLOCK, max(1, self.width // 4))
        buffer_start, end = position - self.kept(position), position + tokens
        for count, whole in enumerate(range(self.block_start(position), end, size)):
            start, stop = max(whole, position), min(whole + size, end)
            carried = min(self.width - 1, start)
            yield Span(
                segments=1,
                first_segment=count,
                first_key=start - carried - buffer_start,
                carried=carried,
                sinks=0,
                seen=0,
                queries=stop - start,
                first_query=start - position,
                step=stop - start,
                reach=self.width,
                quantised=max(0, carried - (start - whole)) if self.quantised_every else 0,
            )


Window = SegmentWindow | SlidingWindow


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Merge neighbouring spans of one shape."""
    waiting: Span | None = None
    for span in spans:
        if waiting is not None and waiting.shape == span.shape:
            waiting = replace(waiting, segments=waiting.segments + 1)
            continue
        if waiting is not None:
            yield waiting
        waiting = span
    if waiting is not None:
        yield waiting
