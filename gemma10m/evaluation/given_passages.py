"""Choose the passages that a question is given, and keep them, so that they can be compared with its sources."""

from __future__ import annotations

from collections.abc import Sequence

from gemma10m.library.retrieval import Choose
from gemma10m.passages.folding import is_in
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.retrieve import Excerpt, retrieve
from gemma10m.passages.searching import holding
from gemma10m.tokens import Tokenizer

MOST_GIVEN = 2


class KeepsChosen:
    """Choose as `choose` does, and keep what was chosen: for a question that is asked in parts, for each of them."""

    def __init__(self, choose: Choose = retrieve) -> None:
        self._choose = choose
        self.chosen: list[Excerpt] = []

    def __call__(
        self, index: PassageIndex, tokenizer: Tokenizer, question: str, budget: int, most: int
    ) -> list[Excerpt]:
        chosen = self._choose(index, tokenizer, question, budget, most)
        self.chosen += chosen
        return chosen

    def has_all(self, sentences: Sequence[str]) -> bool:
        """Tell if each sentence is in one of the passages."""
        return all(any(is_in(sentence, excerpt.text) for excerpt in self.chosen) for sentence in sentences)


def passages_with(sentences: Sequence[str]) -> Choose:
    """Return a way to choose: whole passages that hold the sentences, at most two, in the document's order."""

    def choose(index: PassageIndex, tokenizer: Tokenizer, question: str, budget: int, most: int) -> list[Excerpt]:
        found = dict.fromkeys(number for each in sentences if (number := holding(index, each)) is not None)
        passages = [index.passage(number) for number in sorted(list(found)[:MOST_GIVEN])]
        return [Excerpt(each, 0, len(each.text), index.files[each.file][0]) for each in passages]

    return choose
