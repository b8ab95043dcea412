"""Documents: exactly as long as asked, every fact at its depth and between words, the rest as the book has it."""

from __future__ import annotations

import random
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from readers import checkpoint

from gemma10m.errors import UsageError
from gemma10m.tasks.babi import draw_babi
from gemma10m.tasks.case import Case, Fact, Turn
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.needle import draw_needle
from gemma10m.tasks.passkey import FILLER, OPENING, draw_passkey
from gemma10m.tasks.writer import Script, Writer
from gemma10m.tokens import Tokenizer, load_tokenizer

BOOK = "It was a fine day, and they walked on.\nThe house stood  still; nobody spoke of it — again.\n\n" * 11 + "End"
SEEDS = st.integers(0, 10**9)


@cache
def tokenizer(turns: bool = True) -> Tokenizer:
    return load_tokenizer(checkpoint(turns=turns))


@cache
def prose() -> Prose:
    return Prose.of(tokenizer(), BOOK)


@cache
def writer(turns: bool = True) -> Writer:
    return Writer(tokenizer(turns), [prose()])


def draw_case(draw: random.Random, depth: float) -> Case:
    return draw.choice(
        [
            draw_needle(draw, "multi-key", depth, facts=3),
            draw_needle(draw, "update", depth, kind="word", unseen=True),
            draw_babi(draw, draw.randint(1, 5), sentences=5, depth=depth),
        ]
    )


def find(ids: list[int], wanted: list[int], start: int = 0) -> int:
    """Return where it is, or the end when it is not there."""
    places = (i for i in range(start, len(ids) - len(wanted) + 1) if ids[i : i + len(wanted)] == wanted)
    return next(places, len(ids))


@given(SEEDS, st.integers(0, 700), st.floats(0, 1), st.booleans())
def test_a_document_is_the_book_with_the_facts_in_it(seed: int, more: int, depth: float, turns: bool) -> None:
    draw, write = random.Random(seed), writer(turns)
    case = draw_case(draw, depth)
    length = write.least(case) + more
    row = write.row(case, length, draw)
    ids = row.ids.tolist()
    assert (row.ids.dtype, len(ids)) == (torch.int64, length)
    opening = write.prompt.opening()
    assert ids[: len(opening)] == opening
    (answer,), (turn,) = row.answers, case.turns
    assert answer.stop == length
    assert ids[answer] == [*tokenizer().encode(turn.answer), write.prompt.stop]
    question = write.prompt.question(turn.question)
    assert ids[answer.start - len(question) : answer.start] == question
    document = ids[len(opening) : answer.start - len(question)]
    assert_the_facts_stand_in_the_book(document, case)


def assert_the_facts_stand_in_the_book(document: list[int], case: Case) -> None:
    encode = tokenizer().encode
    written = sum(len(encode(f"\n{fact.text}")) for fact in case.facts)
    rest: list[int] = []
    last = 0
    for fact in sorted(case.facts, key=lambda fact: fact.depth):
        starts = {find(document, form, last): len(form) for form in (encode(f" {fact.text}"), encode(f"\n{fact.text}"))}
        at = min(starts)
        rest, last = rest + document[last:at], at + starts[at]
        assert abs(at - fact.depth * len(document)) <= written + 20, "the longest word has less than 20 tokens"
        following = tokenizer().decode(document[last:])[:1]
        # at the very start the book may begin inside a word
        assert following in ("", " ", "\n") or not rest
    rest += document[last:]
    book = prose().ids.tolist()
    repeated = book * (len(rest) // len(book) + 2)
    assert any(repeated[start : start + len(rest)] == rest for start in range(len(book)))


@given(SEEDS, st.integers(0, 700), st.floats(0, 1), st.data())
def test_any_part_of_a_script_is_that_part_of_the_row(seed: int, more: int, depth: float, data: st.DataObject) -> None:
    draw = random.Random(seed)
    case = draw.choice([draw_case(draw, depth), draw_passkey(draw, depth)])
    length = writer().least(case) + more
    row = writer().row(case, length, random.Random(seed))
    script = writer().script(case, length, random.Random(seed))
    first = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(first, length))
    assert len(script) == length
    assert script.answers == row.answers
    assert torch.equal(script.cut(first, stop), row.ids[first:stop])


@given(st.integers(0, 400), st.integers(0, 2000))
def test_a_place_is_the_nearest_before_a_word_or_a_line_s_end(start: int, offset: int) -> None:
    text = prose()
    size = text.ids.numel()
    start %= size
    place, line = text.place(start, offset)
    known = {int(each): bool(after) for each, after in zip(text.places, text.after_line, strict=True)}
    nearest = next((at for at in range(offset, 0, -1) if (start + at) % size in known), 0)
    assert place == nearest
    assert line == known.get((start + place) % size, False)


def test_a_text_without_words_takes_facts_at_its_start() -> None:
    text = Prose.of(tokenizer(), "x" * 50)
    assert text.places.numel() == 0
    assert text.place(3, 20) == (0, False)


@pytest.mark.parametrize("depth", [0.0, 0.31, 1.0])
def test_the_passkey_document_is_the_paper_s(depth: float) -> None:
    case = draw_passkey(random.Random(3), depth)
    ids = writer().row(case, 700, random.Random(0)).ids.tolist()
    key = case.turns[0].answer
    assert ids[0] == tokenizer().bos
    text = tokenizer().decode(ids)
    filler = text.removeprefix(OPENING).split(" What is the pass key?")[0].replace(f" {case.facts[0].text}", "")
    assert (f" {FILLER}" * 100).startswith(filler)
    assert text.endswith(f" What is the pass key? The pass key is {key}")
    assert text.count(key) == 3
    before = text.index(case.facts[0].text)
    assert abs(before / len(text) - depth) < 0.25


def test_a_length_that_is_too_short_is_refused() -> None:
    case = draw_needle(random.Random(0), "single", 0.5)
    least = writer().least(case)
    assert len(writer().row(case, least, random.Random(0)).ids) == least
    with pytest.raises(UsageError, match=r"need \d+ tokens more than the length asked for"):
        writer().row(case, least - 10, random.Random(0))


def test_equal_depths_keep_the_order_given() -> None:
    facts = tuple(Fact(f"Fact number {word}.", 0.5) for word in ("one", "two", "three"))
    text = tokenizer().decode(writer().row(Case(facts, (Turn("Which?", "that"),)), 300, random.Random(0)).ids.tolist())
    assert text.index("number one") < text.index("number two") < text.index("number three")


def test_a_script_of_ten_million_tokens_is_small() -> None:
    case = draw_needle(random.Random(0), "single", 0.5)
    script: Script = writer().script(case, 10_000_000, random.Random(0))
    held = sum(part.nbytes for part in script.parts if isinstance(part, torch.Tensor))
    assert len(script) == 10_000_000
    assert held < 10_000
    assert "magic number" in tokenizer().decode(script.cut(4_990_000, 5_000_100).tolist())
