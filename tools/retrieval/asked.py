"""Draw questions of a set, and tell if the sentences that answer one are in what was found."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from gemma10m.passages.folding import is_in
from gemma10m.tasks.question_set import AskedQuestion, read_question_set


def drawn(path: Path, count: int, seed: int) -> list[AskedQuestion]:
    """Draw from the questions that have an answer."""
    answered = [question for question in read_question_set(path) if question.answers]
    return random.Random(seed).sample(answered, min(count, len(answered)))


def answers(question: AskedQuestion, texts: Sequence[str]) -> bool:
    """Tell if every source is in one of the texts, whatever the white space."""
    return all(any(is_in(source, text) for text in texts) for source in question.sources)
