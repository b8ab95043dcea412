"""Write the passkey task with Infini-attention's prompt (arXiv 2404.07143, appendix B, after Mohtashami and Jaggi)."""

from __future__ import annotations

import random

from gemma10m.tasks.case import Case, Fact, Turn
from gemma10m.tasks.word_lists import make_value

OPENING = (
    "There is an important info hidden inside a lot of irrelevant text. Find it and memorize them. "
    "I will quiz you about the important information there."
)
FILLER = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
QUESTION = "What is the pass key? The pass key is"


def draw_passkey(draw: random.Random, depth: float) -> Case:
    """Draw a key of five digits, one more than the paper's example: guessing is right once in 90,000."""
    return passkey(make_value(draw), depth)


def passkey(key: str, depth: float) -> Case:
    fact = Fact(f"The pass key is {key}. Remember it. {key} is the pass key.", depth)
    return Case((fact,), (Turn(QUESTION, key, 1 / 90000),), haystack=FILLER, opening=OPENING, raw=True)
