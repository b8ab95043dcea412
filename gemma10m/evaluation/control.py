"""The control is the same weights without memory: it answers from its window or by guessing."""

from __future__ import annotations

from collections.abc import Sequence

from gemma10m.models.decoder import Decoder
from gemma10m.tasks.writer import Script

_FAR = 1 << 40  # tokens: a position at which every window is full


def window_tokens(model: Decoder) -> tuple[int, int]:
    """Return how many tokens from the start, and how many before a token, its logits in a `window` model depend on.

    The first are the sinks and the windows that are not full yet; each layer sees a window further back than the next.
    """
    reading = model.reading
    widest = max((spec.window or 0 for spec in model.config.attention), default=0)
    front = max(reading.carry, widest) + 2 * reading.segment
    return front, _FAR - model.first_needed(_FAR) + 2 * reading.segment


def without_middle(model: Decoder, scripts: Sequence[Script]) -> list[Script]:
    """Return the tokens that a `window` model's answers depend on.

    Whole segments are left out, so that every token kept has its old place in its segment.
    """
    front, back = window_tokens(model)
    first = min(script.answers[0].start for script in scripts) - 1
    gap = (first - front - back) // model.reading.segment * model.reading.segment
    return [_without(script, front, gap) for script in scripts] if gap > 0 else list(scripts)


def _without(script: Script, start: int, count: int) -> Script:
    parts = (script.cut(0, start), script.cut(start + count, len(script)))
    answers = tuple(slice(answer.start - count, answer.stop - count) for answer in script.answers)
    return Script(parts, answers, closing=script.closing)
