"""The control is the same weights without memory: what it answers, it saw in its window or guessed."""

from __future__ import annotations

from collections.abc import Sequence

from gemma10m.models.decoder import Decoder
from gemma10m.tasks.writer import Script

_FAR = 1 << 40  # tokens: a position at which every window is full


def window_tokens(model: Decoder) -> tuple[int, int]:
    """How many tokens from the start, and how many before a token, that token's logits in a `window` model depend on.

    At the start stand the sinks and the windows that are not full yet; each layer sees a window further back than the
    next.
    """
    reading = model.reading
    widest = max((spec.window or 0 for spec in model.config.attention), default=0)
    front = max(reading.carry, widest) + 2 * reading.segment
    return front, _FAR - model.first_needed(_FAR) + 2 * reading.segment


def without_middle(model: Decoder, scripts: Sequence[Script]) -> list[Script]:
    """What a `window` model's answers depend on.

    Whole segments are left out, so that every token kept stands where it stood in its segment.
    """
    front, back = window_tokens(model)
    first = min(script.answers[0].start for script in scripts) - 1
    gap = (first - front - back) // model.reading.segment * model.reading.segment
    return [_without(script, front, gap) for script in scripts] if gap > 0 else list(scripts)


def _without(script: Script, start: int, count: int) -> Script:
    parts = (script.cut(0, start), script.cut(start + count, len(script)))
    answers = tuple(slice(answer.start - count, answer.stop - count) for answer in script.answers)
    return Script(parts, answers, closing=script.closing)
