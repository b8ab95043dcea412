"""Questions that share passages are taught as if each were asked alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from lessons import TOWNS, contexts, load, taught_base
from official_models import Float64
from tiny_adapters import CONFIG, fill_with_eighths
from torch import Tensor

from gemma10m.adapters.lora import LoraLinear, add_lora
from gemma10m.answering.answer import speak
from gemma10m.answering.sampling import Sampling
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt
from gemma10m.training.answer_loss import EncodedContext, answer_loss, encode_context
from gemma10m.training.contexts import Context, Lesson

EXACT = 1e-10
CONTEXT = Context(
    contexts()[0].passages,
    (Lesson("What is Lyme known for?", "a harbour"), Lesson("Who?", "not in the text"), Lesson("Which towns?", "Bath")),
)
every_base = pytest.mark.parametrize(
    ("name", "turns"), [("gemma3_text", False), ("gemma3_text", True), ("llama", False), ("gemma2", True)]
)


def student(name: str, turns: bool = False) -> tuple[Decoder, Tokenizer]:
    """Return a model in float64 with updates that are not zero."""
    model, tokenizer = load(taught_base(name, turns))
    add_lora(model, CONFIG, seed=0)
    with torch.no_grad():
        for number, module in enumerate(each for each in model.modules() if isinstance(each, LoraLinear)):
            fill_with_eighths(module, number)
    return model.double(), tokenizer


def gradients(model: Decoder) -> dict[str, Tensor]:
    found = {name: part.grad.clone() for name, part in model.named_parameters() if part.grad is not None}
    model.zero_grad()
    return found


def alone(model: Decoder, tokenizer: Tokenizer) -> tuple[Tensor, int, int]:
    """Read a whole prompt for each question; return the sum of the answers' losses, their tokens, and right answers."""
    prompt, total, tokens, right = Prompt(tokenizer), torch.zeros((), dtype=torch.float64), 0, 0
    for one in CONTEXT.asked:
        asked = [*prompt.opening(), *prompt.question(one.question, CONTEXT.passages)]
        ids = torch.tensor([[*asked, *prompt.answer(one.answer)]])
        logits = model(ids[:, :-1], model.empty_state(1))[0][0, len(asked) - 1 :]
        wanted = ids[0, len(asked) :]
        total = total + F.cross_entropy(logits, wanted, reduction="sum")
        tokens += len(wanted)
        right += bool((logits.argmax(-1) == wanted).all())
    return total, tokens, right


def assert_exact(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert found
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= EXACT * max(1.0, float(gradient.abs().max())), name


@every_base
def test_questions_that_share_passages_learn_as_each_would_alone(name: str, turns: bool) -> None:
    model, tokenizer = student(name, turns)
    encoded = encode_context(tokenizer, CONTEXT)
    with Float64():
        loss = answer_loss(model, encoded)
        loss.loss.backward()
        shared = gradients(model)
        total, tokens, right = alone(model, tokenizer)
        (total / tokens).backward()
    assert loss.loss.dtype == torch.float64
    assert abs(float(loss.loss.detach() - total.detach() / tokens)) < EXACT
    assert_exact(shared, gradients(model))
    assert (loss.right, loss.asked) == (right, 3)
    assert int(encoded.answers.sum()) == tokens


def test_an_answer_is_right_if_every_token_is_the_likeliest() -> None:
    """The model is asked for what it says itself."""
    model, tokenizer = student("gemma3_text")
    prompt, rows = Prompt(tokenizer), []
    passages = [*prompt.opening(), *tokenizer.encode(CONTEXT.passages)]
    with torch.no_grad():
        _, state = model(torch.tensor([passages]), model.empty_state(), logits="none")
        for one in CONTEXT.asked[:2]:
            ids = prompt.question(one.question)
            said: list[int] = []
            for _ in range(3):
                logits, _ = model(torch.tensor([[*ids, *said]]), state, logits="last")
                said.append(int(logits.argmax()))
            rows.append((ids, said))
    rows[1][1][1] = (rows[1][1][1] + 1) % 1040
    longest = max(len(ids) for ids, _ in rows) + 3
    questions, answers = torch.zeros(2, longest, dtype=torch.int64), torch.zeros(2, longest, dtype=torch.bool)
    for row, (ids, said) in enumerate(rows):
        questions[row, : len(ids) + 3] = torch.tensor([*ids, *said])
        answers[row, len(ids) : len(ids) + 3] = True
    loss = answer_loss(model, EncodedContext(torch.tensor([passages]), questions, answers))
    assert (loss.right, loss.asked) == (1, 2)


@every_base
def test_padding_changes_nothing(name: str, turns: bool) -> None:
    model, tokenizer = student(name, turns)
    encoded = encode_context(tokenizer, CONTEXT)
    rows, width = encoded.questions.shape
    ends = [int(row.nonzero().max()) for row in encoded.answers]
    assert len(set(ends)) > 1
    noise = torch.randint(1040, (rows, width + 9), generator=torch.Generator().manual_seed(0))
    padded = replace(encoded, questions=noise, answers=F.pad(encoded.answers, (0, 9)))
    for row, end in enumerate(ends):
        noise[row, : end + 1] = encoded.questions[row, : end + 1]
    found = []
    with Float64():
        for each in (encoded, padded):
            loss = answer_loss(model, each)
            loss.loss.backward()
            found.append((loss, gradients(model)))
    (plain, exact), (with_noise, others) = found
    assert abs(float(plain.loss.detach() - with_noise.loss.detach())) < EXACT
    assert plain.right == with_noise.right
    assert_exact(others, exact)


@pytest.mark.parametrize("turns", [False, True])
def test_an_answer_is_taught_as_it_is_given(turns: bool) -> None:
    """A model that says the taught ids gives the answer alone, and ends it."""
    _, tokenizer = load(taught_base("gemma3_text", turns))
    encoded = encode_context(tokenizer, CONTEXT)
    for row, one in enumerate(CONTEXT.asked):
        taught = encoded.questions[row][encoded.answers[row]].tolist()
        assert taught == Prompt(tokenizer).answer(one.answer)
        left = iter(taught)

        class Saying:
            can_grow = False

            def __call__(self, ids: Tensor, state: int, logits: str, left: object = left) -> tuple[Tensor, int]:
                following = torch.zeros(1, 1, 1040)
                following[0, 0, next(left)] = 9.0  # type: ignore[call-overload]
                return following, state

        assert "".join(speak(Saying(), tokenizer, 0, [5], Sampling())).strip() == one.answer  # type: ignore[arg-type]
        assert list(left) == []


def test_the_prompt_is_the_one_that_answers_read(tmp_path: Path) -> None:
    _, tokenizer = load(taught_base())
    encoded, prompt = encode_context(tokenizer, CONTEXT), Prompt(tokenizer)
    for row, one in enumerate(CONTEXT.asked):
        asked = encoded.questions[row][: int(encoded.answers[row].nonzero().min())].tolist()
        read = [*prompt.opening(), *prompt.question(one.question, CONTEXT.passages)]
        assert [*encoded.passages[0].tolist(), *asked] == read
    assert set(TOWNS) & set(CONTEXT.passages.replace(".", " ").split())
