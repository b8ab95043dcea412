"""Write cases as rows of ids of one exact length: opening, haystack with its facts, questions and answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m.errors import UsageError
from gemma10m.tasks.case import Case, Turn
from gemma10m.tasks.haystack import Prose, ProseSpan
from gemma10m.tasks.question_set import AskedQuestion
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt


@dataclass(frozen=True)
class TrainingRow:
    ids: Tensor  # (S,) int64
    answers: tuple[slice, ...]  # where each turn's answer and its stop stand
    haystack: tuple[slice, ...]  # where nothing stands that is asked for


@dataclass(frozen=True)
class Script:
    """Hold a row before it is ids: its parts, in order."""

    parts: tuple[Tensor | ProseSpan, ...]
    answers: tuple[slice, ...]
    haystack: tuple[slice, ...] = ()  # where nothing stands that is asked for
    closing: int = 0  # tokens from the first question on

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def cut(self, first: int, stop: int) -> Tensor:
        """Return the ids from `first` to `stop`."""
        found, start = [torch.empty(0, dtype=torch.int64)], 0
        for part in self.parts:
            inside = max(first - start, 0), min(stop - start, len(part))
            if inside[0] < inside[1]:
                found.append(part.cut(*inside) if isinstance(part, ProseSpan) else part[slice(*inside)])
            start += len(part)
        return torch.cat(found)  # (stop - first)


class Writer:
    def __init__(self, tokenizer: Tokenizer, prose: Sequence[Prose], questions: Sequence[AskedQuestion] = ()) -> None:
        """Write with this prose as haystacks; `questions` are there to be drawn."""
        self.tokenizer, self.prose, self.questions = tokenizer, prose, questions
        self.prompt = Prompt(tokenizer)
        self._haystacks: dict[str, Prose] = {}

    def row(self, case: Case, length: int, draw: random.Random) -> TrainingRow:
        """Return one row of ids. Raises UsageError if facts and questions alone are longer than `length` tokens."""
        script = self.script(case, length, draw)
        return TrainingRow(script.cut(0, length), script.answers, script.haystack)

    def script(self, case: Case, length: int, draw: random.Random) -> Script:
        """Return one row before it is ids; `draw` chooses the haystack and where in it the document starts."""
        opening = self._opening(case)
        turns = [(self._question(case, turn), self._answer(case, turn)) for turn in case.turns]
        closing: list[int] = []
        answers: list[tuple[int, int]] = []
        for question, answer in turns:
            closing += question
            answers.append((len(closing), len(closing) + len(answer)))
            closing += answer
        document, asked = zip(*self._document(case, length - len(opening) - len(closing), draw), strict=True)
        first = length - len(closing)
        parts = (torch.tensor(opening), *document, torch.tensor(closing))
        return Script(
            parts,
            tuple(slice(first + start, first + stop) for start, stop in answers),
            tuple(_haystack(parts, (True, *asked, True))),
            len(closing),
        )

    def least(self, case: Case) -> int:
        """Count the tokens of everything but the haystack."""
        encode = self.tokenizer.encode
        facts = sum(max(len(encode(f" {fact.text}")), len(encode(f"\n{fact.text}"))) for fact in case.facts)
        return len(self._opening(case)) + facts + self.closing_tokens(case)

    def closing_tokens(self, case: Case) -> int:
        """Count the tokens of the questions and answers."""
        return sum(len(self._question(case, turn)) + len(self._answer(case, turn)) for turn in case.turns)

    def _opening(self, case: Case) -> list[int]:
        opening = [self.tokenizer.first] if case.raw else self.prompt.opening()
        return opening + (self.tokenizer.encode(case.opening) if case.opening else [])

    def _question(self, case: Case, turn: Turn) -> list[int]:
        return self.tokenizer.encode(f" {turn.question}") if case.raw else self.prompt.question(turn.question)

    def _answer(self, case: Case, turn: Turn) -> list[int]:
        return [*self.tokenizer.encode(f" {turn.answer}" if case.raw else turn.answer), self.prompt.stop]

    def _document(self, case: Case, room: int, draw: random.Random) -> Iterator[tuple[Tensor | ProseSpan, bool]]:
        """Return the document's parts, and if they are asked for."""
        prose = self.haystack(case, draw)
        start = 0 if case.haystack else draw.randrange(prose.ids.numel())
        facts = sorted(case.facts, key=lambda fact: fact.depth)
        spaced = [self.tokenizer.encode(f" {fact.text}") for fact in facts]
        lined = [self.tokenizer.encode(f"\n{fact.text}") for fact in facts]
        left = room - sum(max(len(a), len(b)) for a, b in zip(spaced, lined, strict=True))
        if left < 0:
            raise UsageError(f"the facts and questions need {-left} tokens more than the length asked for")
        last = 0
        for fact, after_word, after_line in zip(facts, spaced, lined, strict=True):
            place, line = prose.place(start, int(fact.depth * left))
            written = torch.tensor(after_line if line else after_word)
            yield ProseSpan(prose, start + last, place - last), False
            yield written, not fact.stray
            last, room = place, room - len(written)
        yield ProseSpan(prose, start + last, room - last), False

    def haystack(self, case: Case, draw: random.Random) -> Prose:
        """Return the case's own text, one repeat of it, or prose that is drawn."""
        if case.haystack is None:
            return draw.choice(self.prose)
        if case.haystack not in self._haystacks:
            ids = torch.tensor(self.tokenizer.encode(f" {case.haystack}"))  # one repeat
            self._haystacks[case.haystack] = Prose(ids, torch.tensor([0]), torch.tensor([False]))
        return self._haystacks[case.haystack]


def _haystack(parts: Sequence[Tensor | ProseSpan], asked: Sequence[bool]) -> Iterator[slice]:
    """Return where parts that nobody asks for are, neighbours together."""
    start = stop = 0
    for part, is_asked in zip(parts, asked, strict=True):
        if is_asked:
            yield slice(start, stop)
            start = stop + len(part)
        stop += len(part)
