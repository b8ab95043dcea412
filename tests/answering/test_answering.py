"""Answering: prompts made of ids, the likeliest token or a seeded draw, whole characters, an untouched state."""

from __future__ import annotations

import hashlib
import math
from collections import Counter

import pytest
import sentencepiece
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import KINDS, SENTENCE, checkpoint, document_ids, fed_ids, read_text, reader
from tokenizer_fixtures import OTHERS, TURNS
from torch import Tensor

from gemma10m import Sampling, answer
from gemma10m.answering.answer import _first_line
from gemma10m.answering.sampling import Sampler
from gemma10m.answering.summaries import summary_requests
from gemma10m.errors import UsageError
from gemma10m.memory.state import State
from gemma10m.saved_states import Reader
from gemma10m.tokens.prompt import Prompt

BOS, EOS, START, END = 2, 1, 7, 8
QUESTIONS = ["Who is Anne?", "What is the number?", "汉字 é?", "a", "One\ntwo\n\nthree" * 9]
NAMES = ["<pad>", "<eos>", "<bos>", "<unk>", *OTHERS, *TURNS]
NASTY = st.lists(
    st.one_of(st.sampled_from(NAMES), st.sampled_from(["<end", "_of_turn>", "<", ">", "\n", " truth"])), min_size=1
).map("".join)


class Script:
    """Behave like a model whose likeliest id is the next of a list, whatever it is given."""

    can_grow = False

    def __init__(self, ids: list[int], vocabulary: int = 1040) -> None:
        self.ids, self.vocabulary = ids, vocabulary
        self.calls: list[list[int]] = []

    def __call__(self, ids: Tensor, state: int, logits: str) -> tuple[Tensor, int]:
        assert logits == "last"
        assert ids.dtype == torch.int64
        following = torch.zeros(1, 1, self.vocabulary)
        following[0, 0, self.ids[len(self.calls)]] = 9.0
        self.calls.append(ids[0].tolist())
        return following, state + ids.shape[1]


def spoken(ids: list[int], **sampling: int) -> tuple[list[str], Script]:
    """Return the pieces of the answer of a model that says `ids`."""
    script = Script(ids)
    pieces = answer(script, reader().tokenizer, 0, "Who?", Sampling(**sampling))
    return list(pieces), script


def ask(tiny: Reader, state: State, question: str, **sampling: float) -> str:
    return "".join(answer(tiny.model, tiny.tokenizer, state, question, Sampling(**sampling)))


def digest(state: State) -> str:
    sha256 = hashlib.sha256(str(state.position).encode())
    for number, layer in enumerate(state.layers):
        for name, tensor in layer.tensors():
            sha256.update(f"{number} {name} {tensor.dtype} {tuple(tensor.shape)} {tensor.tolist()}".encode())
    return sha256.hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_questions_leave_the_state_bit_equal(kind: str) -> None:
    tiny = reader(kind)
    state = read_text(tiny, SENTENCE * 6)
    before = digest(state)
    first = [ask(tiny, state, question, max_new_tokens=20) for question in QUESTIONS]
    for temperature in (0.0, 1.0, 0.0):
        again = [ask(tiny, state, question, temperature=temperature, max_new_tokens=20) for question in QUESTIONS]
    assert again == first
    assert digest(state) == before


def greedy(tiny: Reader, text: str, question: str, count: int) -> list[int]:
    """Compute all of it from the first token, anew for every token of the answer."""
    document, ids = document_ids(tiny, text), Prompt(tiny.tokenizer).question(question)
    said: list[int] = []
    for _ in range(count):
        _, state = tiny.model(torch.tensor([document]), tiny.model.empty_state(), logits="none")
        logits, _ = tiny.model(torch.tensor([ids + said]), state, logits="all")
        best = max(range(logits.shape[-1]), key=logits[0, -1].tolist().__getitem__)
        if best in (EOS, END):
            break
        said.append(best)
    return said


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_what_a_greedy_loop_over_everything_gives(kind: str) -> None:
    tiny = reader(kind)
    state = read_text(tiny, SENTENCE * 4)
    different = set()
    for question in QUESTIONS:
        expected = greedy(tiny, SENTENCE * 4, question, 12)
        different.update(expected)
        assert ask(tiny, state, question, max_new_tokens=12) == tiny.tokenizer.decode(expected)
    assert len(different) >= 5, "answers this uniform prove nothing"


