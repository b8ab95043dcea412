"""Choose the passages that a question is given, and keep them, so that they can be compared with its sources."""

from __future__ import annotations

from collections.abc import Sequence

from gemma10m.library.retrieval import Choose
from gemma10m.passages.cutting import Passage
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.retrieve import SEARCHED, Excerpt, retrieve
from gemma10m.passages.words import telling
from gemma10m.tokens import Tokenizer

MOST_GIVEN = 2


class KeepsChosen:
    """Choose as `choose` does, and keep what was chosen last."""

    def __init__(self, choose: Choose = retrieve) -> None:
        self._choose = choose
        self.chosen: list[Excerpt] = []

    def __call__(self, index: PassageIndex, tokenizer: Tokenizer, question: str, budget: int) -> list[Excerpt]:
        self.chosen = self._choose(index, tokenizer, question, budget)
        return self.chosen

    def has_all(self, sentences: Sequence[str]) -> bool:
        """Tell if each sentence is in one of the passages."""
        return all(any(is_in(sentence, excerpt.text) for excerpt in self.chosen) for sentence in sentences)


def passages_with(sentences: Sequence[str]) -> Choose:
    """Return a way to choose: whole passages that hold the sentences, at most two, in the document's order."""

    def choose(index: PassageIndex, tokenizer: Tokenizer, question: str, budget: int) -> list[Excerpt]:
        found: list[Passage] = []
        for sentence in sentences:
            if len(found) < MOST_GIVEN and not any(is_in(sentence, passage.text) for passage in found):
                near = index.search(telling(sentence), SEARCHED)
                found += [passage for passage in near if is_in(sentence, passage.text)][:1]
        found.sort(key=lambda passage: (passage.file, passage.start))
        return [Excerpt(each, 0, len(each.text), index.files[each.file][0]) for each in found]

    return choose


def is_in(sentence: str, text: str) -> bool:
    """Tell if the text has the sentence; white space is folded."""
    return " ".join(sentence.split()) in " ".join(text.split())
