"""Draw questions of a set, and tell if the sentences that answer one are in what was found."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AskedQuestion:
    text: str
    sources: tuple[str, ...]


def drawn(path: Path, count: int, seed: int) -> list[AskedQuestion]:
    """Draw from the questions that have an answer."""
    said = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    answered = [AskedQuestion(one["question"], tuple(map(_folded, one["sources"]))) for one in said if one["answers"]]
    return random.Random(seed).sample(answered, min(count, len(answered)))


def answers(question: AskedQuestion, texts: Sequence[str]) -> bool:
    """Tell if every source is in one of the texts, whatever the white space."""
    folded = [_folded(text) for text in texts]
    return all(any(source in text for text in folded) for source in question.sources)


def _folded(text: str) -> str:
    return " ".join(text.split())
