"""`tools/score_lists.py` counts the items that an answer has, and what it lists beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
import score_lists

LISTS = Path(__file__).parent.parent.parent / "examples" / "questions" / "lists"
SISTERS = [["Elizabeth"], ["Anne", "Miss Anne"], ["Mary"]]


@pytest.mark.parametrize(
    ("said", "recall", "precision"),
    [
        ("Elizabeth, Anne and Mary", 1.0, 1.0),
        ("elizabeth\nAnne's room; Sir Walter", 2 / 3, 2 / 3),
        ("Maryland", 0.0, 0.0),
        ("not in the text", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_items_are_found_in_any_order_and_spelling(said: str, recall: float, precision: float) -> None:
    found = score_lists.score(said, SISTERS)
    assert (found.recall, found.precision) == (recall, precision)


def test_every_list_has_five_questions_with_items() -> None:
    found = {path.stem: score_lists.read_listings(path) for path in sorted(LISTS.glob("*.jsonl"))}
    assert list(found) == ["architecture", "debian-policy", "persuasion", "python-library"]
    for listings in found.values():
        assert len({each.question for each in listings}) == 5
        assert all(len(each.items) > 1 and all(map(all, each.items)) for each in listings)
