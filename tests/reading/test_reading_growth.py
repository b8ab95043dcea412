"""A file that has grown is read on from its old state; the tokens at its old end may be others now."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from readers import (
    KINDS,
    SEGMENT,
    SENTENCE,
    assert_close,
    document,
    document_ids,
    fed_ids,
    read_all,
    reader,
    stretch_of,
)

WORDS = [
    "truth",
    " universally",
    " ack",
    "nowledged, ",
    "\n",
    "\n\n",
    "   ",
    "48",
    "213",
    "汉",
    "é",
    "<end_",
    "of_turn>",
]
AS_A_WHOLE = ("heavy", "state-vector")  # an open segment is read as a whole or not at all
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map("".join)


def ids_kept(kind: str, old: list[int], new: list[int]) -> int:
    """Count the ids read earlier that are good: the common ones, unless a closed segment holds others."""
    common = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
    closed = len(old) if kind == "full" else len(old) // SEGMENT * SEGMENT
    if kind in AS_A_WHOLE and common < len(old):
        return closed if common >= closed else 0
    return common if common >= closed else 0


@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXTS, tail=TEXTS, tokens=st.sampled_from([SEGMENT, 3 * SEGMENT, 1000]))
@example(text=SENTENCE * 9 + "universal", tail="ly acknowledged", tokens=1000)
@example(text=SENTENCE * 9 + "\n\n", tail="\n\n\nChapter", tokens=SEGMENT)
@example(text=SENTENCE * 9, tail="However", tokens=SEGMENT)
@settings(max_examples=20)
def test_the_grown_document_is_read_on_and_the_state_is_that_of_a_whole_read(
    kind: str, text: str, tail: str, tokens: int
) -> None:
    tiny = reader(kind, dtype="float64")
    old, new = document_ids(tiny, text), document_ids(tiny, text + tail)
    with stretch_of(tokens):
        start = read_all(tiny, document(text))[-1].bookmark
        with fed_ids(tiny.model) as fed:
            grown = read_all(tiny, document(text + tail), start)[-1]
        whole = read_all(tiny, document(text + tail))[-1]
    assert fed == new[ids_kept(kind, old, new) :]
    assert grown.tokens_read_now == len(fed)
    assert_close(grown.bookmark.state, whole.bookmark.state)
    assert grown.bookmark.open_ids == whole.bookmark.open_ids
    assert grown.bookmark.ids_sha256 == whole.bookmark.ids_sha256
    assert grown.bookmark.file_tokens == whole.bookmark.file_tokens
    assert grown.bookmark.complete


def text_ending_inside_a_segment(kind: str, end: str) -> str:
    """Several segments, the last with at least three tokens before `end`."""
    tiny = reader(kind, dtype="float64")
    for words in range(SEGMENT):
        text = SENTENCE * 8 + " truth" * words + end
        if len(document_ids(tiny, text)) % SEGMENT in range(6, SEGMENT - 2):
            return text
    raise AssertionError("no such text")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "full"])
@pytest.mark.parametrize(
    ("end", "tail"), [(" univers", "ally said"), ("\n\n", "\n\nmore"), (" 4", "8213."), ("é", "t")]
)
def test_a_last_word_that_goes_on_costs_its_own_tokens_only(kind: str, end: str, tail: str) -> None:
    tiny, text = reader(kind, dtype="float64"), text_ending_inside_a_segment(kind, end)
    start = read_all(tiny, document(text))[-1].bookmark
    grown = read_all(tiny, document(text + tail), start)[-1]
    added = len(document_ids(tiny, text + tail)) - len(document_ids(tiny, text))
    again = len(start.open_ids) if kind in AS_A_WHOLE else 0
    assert grown.tokens_read_now <= added + again + 6
    assert_close(grown.bookmark.state, read_all(tiny, document(text + tail))[-1].bookmark.state)


def test_an_unfinished_read_is_gone_on_from_in_the_grown_file() -> None:
    tiny = reader("gated", dtype="float64")
    with stretch_of(SEGMENT):
        start = read_all(tiny, document(SENTENCE * 9))[3].bookmark
        grown = read_all(tiny, document(SENTENCE * 11), start)[-1]
    assert grown.tokens_read_now == len(document_ids(tiny, SENTENCE * 11)) - 4 * SEGMENT
    assert_close(grown.bookmark.state, read_all(tiny, document(SENTENCE * 11))[-1].bookmark.state)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_whose_beginning_changed_is_read_from_zero(kind: str) -> None:
    tiny = reader(kind, dtype="float64")
    start = read_all(tiny, document(SENTENCE * 9))[-1].bookmark
    changed = "J" + SENTENCE[1:] + SENTENCE * 9
    with fed_ids(tiny.model) as fed:
        last = read_all(tiny, document(changed), start)[-1]
    assert fed == document_ids(tiny, changed)
    assert last.tokens_read_now == len(fed)
    assert_close(last.bookmark.state, read_all(tiny, document(changed))[-1].bookmark.state)


def test_a_file_that_ended_inside_a_character_is_read_on_before_it() -> None:
    """The half character was a wrong byte; whole again, it is read as what it is."""
    tiny, text = reader("linear", dtype="float64"), SENTENCE * 9 + "caf\u00e9 and more"
    half = text.encode()[: -len("\u00a9 and more".encode()) + 1]
    cut = document(half)
    start = read_all(tiny, cut)[-1].bookmark
    grown = read_all(tiny, document(text), start)[-1]
    assert cut.files[0].encoding == "lossy-utf-8"
    assert_close(grown.bookmark.state, read_all(tiny, document(text))[-1].bookmark.state)


def test_stretches_end_where_those_of_a_whole_read_do() -> None:
    tiny = reader("gated", dtype="float64")
    with stretch_of(3 * SEGMENT):
        start = read_all(tiny, document(SENTENCE * 9))[-1].bookmark
        grown = [step.bookmark.state.position for step in read_all(tiny, document(SENTENCE * 16), start)]
        whole = [step.bookmark.state.position for step in read_all(tiny, document(SENTENCE * 16))]
    assert len(grown) > 3
    assert grown == whole[-len(grown) :]
