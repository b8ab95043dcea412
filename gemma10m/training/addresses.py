"""Gather what the layers with a memory get of documents with facts, and of questions read without the document."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from gemma10m.models.decoder import Decoder
from gemma10m.tasks.case import Case
from gemma10m.tasks.writer import Script, Writer
from gemma10m.training.batch import draw_case
from gemma10m.training.heard_inputs import read_and_hear
from gemma10m.training.recipe import HAVE_VALUES, Recipe

LENGTH = 1024  # tokens of a document with its questions
FACTS = 12  # of a document, each asked for: names are told from one another only where there are many
FEW = 3  # at most, of every second document: alone in a memory, a fact comes back where nothing is to be said, too
BEFORE = (16, 64)  # tokens of other prose before the questions


@dataclass(frozen=True)
class Target:
    """Hold where the tokens of an answer's value are asked for, and where the document has them."""

    asked: Tensor  # (Q) int64: of the questions' tokens, those one before a token of the value
    places: Tensor  # (Q) int64


@dataclass(frozen=True)
class AddressedDocument:
    ids: Tensor  # (S) int64
    inputs: Tensor  # (L, S, D): what each of the L layers with a memory gets
    questions: Tensor  # (T) int64: a first token, some other prose, the questions and their answers
    answers: tuple[slice, ...]  # among these, each with the token that stops it
    prose: int  # tokens of them before the first question
    asking: Tensor  # (L, T, D): what each of the layers gets of them
    targets: tuple[Target, ...]
    is_common: bool  # others say something else of the same names, so that only one of them can be in a memory


class PerhapsCommon(Protocol):
    @property
    def is_common(self) -> bool: ...


SomeDocument = TypeVar("SomeDocument", bound=PerhapsCommon)


def draw_together(documents: Sequence[SomeDocument], count: int, draw: random.Random) -> list[SomeDocument]:
    """Draw documents for one memory: `count`, or as many as there are; of the common ones one at most."""
    places = draw.sample(range(len(documents)), min(count, len(documents)))
    extra = [at for at in places if documents[at].is_common][1:]
    others = [at for at, document in enumerate(documents) if not document.is_common and at not in places]
    kept = [at for at in places if at not in extra] + draw.sample(others, min(len(extra), len(others)))
    return [documents[at] for at in kept]


def gather(model: Decoder, writer: Writer, recipe: Recipe, count: int) -> Iterator[AddressedDocument]:
    """Yield `count` documents of the recipe's tasks; those whose answers are not in the document have no targets."""
    tasks = {task: weight for task, weight in recipe.tasks.items() if task in HAVE_VALUES}
    crowded = replace(recipe, tasks=tasks, facts=FACTS, fewest_facts=FACTS, questions=FACTS)
    sparse = replace(crowded, facts=FEW, fewest_facts=1, strays=0)
    for number in range(count):
        draw = random.Random(f"{recipe.seed} address {number}")
        case = _case(writer, sparse if number % 2 else crowded, draw)
        yield _document(model, writer, case, writer.script(case, LENGTH, draw), draw)


def _case(writer: Writer, recipe: Recipe, draw: random.Random) -> Case:
    while True:
        _, case = draw_case(recipe, LENGTH // 2, draw, writer.questions)
        if writer.least(case) < LENGTH:
            return case


def _document(model: Decoder, writer: Writer, case: Case, script: Script, draw: random.Random) -> AddressedDocument:
    ids = script.cut(0, len(script))  # (S)
    opened = len(script) - script.closing
    document, closing = ids[:opened], ids[opened:]
    prose = draw.choice(writer.prose)
    before = prose.cut(draw.randrange(prose.ids.numel()), draw.randint(*BEFORE))
    asking = torch.cat((ids[:1], before, closing))
    skipped = len(asking) - len(closing)
    heard = _inputs(model, asking)  # (L, S, D)
    targets, last, written = [], 0, document.tolist()
    for turn, answer in zip(case.turns, script.answers, strict=True):
        start, stop = answer.start - opened, answer.stop - opened
        said = _said(writer, turn.sentence, written)
        found = _value(writer, closing[last:start].tolist(), closing[start:stop].tolist(), said)
        if found is not None:
            value, first = found
            at = torch.arange(start + value.start, start + value.stop)
            places = torch.arange(first, first + len(at))
            targets.append(Target(skipped + at - 1, places))
        last = stop
    answers = tuple(slice(skipped - opened + each.start, skipped - opened + each.stop) for each in script.answers)
    is_common = any(turn.sentence is not None for turn in case.turns)
    return AddressedDocument(
        document, _inputs(model, document), asking, answers, skipped, heard, tuple(targets), is_common
    )


def _said(writer: Writer, sentence: str | None, document: list[int]) -> list[int]:
    """Return the document up to the end of what says the answer, without what is before it: padded with -1."""
    if sentence is None:
        return document
    after_word, after_line = (writer.tokenizer.encode(f"{lead}{sentence}") for lead in " \n")
    spans = [(_last_place(document, tokens), len(tokens)) for tokens in (after_word, after_line) if sentence]
    first, size = max(((at, size) for at, size in spans if at is not None), default=(0, 0))
    return [-1] * first + document[first : first + size]


def _value(writer: Writer, question: list[int], answer: list[int], document: list[int]) -> tuple[slice, int] | None:
    """Return the answer's value and where the document has it for the last time.

    The value is the longest end of the answer that the document has, from and up to tokens with letters or digits that
    the question does not have.
    """
    decode, known = writer.tokenizer.decode, set(question)
    says = [any(letter.isalnum() for letter in decode([token])) and token not in known for token in answer]
    stop = max((index + 1 for index, new in enumerate(says) if new), default=0)
    for start in (index for index in range(stop) if says[index]):
        if (first := _last_place(document, answer[start:stop])) is not None:
            return slice(start, stop), first
    return None


def _last_place(document: list[int], value: list[int]) -> int | None:
    """Return where the document has the value for the last time: a value that changes counts as it was at last."""
    size = len(value)
    return next((at for at in range(len(document) - size, -1, -1) if document[at : at + size] == value), None)


def _inputs(model: Decoder, ids: Tensor) -> Tensor:
    """Return what each layer with a memory gets: ids (S) -> (L, S, D)."""
    return read_and_hear(model, ids.unsqueeze(0))[1][:, 0]