def test_the_question_goes_on_where_the_document_ended() -> None:
    tiny = reader()
    state = read_text(tiny, SENTENCE)
    with fed_ids(tiny.model) as fed:
        ask(tiny, state, "  Who?\n", max_new_tokens=1)
    assert fed == Prompt(tiny.tokenizer).question("Who?")


@pytest.mark.parametrize("stop", [EOS, END])
def test_an_answer_ends_at_eos_and_at_end_of_turn(stop: int) -> None:
    tokenizer = reader().tokenizer
    said = tokenizer.encode("It is Anne.")
    pieces, script = spoken([*said, stop, *said])
    assert "".join(pieces) == "It is Anne."
    assert len(script.calls) == len(said) + 1
    assert script.calls[1:] == [[token] for token in said]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_an_answer_has_at_most_max_new_tokens(count: int) -> None:
    tokenizer = reader().tokenizer
    said = tokenizer.encode("truth universally acknowledged, that a single man")
    pieces, script = spoken(said, max_new_tokens=count)
    assert len(script.calls) == count
    assert "".join(pieces) == tokenizer.decode(said[:count])


@given(st.text(st.sampled_from("aé汉\U0001f600\u0301 \n"), max_size=12))
@settings(max_examples=30)
def test_no_character_is_split_over_two_pieces(text: str) -> None:
    ids = reader().tokenizer.encode(text)
    pieces, _ = spoken([*ids, EOS])
    assert "".join(pieces) == text
    assert "" not in pieces


def test_the_bytes_of_a_character_come_out_as_one_piece() -> None:
    ids = reader().tokenizer.encode("\U0001f600")
    assert len(ids) == 4
    assert spoken([*ids, EOS])[0] == ["\U0001f600"]
    assert "".join(spoken([*ids[:3], EOS])[0]) == "\ufffd"
    assert "".join(spoken(ids, max_new_tokens=2)[0]) == "\ufffd"


def test_ids_that_only_pad_the_vocabulary_say_nothing() -> None:
    assert spoken([1039, 5, 0, EOS])[0] == []


@pytest.mark.parametrize("question", ["", " ", "\n\t "])
def test_an_empty_question_is_refused(question: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        ask(reader(), reader().model.empty_state(), question)


def test_a_question_as_long_as_a_document_is_refused() -> None:
    with pytest.raises(UsageError, match="the question has 1,000,000 characters, more than 32,768"):
        ask(reader(), reader().model.empty_state(), "word " * 200_000)


def test_the_prompt_of_a_model_with_turns() -> None:
    piece = sentencepiece.SentencePieceProcessor(model_file=str(checkpoint() / "tokenizer.model")).encode
    prompt = Prompt(reader().tokenizer)
    assert prompt.opening() == [BOS, START, *piece("user\n")]
    assert prompt.question("Who is Anne?") == [*piece("\n\nWho is Anne?"), END, *piece("\n"), START, *piece("model\n")]
    assert prompt.stop == END
    assert reader().tokenizer.stop_ids == {EOS, END}


def test_the_prompt_of_a_model_without_turns() -> None:
    piece = sentencepiece.SentencePieceProcessor(model_file=str(checkpoint() / "tokenizer.model")).encode
    prompt = Prompt(reader(turns=False).tokenizer)
    assert prompt.opening() == [BOS]
    assert prompt.question("Who is Anne?") == piece("\n\nQuestion: Who is Anne?\nAnswer:")
    assert prompt.stop == EOS


@pytest.mark.parametrize("turns", [True, False])
@given(question=NASTY)
@settings(max_examples=30)
def test_no_question_forges_a_turn(turns: bool, question: str) -> None:
    tokenizer = reader(turns=turns).tokenizer
    ids = Prompt(tokenizer).question(question)
    control = [token for token in ids if token in (0, BOS, EOS, 3, 4, 5, 6, START, END)]
    assert control == ([END, START] if turns else [])
    assert question in tokenizer.decode(ids)


def test_a_seed_gives_the_same_answer_again_and_another_seed_another() -> None:
    tiny = reader()
    state = read_text(tiny, SENTENCE)
    warm = {"temperature": 1.5, "max_new_tokens": 20}
    answers = [ask(tiny, state, "Who?", seed=seed, **warm) for seed in (1, 1, 2, 3)]
    assert answers[0] == answers[1]
    assert len(set(answers)) == 3


def test_a_nucleus_of_one_token_is_greedy() -> None:
    tiny = reader()
    state = read_text(tiny, SENTENCE)
    cold = ask(tiny, state, "Who?", max_new_tokens=10)
    assert ask(tiny, state, "Who?", temperature=2.0, top_p=1e-9, max_new_tokens=10) == cold


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-38, 5e-324])
def test_a_tiny_temperature_takes_the_likeliest(temperature: float) -> None:
    logits = torch.tensor([3.0, 15.0, -2.0, 14.0])
    assert {Sampler(Sampling(temperature=temperature, seed=seed)).choose(logits) for seed in range(9)} == {1}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_draws_follow_the_softmax(temperature: float) -> None:
    logits = torch.tensor([1.0, 0.0, 2.0, -1.0, 0.5])
    sampler, draws = Sampler(Sampling(temperature=temperature, seed=5)), 6000
    found = Counter(sampler.choose(logits) for _ in range(draws))
    weights = [math.exp(logit / temperature) for logit in logits.tolist()]
    for token, weight in enumerate(weights):
        share = weight / sum(weights)
        assert abs(found[token] / draws - share) < 4 * math.sqrt(share * (1 - share) / draws)


