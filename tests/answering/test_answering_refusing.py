"""A refusal is decided by the odds of the first token; an adapter that reads passages is asked with them alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from readers import SENTENCE, document, fed_ids, opening, reader
from torch import Tensor

from gemma10m.adapters.about import NOTHING_KNOWN, AboutAnswers
from gemma10m.answering.answer import speak
from gemma10m.answering.conversation import Conversation, reply
from gemma10m.answering.refusing import Refusing
from gemma10m.answering.sampling import Sampling
from gemma10m.library.chat import conversation_of_passages, refusing_of
from gemma10m.library.read_source import read_document
from gemma10m.library.reading import Reading
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.passages.statements import REFUSAL
from gemma10m.terminal import Terminal
from gemma10m.tokens.prompt import Prompt

SAID = (400, 500, 600)
READS = AboutAnswers(reads_passages=True, refusal_bias=2.0, strict_bias=5.0)


class Steady:
    """Behave like a model that says three ids and would say `other` nearly as soon, each time."""

    can_grow = False

    def __init__(self, other: int) -> None:
        self.other, self.asked = other, list[list[int]]()

    def __call__(self, ids: Tensor, state: int, logits: str) -> tuple[Tensor, int]:
        following = torch.zeros(1, 1, 1040)
        following[0, 0, self.other] = 8.0
        following[0, 0, SAID[len(self.asked)]] = 9.0
        self.asked.append(ids[0].tolist())
        return following, state + ids.shape[1]


def said(refusing: Refusing | None, other: int = 700) -> list[int]:
    """Return the ids that are chosen: all but the last are read again."""
    model, sampling = Steady(other), Sampling(max_new_tokens=3)
    speaking = speak(model, reader().tokenizer, 0, [5], sampling, True, refusing)  # type: ignore[arg-type]
    while True:
        try:
            next(speaking)
        except StopIteration as end:
            return [ids[0] for ids in model.asked[1:]] + list(end.value.unread)


def test_a_refusal_is_one_where_it_is_likelier_than_all_answers_together() -> None:
    """The odds are e⁹ to e⁸ and 1,038 others: 1.66 times as many for 400 as for all else, and 0.23 for 700."""
    odds = math.exp(9) / (math.exp(8) + 1038)
    assert said(None) == list(SAID)
    assert said(Refusing(400)) == list(SAID)
    assert said(Refusing(400, -0.99 * math.log(odds))) == list(SAID)
    assert said(Refusing(400, -1.01 * math.log(odds))) == [700, *SAID[1:]]
    assert said(Refusing(700)) == list(SAID)
    less = math.exp(8) / (math.exp(9) + 1038)
    assert said(Refusing(700, -0.99 * math.log(less))) == list(SAID)
    assert said(Refusing(700, -1.01 * math.log(less))) == [700, *SAID[1:]]


def test_the_likeliest_word_is_no_refusal_if_the_answers_are_likelier_together() -> None:
    logits = torch.tensor([2.0, 1.5, 1.5, 1.5])
    assert int(logits.argmax()) == 0
    assert int(Refusing(0).decided(logits).argmax()) == 1
    assert Refusing(0).margin(logits) == pytest.approx(0.5 - math.log(3))
    assert Refusing(0, bias=0.7).decided(logits).softmax(0).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_a_refusal_is_decided_for_a_reply() -> None:
    model = Steady(700)
    sampling, sure = Sampling(max_new_tokens=2), Refusing(700, 100.0)
    replying = reply(model, reader().tokenizer, Conversation(0), "Who?", sampling, "", sure)  # type: ignore[arg-type]
    assert list(replying)
    assert model.asked[1] == [700]


@pytest.mark.parametrize("turns", [False, True])
def test_the_token_is_the_first_one_that_training_taught(turns: bool) -> None:
    """An answer follows `Answer:` with a space, and a turn's opening without one."""
    tiny = replace(reader(turns=turns), about=READS)
    encode = tiny.tokenizer.encode
    first = Prompt(tiny.tokenizer).answer(REFUSAL)[0]
    assert encode(REFUSAL)[0] != encode(f" {REFUSAL}")[0]
    assert first == encode(REFUSAL if turns else f" {REFUSAL}")[0]
    assert refusing_of(tiny, strict=False) == Refusing(first, 2.0)
    assert refusing_of(tiny, strict=True) == Refusing(first, 5.0)


def test_a_model_that_was_not_taught_to_refuse_does_not_decide() -> None:
    for about in (NOTHING_KNOWN, replace(READS, reads_passages=False)):
        assert refusing_of(replace(reader(), about=about), strict=False) is None


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
