"""A bias moves an answer's first token, and no other; an adapter that reads passages is asked with them alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from readers import SENTENCE, document, fed_ids, opening, reader
from torch import Tensor

from gemma10m.adapters.about import NOTHING_KNOWN, AboutAdapter
from gemma10m.answering.answer import NO_BIAS, speak
from gemma10m.answering.conversation import Conversation, reply
from gemma10m.answering.sampling import Sampling
from gemma10m.library.chat import conversation_of_passages, refusal_bias
from gemma10m.library.read_source import read_document
from gemma10m.library.reading import Reading
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.passages.statements import REFUSAL
from gemma10m.terminal import Terminal
from gemma10m.tokens.prompt import Prompt

SAID = (400, 500, 600)
READS = AboutAdapter(reads_passages=True, refusal_bias=2.0, strict_bias=5.0)


class Steady:
    """Behave like a model that says three ids and would say `other` nearly as soon, each time."""

    def __init__(self, other: int) -> None:
        self.other, self.asked = other, list[list[int]]()

    def __call__(self, ids: Tensor, state: int, logits: str) -> tuple[Tensor, int]:
        following = torch.zeros(1, 1, 1040)
        following[0, 0, self.other] = 8.0
        following[0, 0, SAID[len(self.asked)]] = 9.0
        self.asked.append(ids[0].tolist())
        return following, state + ids.shape[1]


def said(bias: Mapping[int, float], other: int = 700) -> list[int]:
    """Return the ids that are chosen: all but the last are read again."""
    model, sampling = Steady(other), Sampling(max_new_tokens=3)
    speaking = speak(model, reader().tokenizer, 0, [5], sampling, True, bias)  # type: ignore[arg-type]
    while True:
        try:
            next(speaking)
        except StopIteration as end:
            return [ids[0] for ids in model.asked[1:]] + end.value[1]


def test_a_bias_moves_the_first_token_alone() -> None:
    assert said(NO_BIAS) == list(SAID)
    assert said({700: 0.5}) == list(SAID)
    assert said({700: 1.5}) == [700, *SAID[1:]]
    assert said({400: -1.5}) == [700, *SAID[1:]]
    assert said({800: 100.0, 700: 1.5}) == [800, *SAID[1:]]


def test_a_bias_reaches_the_first_token_of_a_reply() -> None:
    model = Steady(700)
    replying = reply(model, reader().tokenizer, Conversation(0), "Who?", Sampling(max_new_tokens=2), "", {700: 1.5})  # type: ignore[arg-type]
    assert list(replying)
    assert model.asked[1] == [700]


@pytest.mark.parametrize("turns", [False, True])
def test_the_bias_is_of_the_first_token_that_training_taught(turns: bool) -> None:
    """An answer follows `Answer:` with a space, and a turn's opening without one."""
    tiny = replace(reader(turns=turns), about=READS)
    encode = tiny.tokenizer.encode
    first = Prompt(tiny.tokenizer).answer(REFUSAL)[0]
    assert encode(REFUSAL)[0] != encode(f" {REFUSAL}")[0]
    assert first == encode(REFUSAL if turns else f" {REFUSAL}")[0]
    assert refusal_bias(tiny, strict=False) == {first: 2.0}
    assert refusal_bias(tiny, strict=True) == {first: 5.0}


def test_without_an_adapter_that_refuses_there_is_no_bias() -> None:
    for about in (NOTHING_KNOWN, replace(READS, refusal_bias=0.0), replace(READS, reads_passages=False)):
        assert refusal_bias(replace(reader(), about=about), strict=False) == {}


def test_the_conversation_of_passages_begins_with_the_prompt_s_opening() -> None:
    tiny = reader()
    found = conversation_of_passages(tiny)
    assert (list(found.unread), found.turns, found.state.position) == (opening(tiny), 0, 0)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("reads_passages", [True, False])
def test_an_adapter_that_reads_passages_is_asked_as_it_was_trained(reads_passages: bool) -> None:
    tiny = replace(reader("full", turns=False), about=replace(READS, reads_passages=reads_passages))
    source = read_document(Terminal(), tiny, document(SENTENCE * 40), None)
    with Reading(Terminal(), tiny, source, RetrievalOptions("200")) as reading, fed_ids(tiny.model) as fed:
        reading.ask("Who is in want of 48213?", Sampling(max_new_tokens=1))
    text = tiny.tokenizer.decode(fed)
    assert "truth universally" in text
    assert text.endswith("\n\nQuestion: Who is in want of 48213?\nAnswer:")
    assert (fed[: len(opening(tiny))] == opening(tiny)) == reads_passages
