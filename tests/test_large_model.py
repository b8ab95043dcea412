"""The packaged large model answers questions about a real book, and cites where the book says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gemma10m import Library
from gemma10m.answering.sampling import Sampling

ROOT = Path(__file__).parent.parent


@pytest.mark.real_weights
@pytest.mark.usefixtures("cache")
def test_the_large_model_answers_from_a_novel(published: Callable[[str], Path]) -> None:
    library = Library(published("large"))
    with library.open(ROOT / "examples" / "persuasion.txt") as reading:
        assert not reading.source.is_read
        made = [
            reading.ask(question, Sampling(max_new_tokens=16)).made.lower()
            for question in (
                "Which bone did Mary's little boy put out when he fell?",
                "Who hurried into the town to fetch medical help after Louisa's accident?",
            )
        ]
    assert "collar" in made[0]
    assert "benwick" in made[1]
