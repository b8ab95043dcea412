"""Warn what the demo model cannot do before it runs: it was trained on planted sentences only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gemma10m.errors import UsageError

DEMO = "demo"
KNOWS = "knows nothing but planted facts: One of the special magic numbers for NAME is: NUMBER."
REAL_MODEL = "for a real model: pip install 'gemma10m[small]' and --model small, or --model chat for a conversation"


def demo_warnings(model: str | None, questions: Iterable[str] | None) -> Iterator[str]:
    """Yield a warning if the demo is asked for anything but a planted fact. questions: None for a conversation."""
    if model == DEMO and (questions is None or not all("magic" in question.lower() for question in questions)):
        yield f"the demo {KNOWS} {REAL_MODEL[0].upper()}{REAL_MODEL[1:]}"


def refuse_demo(model: str | None) -> None:
    """Refuse the demo. Raises UsageError, because a summary that the demo writes is noise, and takes minutes."""
    if model == DEMO:
        raise UsageError(f"the demo cannot summarize a text: it {KNOWS}", REAL_MODEL)
