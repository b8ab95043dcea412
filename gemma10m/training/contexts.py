"""Make examples of reading: passages as retrieval finds them with questions about them, and stretches of other text."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gemma10m.errors import UsageError
from gemma10m.passages.cutting import Passage
from gemma10m.passages.folding import is_in
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.retrieve import Excerpt, shown
from gemma10m.passages.searching import holding
from gemma10m.passages.statements import REFUSAL
from gemma10m.passages.words import telling
from gemma10m.tasks.question_set import AskedQuestion
from gemma10m.training.lora_recipe import LoraRecipe

SEARCHED = 12  # passages that a question's words find: the distractors
MOST_QUESTIONS = 10  # of one context
MOST_ROUNDS, MOST_VAIN = 20, 1000  # over all questions, or draws, without a context: then there will be none
MOST_CHARACTERS = 8  # of a token, about: a stretch of other text is cut at its last token
FILES = (
    "book.txt",
    "notes.md",
    "manual.pdf",
    "chapter-3.html",
    "README.md",
    "report.docx",
    "guide.txt",
    "history.epub",
)


@dataclass(frozen=True)
class Lesson:
    question: str
    answer: str


@dataclass(frozen=True)
class Context:
    """Hold passages in the document's order, as the model reads them, and what is asked about them."""

    passages: str
    asked: tuple[Lesson, ...]


@dataclass(frozen=True)
class OtherText:
    """Hold a stretch of other text, on which the model must stay what it was."""

    text: str


class Contexts:
    """Draw contexts. Questions that one passage answers are asked together."""

    def __init__(
        self, index: PassageIndex, questions: Sequence[AskedQuestion], recipe: LoraRecipe, prose: str = ""
    ) -> None:
        """Group the questions. prose: other text.

        Raises UsageError if no passage holds a source of any question, and for other text without a share, or a share
        without text.
        """
        self._index, self._recipe, self._prose = index, recipe, prose
        if bool(recipe.prose) != bool(prose.strip()):
            raise UsageError(
                f"the recipe's share of other text is {recipe.prose:g}, and {len(prose):,} characters of it are given",
                hint="give --prose with a recipe that has a share of it, and not without",
            )
        groups: dict[int, list[AskedQuestion]] = {}
        for question in questions:
            if len(question.sources) == 1 and (right := holding(index, question.sources[0])) is not None:
                groups.setdefault(right, []).append(question)
        self._alike = list(groups.values())
        self._joining = [[question] for question in questions if len(question.sources) > 1]
        joined = (source for [question] in self._joining for source in question.sources)
        if not self._alike and all(holding(index, source) is None for source in joined):
            raise UsageError(
                "no passage of the text holds a source of the questions", hint="name the text that they are about"
            )

    def draw(self) -> Iterator[Context | OtherText]:
        """Yield `recipe.contexts` examples, the same for the same recipe.

        Raises UsageError if none comes of the questions, as where every passage is missing and no refusal is asked for.
        """
        draw = random.Random(self._recipe.seed)
        alike, joining = _in_turn(self._alike, draw), _in_turn(self._joining, draw)
        made = vain = 0
        while made < self._recipe.contexts:
            if draw.random() < self._recipe.prose:
                made += 1
                yield self._stretch(draw)
                continue
            joins = not self._alike or (self._joining and draw.random() < self._recipe.joining)
            if context := self._context(next(joining if joins else alike), draw):
                made, vain = made + 1, 0
                yield context
            elif (vain := vain + 1) > max(MOST_VAIN, MOST_ROUNDS * (len(self._alike) + len(self._joining))):
                raise UsageError(
                    "no question can be asked about the passages that the recipe shows",
                    hint="lower missing or raise unanswerable in the recipe, or name a longer text with --data",
                )

    def _stretch(self, draw: random.Random) -> OtherText:
        characters = MOST_CHARACTERS * self._recipe.prose_tokens
        first = draw.randrange(max(1, len(self._prose) - characters))
        return OtherText(self._prose[first : first + characters])

    def _context(self, group: Sequence[AskedQuestion], draw: random.Random) -> Context | None:
        holders = (holding(self._index, source) for source in group[0].sources)
        right = list(dict.fromkeys(number for number in holders if number is not None))
        if not right:
            return None
        shown_numbers = set(right) if draw.random() >= self._recipe.missing else set()
        wanted = draw.choices(range(1, len(self._recipe.passages) + 1), self._recipe.passages)[0]
        found = self._index.with_words(telling(draw.choice(group).question), SEARCHED)
        others = [number for number in found if number not in right]
        shown_numbers.update(others[: max(0, wanted - len(shown_numbers))])
        if not shown_numbers:
            return None
        passages = [self._index.passage(number) for number in sorted(shown_numbers)]
        asked = tuple(self._asked(group, passages, draw))
        return Context(shown([_excerpt(passage, draw) for passage in passages]), asked) if asked else None

    def _asked(
        self, group: Sequence[AskedQuestion], passages: Sequence[Passage], draw: random.Random
    ) -> Iterator[Lesson]:
        text = "\n".join(passage.text for passage in passages)
        for one in draw.sample(group, min(len(group), MOST_QUESTIONS)):
            if one.answers and all(is_in(source, text) for source in one.sources):
                yield Lesson(one.question, one.answers[0])
            elif draw.random() < self._recipe.unanswerable and not any(is_in(said, text) for said in one.answers):
                yield Lesson(one.question, REFUSAL)


def _in_turn(groups: Sequence[list[AskedQuestion]], draw: random.Random) -> Iterator[list[AskedQuestion]]:
    """Yield all groups in a drawn order, again and again."""
    while groups:
        yield from draw.sample(groups, len(groups))


def _excerpt(passage: Passage, draw: random.Random) -> Excerpt:
    moved = replace(passage, first_line=draw.randint(1, 9999))
    return Excerpt(moved, 0, len(passage.text), draw.choice(FILES))
