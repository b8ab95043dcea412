"""The keys that are counted for a document's tokens are those that its spans show."""

from __future__ import annotations

import pytest

from gemma10m.memory.spans import SegmentWindow, SlidingWindow, Window

LENGTHS = (1, 7, 8, 9, 16, 17, 40, 100)


def shown(window: Window, tokens: int) -> int:
    """Count the keys that every query of a document sees, its own included."""
    total = 0
    for span in window.plan(0, tokens).spans:
        for query in range(span.queries):
            seen = span.carried + span.seen + query + 1
            total += span.segments * (span.sinks + (seen if span.reach is None else min(seen, span.reach)))
    return total


@pytest.mark.parametrize("tokens", LENGTHS)
@pytest.mark.parametrize(
    "window",
    [
        SegmentWindow(8, carry=0, sinks=0),
        SegmentWindow(8, carry=8, sinks=2),
        SegmentWindow(8, carry=24, sinks=2),
        SegmentWindow(8, carry=8, sinks=2, closes=False),
        SlidingWindow(5, 8),
        SlidingWindow(30, None),
    ],
    ids=str,
)
def test_the_mean_of_the_keys_is_that_of_those_shown(window: Window, tokens: int) -> None:
    assert window.mean_keys(tokens) * tokens == pytest.approx(shown(window, tokens))
