"""Loss by position: against a float64 loop over tokens, on shared weights, with an interval made of segments."""

from __future__ import annotations

import math
import random
import statistics
from typing import Any

import pytest
import torch
from models import tiny_model
from official_models import Float64
from oracle import oracle_logits
from tokenizer_fixtures import PROSE, train_sentencepiece

from gemma10m.errors import ModelError, UsageError
from gemma10m.evaluation import perplexity
from gemma10m.evaluation.perplexity import measure_perplexity, token_losses
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.tokens import Tokenizer, load_tokenizer

TEXT = "\n".join(PROSE[:4])


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_sentencepiece(folder)
    return load_tokenizer(folder)


def measured(model: Decoder, tokenizer: Tokenizer, text: str, tokens: int, seed: int) -> list[dict[str, object]]:
    return measure_perplexity(model, tokenizer.bos, torch.tensor(tokenizer.encode(text)), tokens, seed)


def model_for(tokenizer: Tokenizer, kind: Any = "gated", **changes: Any) -> Decoder:
    settings: dict[str, Any] = dict(segment=5, carry=5, sinks=2, vocabulary=tokenizer.vocabulary)
    return tiny_model(kind, **(settings | changes))


def numbers(row: dict[str, object]) -> dict[str, float]:
    return {name: value for name, value in row.items() if isinstance(value, int | float)}


def slow_losses(model: Decoder, ids: list[int], expected: list[int]) -> list[float]:
    logits = oracle_logits(dict(model.state_dict()), model.config, model.reading, ids)
    return [float(row.logsumexp(0) - row[token]) for row, token in zip(logits, expected, strict=True)]


@pytest.mark.parametrize("kind", ["linear", "delta", "gated"])
def test_the_losses_are_those_of_a_loop_over_tokens_in_float64(tokenizer: Tokenizer, kind: str) -> None:
    model, tokens, seed = model_for(tokenizer, kind), 37, 3
    ids = tokenizer.encode(TEXT)
    start = random.Random(f"{seed} {tokens}").randrange(len(ids) - tokens + 1)
    expected = ids[start : start + tokens]
    read = [tokenizer.bos, *expected[:-1]]
    bare = without_memory(model)
    on, off = slow_losses(model, read, expected), slow_losses(bare, read, expected)
    assert max(abs(a - b) for a, b in zip(on, off, strict=True)) > 1e-3

    with Float64():  # losses are float32 in any model, but here
        rows = [numbers(row) for row in measured(model, tokenizer, TEXT, tokens, seed)]

    assert [(row["start"], row["stop"], row["n"]) for row in rows] == [
        (0, 8, 8), (8, 16, 8), (16, 32, 16), (32, 37, 5), (0, 37, 37),
    ]  # fmt: skip
    for row in rows:
        bucket = slice(int(row["start"]), int(row["stop"]))
        assert row["loss_on"] == pytest.approx(statistics.fmean(on[bucket]), rel=1e-10)
        assert row["loss_off"] == pytest.approx(statistics.fmean(off[bucket]), rel=1e-10)
        assert row["difference"] == pytest.approx(row["loss_on"] - row["loss_off"], rel=1e-10)
        assert row["perplexity_on"] == pytest.approx(math.exp(row["loss_on"]))
        assert row["perplexity_off"] == pytest.approx(math.exp(row["loss_off"]))


def test_the_first_segment_cannot_differ(tokenizer: Tokenizer) -> None:
    model = model_for(tokenizer, segment=8, carry=0)
    first = measured(model, tokenizer, TEXT, 40, 0)[0]
    assert (first["stop"], first["difference"], first["low"], first["high"]) == (8, 0.0, None, None)


