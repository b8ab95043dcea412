"""Cases: the answers follow from the facts alone, and training's words and evaluation's unseen ones never meet."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemma10m.tasks import babi, needle, word_lists
from gemma10m.tasks.babi import PEOPLE, draw_babi
from gemma10m.tasks.case import Case, Turn
from gemma10m.tasks.needle import Form, draw_needle
from gemma10m.tasks.passkey import QUESTION, draw_passkey
from gemma10m.tasks.word_lists import ValueKind, make_hard_number, make_name, make_names, make_value
from gemma10m.training.mixture import draw_story

SEEDS = st.integers(0, 10**9)
DEPTHS = st.one_of(st.none(), st.floats(0, 1))
MOVES = [*babi.MOVES, *babi.UNSEEN_MOVES]
TAKES = [*babi.TAKES, *babi.UNSEEN_TAKES]
DROPS = [*babi.DROPS, *babi.UNSEEN_DROPS]
GIVES = [*babi.GIVES, *babi.UNSEEN_GIVES]


class World:
    """Read a story's sentences as somebody would who knows nothing of how they were made."""

    def __init__(self, lines: list[str]) -> None:
        self.place: dict[str, str] = {}
        self.carried: dict[str, set[str]] = {}
        self.trail: dict[str, list[str]] = {}
        self.gifts: list[tuple[str, str, str]] = []  # giver, thing, taker
        self.spots: dict[str, tuple[int, int]] = {}
        for line in lines:
            self.read(line)

    def read(self, line: str) -> None:
        if found := re.fullmatch(r"The (\w+) is (\w+) of the (\w+)\.", line):
            far, way, near = found.groups()
            x, y = self.spots.setdefault(near, (0, 0))
            dx, dy = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}[way]
            assert far not in self.spots
            self.spots[far] = (x + dx, y + dy)
        elif found := re.fullmatch(rf"(\w+) (?:{'|'.join(GIVES)}) the (\w+) to (\w+)\.", line):
            self.gifts.append((found[1], found[2], found[3]))
        elif found := re.fullmatch(rf"(\w+) (?:{'|'.join(TAKES)}) the (\w+)\.", line):
            who, thing = found.groups()
            assert all(thing not in things for things in self.carried.values()), "nobody takes what another carries"
            self.carried.setdefault(who, set()).add(thing)
            self.see(thing, self.place[who])
        elif found := re.fullmatch(rf"(\w+) (?:{'|'.join(DROPS)}) the (\w+)\.", line):
            self.carried[found[1]].remove(found[2])
        else:
            found = re.fullmatch(rf"(\w+) (?:{'|'.join(MOVES)}) the (\w+)\.", line)
            assert found, line
            assert self.place.get(found[1]) != found[2], "a move leads somewhere else"
            self.place[found[1]] = found[2]
            for thing in self.carried.get(found[1], set()):
                self.see(thing, found[2])

    def see(self, thing: str, place: str) -> None:
        trail = self.trail.setdefault(thing, [])
        if not trail or trail[-1] != place:
            trail.append(place)

    def neighbour(self, room: str, way: str) -> str:
        x, y = self.spots[room]
        dx, dy = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}[way]
        (found,) = [other for other, spot in self.spots.items() if spot == (x + dx, y + dy)]
        return found

    def answer(self, question: str) -> str:
        if found := re.fullmatch(r"Where is (\w+)\?", question):
            return self.place[found[1]]
        if found := re.fullmatch(r"Where is the (\w+)\?", question):
            return self.trail[found[1]][-1]
        if found := re.fullmatch(r"Where was the (\w+) before the (\w+)\?", question):
            trail = self.trail[found[1]]
            return trail[len(trail) - 1 - trail[::-1].index(found[2]) - 1]
        if found := re.fullmatch(r"What is (\w+) of the (\w+)\?", question):
            return self.neighbour(found[2], found[1])
        if found := re.fullmatch(r"What is the (\w+) (\w+) of\?", question):
            opposite = {"north": "south", "south": "north", "east": "west", "west": "east"}
            return self.neighbour(found[1], opposite[found[2]])
        if found := re.fullmatch(r"Who gave the (\w+) to (\w+)\?", question):
            return [giver for giver, thing, taker in self.gifts if (thing, taker) == found.groups()][-1]
        if found := re.fullmatch(r"Who did (\w+) give the (\w+) to\?", question):
            return [taker for giver, thing, taker in self.gifts if (giver, thing) == found.groups()][-1]
        found = re.fullmatch(r"Who received the (\w+)\?", question)
        assert found, question
        return [taker for _, thing, taker in self.gifts if thing == found[1]][-1]


def value(turn: Turn) -> str:
    """Return what an answer ends with."""
    return turn.answer.removesuffix(".").split(" ")[-1]


def story(case: Case) -> list[str]:
    return [fact.text for fact in case.facts]