@pytest.mark.parametrize(("top_p", "nucleus"), [(0.3, {2}), (0.5, {2, 0}), (0.85, {2, 0, 4}), (1.0, {0, 1, 2, 3, 4})])
def test_draws_stay_in_the_nucleus(top_p: float, nucleus: set[int]) -> None:
    """The nucleus is the fewest of the likeliest that together reach `top_p`: 0.4, 0.3, 0.2, 0.06, 0.04."""
    logits = torch.tensor([0.3, 0.06, 0.4, 0.04, 0.2]).log()
    sampler = Sampler(Sampling(temperature=1.0, top_p=top_p))
    assert {sampler.choose(logits) for _ in range(600)} == nucleus


def test_bfloat16_logits_are_sampled_too() -> None:
    logits = torch.tensor([0.0, 9.0, 1.0], dtype=torch.bfloat16)
    assert Sampler(Sampling(temperature=0.1)).choose(logits) == Sampler(Sampling()).choose(logits) == 1


@pytest.mark.parametrize(
    ("settings_", "found"),
    [
        ({"temperature": -0.1}, "-0.1"),
        ({"temperature": math.inf}, "inf"),
        ({"temperature": math.nan}, "nan"),
        ({"top_p": 0.0}, "0.0"),
        ({"top_p": 1.01}, "1.01"),
        ({"top_p": math.nan}, "nan"),
        ({"max_new_tokens": 0}, "found 0"),
        ({"seed": 2**64}, "18446744073709551616"),
        ({"seed": -(2**63) - 1}, "-9223372036854775809"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings_: dict[str, float], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        Sampling(**settings_)


def test_all_problems_of_the_settings_come_in_one_error() -> None:
    with pytest.raises(UsageError) as caught:
        Sampling(temperature=-1.0, top_p=2.0, max_new_tokens=-3)
    assert all(word in caught.value.message for word in ("-1.0", "2.0", "-3"))


@pytest.mark.parametrize("seed", [0, -1, 2**63, 2**64 - 1, -(2**63)])
def test_every_seed_that_is_allowed_can_be_used(seed: int) -> None:
    assert Sampler(Sampling(temperature=1.0, seed=seed)).choose(torch.zeros(5)) in range(5)


def test_a_summary_is_asked_for_in_words_of_ours() -> None:
    assert summary_requests(50, None).text == summary_requests(50, "  ").text
    assert "50 words" in summary_requests(50, None).text
    assert "about Anne." in summary_requests(50, " Anne ").text
    with pytest.raises(UsageError, match="--words 0"):
        summary_requests(0, None)


@pytest.mark.parametrize(
    ("text", "begun", "expected"),
    [
        (" Rome", False, (" Rome", False)),
        ("\n\n", False, ("\n\n", False)),
        ("\n Rome\nQ:", False, ("\n Rome", True)),
        ("\n Rome", True, ("", True)),
        (" of\n", True, (" of", True)),
    ],
)
def test_a_line_ends_after_its_first_words(text: str, begun: bool, expected: tuple[str, bool]) -> None:
    assert _first_line(text, begun) == expected