def test_the_interval_is_made_of_segments(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments with the differences 1, 2, 3 and 6 give Student's interval of four draws, not of twenty."""
    on = torch.tensor([1.0, 2.0, 3.0, 6.0]).repeat_interleave(5)
    losses = iter([on, torch.zeros(20)])
    monkeypatch.setattr(perplexity, "token_losses", lambda *_: next(losses).double())
    whole = numbers(measured(model_for(tokenizer), tokenizer, TEXT, 20, 0)[-1])
    half = 3.182 * statistics.stdev([1, 2, 3, 6]) / math.sqrt(4)
    assert (whole["low"], whole["high"]) == (pytest.approx(3 - half), pytest.approx(3 + half))


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Differences go together inside a segment: an interval of single tokens would cover far less."""
    generator = torch.Generator().manual_seed(5)
    covered = {3: 0, 12: 0}
    for segments in covered:
        for _ in range(400):
            shared = torch.randn(segments, generator=generator, dtype=torch.float64).repeat_interleave(16)
            values = shared + 0.3 * torch.randn(shared.numel(), generator=generator, dtype=torch.float64)
            mean, half = perplexity._mean_of_segments(values, 0, 16)
            assert half is not None
            covered[segments] += abs(mean) <= half
    assert all(0.92 <= count / 400 <= 0.98 for count in covered.values()), covered


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.706), (10, 2.228), (11, 2.201), (30, 2.042), (1000, 1.962)])
def test_student(freedom: int, expected: float) -> None:
    assert perplexity._student(freedom) == pytest.approx(expected, abs=0.003)


def test_cuts_and_rows_change_nothing(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_for(tokenizer)
    with Float64():
        whole = measured(model, tokenizer, TEXT, 50, 1)
    monkeypatch.setattr(perplexity, "stretch_tokens", lambda _: 10)
    monkeypatch.setattr(perplexity, "LOGIT_BYTES", 4 * 3 * model.config.vocabulary)
    with Float64():
        cut = measured(model, tokenizer, TEXT, 50, 1)
    for row, other in zip(whole, cut, strict=True):
        assert numbers(row) == pytest.approx(numbers(other), rel=1e-10)


def test_no_more_logits_exist_than_allowed(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = model_for(tokenizer), []
    monkeypatch.setattr(perplexity, "LOGIT_BYTES", 4 * 7 * model.config.vocabulary)
    head = model.head
    monkeypatch.setattr(model, "head", lambda hidden: (seen.append(hidden.shape[0]), head(hidden))[1])
    ids = torch.tensor(tokenizer.encode(TEXT))[:40]
    token_losses(model, ids, ids)
    assert max(seen) == 7
    assert sum(seen) == 40


def test_bfloat16_logits_are_compared_in_float32(tokenizer: Tokenizer) -> None:
    model = model_for(tokenizer, dtype=torch.bfloat16)
    ids = torch.tensor(tokenizer.encode(TEXT))[:40]
    losses = token_losses(model, ids, ids)
    assert losses.unique().numel() > 35  # bfloat16 has about a hundred numbers between 4 and 32
    assert not torch.equal(losses, losses.bfloat16().double())


def test_the_control_shares_the_weights(tokenizer: Tokenizer) -> None:
    model = model_for(tokenizer)
    bare = without_memory(model)
    assert bare.reading.memory == "window"
    assert (bare.reading.carry, bare.reading.sinks, bare.reading.segment) == (5, 2, 5)
    pairs = zip(model.parameters(), bare.parameters(), strict=True)
    assert all(mine.data_ptr() == other.data_ptr() for mine, other in pairs)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_the_seed_chooses_the_tokens(tokenizer: Tokenizer) -> None:
    model = model_for(tokenizer)
    first, same, other = (measured(model, tokenizer, TEXT, 40, seed) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_all_of_a_text_can_be_measured(tokenizer: Tokenizer) -> None:
    count = len(tokenizer.encode(PROSE[0]))
    assert measured(model_for(tokenizer), tokenizer, PROSE[0], count, 0)[-1]["stop"] == count
    only = measured(model_for(tokenizer), tokenizer, PROSE[0], 4, 0)
    assert [(row["start"], row["stop"]) for row in only] == [(0, 4)]


@pytest.mark.parametrize("text", [PROSE[0], ""])
def test_a_short_text_is_one_sentence(tokenizer: Tokenizer, text: str) -> None:
    count = len(tokenizer.encode(text))
    with pytest.raises(UsageError, match=rf"^9,999 tokens are to be measured, and the text has {count}$") as error:
        measured(model_for(tokenizer), tokenizer, text, 9999, 0)
    assert error.value.hint


@pytest.mark.parametrize("tokens", [0, -3])
def test_nothing_to_measure(tokenizer: Tokenizer, tokens: int) -> None:
    with pytest.raises(UsageError, match="are to be measured"):
        measured(model_for(tokenizer), tokenizer, TEXT, tokens, 0)


def test_a_model_without_memory_has_nothing_to_compare(tokenizer: Tokenizer) -> None:
    with pytest.raises(UsageError, match="without memory"):
        measured(model_for(tokenizer, "window"), tokenizer, TEXT, 20, 0)


def test_a_loss_that_is_no_number_is_said(tokenizer: Tokenizer) -> None:
    model = model_for(tokenizer)
    with torch.no_grad():
        model.model.layers[0].self_attn.gate.fill_(math.nan)
    with pytest.raises(ModelError, match="gives token 0 the loss nan when it reads with gated memory"):
        measured(model, tokenizer, TEXT, 20, 0)