@given(SEEDS, st.integers(1, 5), st.integers(1, 20), st.integers(1, 4), DEPTHS, st.booleans())
def test_every_babi_answer_follows_from_the_story(
    seed: int, task: int, sentences: int, questions: int, depth: float | None, unseen: bool
) -> None:
    case = draw_babi(random.Random(seed), task, sentences=sentences, questions=questions, depth=depth, unseen=unseen)
    world = World(story(case))
    assert 1 <= len(case.turns) <= questions
    for turn in case.turns:
        assert value(turn) == world.answer(turn.question), story(case)


@given(SEEDS, st.integers(1, 5), st.floats(0.01, 0.99))
def test_the_last_fact_that_a_babi_question_needs_stands_at_the_depth(seed: int, task: int, depth: float) -> None:
    case = draw_babi(random.Random(seed), task, sentences=9, depth=depth)
    depths, lines, turn = [fact.depth for fact in case.facts], story(case), case.turns[0]
    assert depths == sorted(depths)
    needed = depths.index(depth)
    assert _answer_so_far(lines[: needed + 1], turn.question) == value(turn)
    if task in (1, 2, 4):  # in the others the same may have happened before
        assert _answer_so_far(lines[:needed], turn.question) != value(turn)


def _answer_so_far(lines: list[str], question: str) -> str | None:
    try:
        return World(lines).answer(question)
    except (KeyError, IndexError, ValueError):
        return None


@pytest.mark.parametrize("task", range(1, 6))
def test_blind_guessing_at_babi_is_right_as_often_as_is_said(task: int) -> None:
    """Nobody who sees the question alone can do better."""
    draw = random.Random(task)
    turns = [turn for _ in range(4000) for turn in draw_babi(draw, task).turns]
    right = 0
    for turn in turns:
        choices = babi.PEOPLE if turn.question.startswith("Who") else babi.PLACES
        right += value(turn) == draw.choice([choice for choice in choices if choice not in turn.question])
    chance = sum(turn.chance for turn in turns) / len(turns)
    assert abs(right / len(turns) - chance) < 4 * (chance / len(turns)) ** 0.5


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (r"Where is (\w+)\?", r"{} is in the \w+\."),
        (r"Where is the (\w+)\?", r"The {} is in the \w+\."),
        (r"Where was the (\w+) before the (\w+)\?", r"Before the {1} the {0} was in the \w+\."),
        (r"What is north of the (\w+)\?", r"North of the {} is the \w+\."),
        (r"What is the (\w+) west of\?", r"The {} is west of the \w+\."),
        (r"Who gave the (\w+) to (\w+)\?", r"The {} was given to {} by \w+\."),
        (r"Who did (\w+) give the (\w+) to\?", r"{} gave the {} to \w+\."),
        (r"Who received the (\w+)\?", r"The {} was given to \w+\."),
    ],
)
def test_an_answer_names_what_was_asked_for_before_it_answers(question: str, answer: str) -> None:
    draw = random.Random(0)
    turns = [turn for task in (1, 2, 3, 4, 5) for _ in range(40) for turn in draw_babi(draw, task).turns]
    asked = [(found, turn) for turn in turns if (found := re.fullmatch(question, turn.question))]
    assert asked
    for found, turn in asked:
        assert re.fullmatch(answer.format(*found.groups()), turn.answer), turn


def test_unseen_words_and_sentences_are_never_drawn_in_training() -> None:
    assert not set(word_lists.UNSEEN_ADJECTIVES) & set(word_lists.ADJECTIVES)
    assert not set(word_lists.UNSEEN_NOUNS) & set(word_lists.NOUNS)
    assert not set(babi.UNSEEN_PEOPLE) & set(babi.PEOPLE)
    seen = {word for verbs in (babi.MOVES, babi.TAKES, babi.DROPS, babi.GIVES) for word in verbs}
    unseen = {
        word for verbs in (babi.UNSEEN_MOVES, babi.UNSEEN_TAKES, babi.UNSEEN_DROPS, babi.UNSEEN_GIVES) for word in verbs
    }
    assert not seen & unseen
    assert not set(needle.TRAINED_SENTENCES) & set(needle.UNSEEN_SENTENCES)
    assert not set(needle.TRAINED_QUESTIONS) & set(needle.UNSEEN_QUESTIONS)
    draw = random.Random(5)
    known = {make_name(draw) for _ in range(20000)}
    assert not known & {make_name(draw, unseen=True) for _ in range(2000)}


def test_unseen_people_and_verbs_are_not_those_of_the_demo_s_training_prose() -> None:
    """These were counted in Austen's novels but for Persuasion, which evaluation reads."""
    told = {"walked into", "stepped into", "carried off", "laid down", "set aside", "presented", "handed over"}
    verbs = {*babi.UNSEEN_MOVES, *babi.UNSEEN_TAKES, *babi.UNSEEN_DROPS, *babi.UNSEEN_GIVES}
    assert not verbs & told
    assert not set(babi.UNSEEN_PEOPLE) & {"Henry", "Alice", "Clara", "Martin", "Oliver"}
    assert (len(verbs), len(set(babi.UNSEEN_PEOPLE))) == (6, len(babi.PEOPLE))


