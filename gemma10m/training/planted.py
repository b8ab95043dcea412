"""Planted facts: one sentence somewhere in real prose, and the question that asks for it at the end.

The sentence and the question are those of RULER's needle task (arXiv 2404.06654).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m.answering.prompt import Prompt
from gemma10m.tokens import Tokenizer

ADJECTIVES = (
    "amber ancient bitter bold brave brief bright calm careful clever cold cosmic crimson curious daring dark deep "
    "distant dusty eager early elegant empty faint fancy fierce frozen gentle giant golden grand green happy heavy "
    "hidden hollow honest humble icy idle jolly keen kind lazy light lively lonely loud lucky mellow merry mighty "
    "misty modest narrow noble old pale patient plain polite proud quick quiet rapid rare restless rough royal rusty "
    "scarlet sharp shy silent silver simple sleepy slow small smooth solemn steady stern still stormy strange swift "
    "tender thin tidy tiny vast velvet violet warm weary wild wise young"
).split()
NOUNS = (
    "acorn anchor anvil apple arrow badger basket beacon bell bishop bottle branch bridge bucket candle canyon castle "
    "cedar chapel cherry cloud comet copper coral cottage cradle crown dagger desert dolphin dragon drum eagle ember "
    "engine falcon feather fiddle forest fountain garden gate glacier granite hammer harbor harvest hawk helmet heron "
    "hill island ivory jacket jewel kettle kitten ladder lake lantern lemon library lion locket maple marble meadow "
    "mirror monkey moon mountain needle oak ocean orchard otter owl palace parrot pebble pepper piano pilot planet "
    "pocket pony prism puzzle quarry quilt rabbit raven ribbon river rocket saddle sailor scholar shadow shepherd "
    "shovel spider sparrow station stone summit table temple thunder tiger tower trumpet tunnel turtle valley village "
    "violin wagon walnut whale willow window winter wolf"
).split()
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"


def make_name(draw: random.Random) -> str:
    """Mostly an adjective and a noun; sometimes words nobody has seen, so that names are copied and not listed."""
    if draw.random() < 0.7:
        return f"{draw.choice(ADJECTIVES)}-{draw.choice(NOUNS)}"
    words = ("".join(draw.choice(CONSONANTS) + draw.choice(VOWELS) for _ in range(draw.randint(2, 3))) for _ in "ab")
    return "-".join(words)


def make_number(draw: random.Random) -> str:
    return str(draw.randint(10000, 99999))


def make_hard_number(draw: random.Random) -> str:
    """Half of them of few digits: `48848` can only be copied by knowing where in the number one is."""
    digits = "0123456789" if draw.random() < 0.5 else draw.sample("0123456789", 3)
    first = draw.choice([digit for digit in digits if digit != "0"])
    return first + "".join(draw.choice(digits) for _ in range(4))


def sentence(name: str, number: str) -> str:
    return f"One of the special magic numbers for {name} is: {number}."


def question(name: str) -> str:
    return f"What is the special magic number for {name}?"


@dataclass(frozen=True)
class Prose:
    """Text as ids, and where a sentence can stand: before a word, or before a line's end."""

    ids: Tensor  # (T,) int64
    places: Tensor  # (P,) int64, sorted
    after_line: Tensor  # (P,) bool: the place is before a newline

    @classmethod
    def of(cls, tokenizer: Tokenizer, text: str) -> Prose:
        ids = torch.tensor(tokenizer.encode(text))
        newline, word = _place_tables(tokenizer, int(ids.max()) + 1)
        places = (newline[ids] | word[ids]).nonzero().squeeze(1)
        return cls(ids, places, newline[ids[places]])


def _place_tables(tokenizer: Tokenizer, size: int) -> tuple[Tensor, Tensor]:
    texts = [tokenizer.decode([token]) for token in range(size)]
    newline = torch.tensor([text.startswith("\n") for text in texts])
    word = torch.tensor([text.startswith(" ") and text.strip() != "" for text in texts])
    return newline, word


@dataclass(frozen=True)
class Case:
    """What is planted in one document: the first fact is the one asked for."""

    names: tuple[str, ...]
    numbers: tuple[str, ...]
    depths: tuple[float, ...]  # 0 the start, 1 the end


def draw_case(
    draw: random.Random, facts: int, depth: float, number: Callable[[random.Random], str] = make_number
) -> Case:
    """The first fact at `depth`, the others anywhere."""
    names: list[str] = []
    while len(names) < facts:
        name = make_name(draw)
        if name not in names:
            names.append(name)
    depths = [depth, *(draw.random() for _ in range(facts - 1))]
    return Case(tuple(names), tuple(number(draw) for _ in names), tuple(depths))


class Planter:
    """Builds rows of ids of one exact length: opening, prose with the facts in it, question, answer."""

    def __init__(self, tokenizer: Tokenizer, prose: Sequence[Prose], distractors: float = 0.0) -> None:
        self.tokenizer, self.prose, self.distractors = tokenizer, prose, distractors
        self.prompt = Prompt(tokenizer)
        self.answer_tokens = len(self._answer("12345"))

    def _answer(self, number: str) -> list[int]:
        return [*self.tokenizer.encode(number), self.prompt.stop]

    def row(self, case: Case, length: int, draw: random.Random) -> list[int]:
        opening = self.prompt.opening()
        closing = self.prompt.question(question(case.names[0])) + self._answer(case.numbers[0])
        room = length - len(opening) - len(closing)
        return opening + self._document(case, room, draw) + closing

    def _document(self, case: Case, room: int, draw: random.Random) -> list[int]:
        prose = draw.choice(self.prose)
        facts = [sentence(name, number) for name, number in zip(case.names, case.numbers, strict=True)]
        inserts = list(zip(case.depths, facts, strict=True))
        inserts += [(draw.random(), make_number(draw)) for _ in range(round(self.distractors * room * draw.random()))]
        space = [self.tokenizer.encode(f" {text}") for _, text in inserts]
        lines = [self.tokenizer.encode(f"\n{text}") for _, text in inserts]
        start = draw.randrange(prose.ids.numel())
        longest = sum(max(len(a), len(b)) for a, b in zip(space, lines, strict=True))
        parts: list[tuple[int, list[int]]] = []
        for (depth, _), spaced, lined in zip(inserts, space, lines, strict=True):
            place, line = self._place(prose, start, int(depth * (room - longest)))
            parts.append((place, lined if line else spaced))
        return _join(_cycle(prose.ids, start, room), sorted(parts), room)

    def _place(self, prose: Prose, start: int, offset: int) -> tuple[int, bool]:
        """The nearest place at or before `start + offset`, counted from `start`, and whether a line ends there."""
        size = prose.ids.numel()
        index = int(torch.searchsorted(prose.places, (start + offset) % size, right=True)) - 1
        back = ((start + offset) % size - int(prose.places[max(index, 0)])) if index >= 0 else 0
        return max(0, offset - back), index >= 0 and bool(prose.after_line[index]) and back <= offset


def _cycle(ids: Tensor, start: int, count: int) -> list[int]:
    """`count` ids from `start`, the text repeated when it ends."""
    parts, left = [ids[start : start + count]], count - (ids.numel() - start)
    while left > 0:
        parts.append(ids[:left])
        left -= ids.numel()
    whole: list[int] = torch.cat(parts).tolist()
    return whole


def _join(prose: list[int], inserts: list[tuple[int, list[int]]], room: int) -> list[int]:
    joined: list[int] = []
    last = 0
    for place, ids in inserts:
        joined += prose[last:place] + ids
        last = place
    return (joined + prose[last:])[:room]