@given(SEEDS, st.integers(1, 6), st.floats(0, 1), st.sampled_from(["number", "word", "uuid"]), st.booleans())
def test_the_asked_needle_is_the_last_word_on_its_name(
    seed: int, facts: int, depth: float, kind: ValueKind, unseen: bool
) -> None:
    forms: tuple[Form, ...] = ("single", "multi-key", "update")
    for form in forms:
        count = 1 if form == "single" else facts
        case = draw_needle(random.Random(seed), form, depth, facts=count, kind=kind, unseen=unseen)
        (turn,) = case.turns
        ordered = sorted(case.facts, key=lambda fact: fact.depth)
        name = next(name for name in re.findall(r"\w+-\w+(?![\w-])", turn.question))
        mine = [fact for fact in ordered if re.search(rf"\b{name}\b", fact.text)]
        assert turn.answer == f"The magic {kind} for {name} is: {value(turn)}."
        assert value(turn) in mine[-1].text
        assert mine[-1].depth == depth
        assert len(mine) == (2 if form == "update" else 1)
        assert len(ordered) == count + (form == "update")
        assert not unseen or name in {f"{a}-{n}" for a in word_lists.UNSEEN_ADJECTIVES for n in word_lists.UNSEEN_NOUNS}


@given(SEEDS, st.integers(2, 6), st.floats(0, 1))
def test_several_values_are_asked_for_in_the_order_that_the_text_or_the_question_has(
    seed: int, facts: int, depth: float
) -> None:
    values = draw_needle(random.Random(seed), "multi-value", depth, facts=facts)
    told = [re.findall(r"\d{5}", fact.text)[0] for fact in sorted(values.facts, key=lambda fact: fact.depth)]
    name = values.turns[0].question.removesuffix("?").split(" for ")[1]
    assert values.turns[0].answer == f"The magic numbers for {name} are: {', '.join(told)}."
    queries = draw_needle(random.Random(seed), "multi-query", depth, facts=facts)
    numbers = {
        fact.text.split(" for ")[1].split(" is")[0]: re.findall(r"\d{5}", fact.text)[0] for fact in queries.facts
    }
    asked = queries.turns[0].question.removesuffix("?").split(" for ")[1].replace(" and ", ", ").split(", ")
    assert queries.turns[0].answer == " ".join(f"The magic number for {name} is: {numbers[name]}." for name in asked)
    assert values.turns[0].chance == queries.turns[0].chance == pytest.approx((1 / 90000) ** facts)


def test_a_guessed_word_is_right_as_often_as_is_said() -> None:
    draw = random.Random(0)
    counts = Counter(make_value(draw, "word") for _ in range(100_000))
    assert set(counts) == {*word_lists.ADJECTIVES, *word_lists.NOUNS}
    commonest = sum(counts[word] for word in word_lists.ADJECTIVES) / len(word_lists.ADJECTIVES) / 100_000
    assert commonest == pytest.approx(needle.CHANCE["word"], rel=0.02)


def test_names_and_values() -> None:
    draw = random.Random(0)
    hard = [make_hard_number(draw) for _ in range(400)]
    assert all(re.fullmatch(r"[1-9]\d{4}", number) for number in [*hard, *(make_value(draw) for _ in range(100))])
    assert sum(len(set(number)) <= 3 for number in hard) > 180
    assert re.fullmatch(r"[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}", make_value(draw, "uuid"))
    assert len(set(make_names(draw, 150, unseen=True))) == 150


def test_the_passkey_is_the_paper_s() -> None:
    case = draw_passkey(random.Random(1), 0.25)
    (fact,), (turn,) = case.facts, case.turns
    assert fact.depth == 0.25
    assert fact.text == f"The pass key is {turn.answer}. Remember it. {turn.answer} is the pass key."
    assert (turn.question, turn.chance) == (QUESTION, 1 / 90000)
    assert case.raw
    assert draw_passkey(random.Random(1), 0.25) == case != draw_passkey(random.Random(2), 0.25)


def test_stories_of_training_are_short_as_often_as_long_and_move_somebody_twice() -> None:
    draw = random.Random(3)
    stories = [draw_story(draw, 34, 9) for _ in range(400)]
    lengths = [len(story.facts) for story in stories]
    assert 150 < sum(length <= 5 for length in lengths) < 300
    assert sum(length == 1 for length in lengths) > 20
    assert max(lengths) > 30
    pairs = [story.facts for story in stories if len(story.facts) == 2]
    people = [{fact.text.split()[0] for fact in pair} & set(PEOPLE) for pair in pairs]
    assert sum(len(names) == 1 for names in people) > len(people) / 4
    assert all(story.turns for story in stories)
