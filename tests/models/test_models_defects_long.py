"""A test for each way the released gemma-2B-10M code did not run (C1 to C10) or lost the context (L1 to L5)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from checkpoints import tiny_gemma
from models import (
    KINDS,
    REMEMBERING,
    changed,
    difference,
    gradient_of_embeddings,
    named_tensors,
    random_ids,
    read_cut,
    tiny_model,
)
from tokenizer_fixtures import train_sentencepiece

import gemma10m
from gemma10m.config import MemoryKind
from gemma10m.tokens.prompt import Prompt

every_kind = pytest.mark.parametrize("kind", KINDS)
every_remembering_kind = pytest.mark.parametrize("kind", REMEMBERING)


def test_c1_to_c10_the_documented_path_runs_from_a_folder_to_an_answer(tmp_path: Path) -> None:
    folder = tmp_path / "anywhere"
    train_sentencepiece(folder)
    tiny_gemma(folder, gates=0.0, vocabulary=1024, segment_size=16)
    book = tmp_path / "book.txt"
    text = "It is a truth universally acknowledged, that one good book is not enough.\n" * 12
    book.write_text(text)

    model, tokenizer = gemma10m.load_model(folder), gemma10m.load_tokenizer(folder)
    state = gemma10m.read(model, tokenizer, gemma10m.open_source(book))
    assert (model.reading.memory, model.reading.segment) == ("linear", 16)
    assert state.position == len(Prompt(tokenizer).opening()) + len(tokenizer.encode(text)) > 10 * 16
    settings = gemma10m.Sampling(max_new_tokens=20)
    answers = ["".join(gemma10m.answer(model, tokenizer, state, "What is not enough?", settings)) for _ in range(2)]
    assert answers[0] == answers[1] != ""
    assert not model.warnings


@every_remembering_kind
def test_l1_every_token_of_a_prompt_longer_than_a_segment_is_read(kind: MemoryKind) -> None:
    """The released code never saw the first 452 tokens of this one."""
    model = tiny_model(kind, segment=2048, beta=0.0)
    ids = random_ids(model, 2500)
    _, state = read_cut(model, ids, [2100], logits="none")
    assert state.position == 2500
    gradient = gradient_of_embeddings(model, ids)
    assert gradient.shape[0] == 2500
    assert (gradient.abs().amax(-1) > 0).all()


@pytest.mark.parametrize("cuts", [(), range(1, 23), (4, 5, 16)], ids=["at once", "one by one", "ragged"])
def test_l2_every_token_is_written_to_memory_once(cuts: tuple[int, ...]) -> None:
    """Each of a closed segment is, and none of the open one. The first layer's keys are counted by hand."""
    model = tiny_model("linear", segment=5)
    ids = random_ids(model, 23)
    _, state = read_cut(model, ids, cuts)
    layer = model.model.layers[0]
    with torch.no_grad():
        embedded = model.model.embed_tokens(ids) * model.config.hidden_size**0.5
        keys = layer.self_attn.k_proj(layer.input_layernorm(embedded)).unflatten(-1, (2, 6))  # (B, S, K, E)
    sigma = torch.where(keys > 0, keys + 1, keys.exp())
    torch.testing.assert_close(state.layers[0]["normaliser"], sigma[:, :20].sum(1), atol=1e-10, rtol=0)


@every_kind
def test_l3_a_generated_token_costs_one_token(kind: MemoryKind) -> None:
    """Nothing is computed again: every token is given once, and the choices are those of one call with all of them."""
    model = tiny_model(kind, carry=5, sinks=2, beta=0.0)
    given: list[int] = []
    embedding = model.model.embed_tokens
    handle = embedding.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].numel()))
    logits, state = read_cut(model, random_ids(model, 13), logits="last")
    tokens = [logits.argmax(-1)]
    for _ in range(9):
        logits, state = read_cut(model, tokens[-1], state=state)
        tokens.append(logits.argmax(-1))
    handle.remove()
    assert given == [13] + [1] * 9
    whole, _ = read_cut(model, torch.cat((random_ids(model, 13), *tokens[:-1]), dim=1))
    assert torch.equal(whole[:, 12:].argmax(-1), torch.cat(tokens, dim=1))


def test_l3_the_first_token_stays_in_sight_through_the_sinks() -> None:
    for sinks in (0, 1):
        model = tiny_model("window", segment=5, sinks=sinks, layers=1)
        ids = random_ids(model, 23)
        before, _ = read_cut(model, ids)
        after, _ = read_cut(model, changed(model, ids, 0))
        assert torch.equal(before[:, 5:], after[:, 5:]) == (sinks == 0)


@every_kind
def test_l4_everything_lies_on_the_models_device(kind: MemoryKind) -> None:
    """The meta device refuses to mix with any other: one tensor left on the CPU would be an error."""
    model = tiny_model(kind, carry=5, sinks=2).to("meta")
    assert model.device.type == "meta"
    state = model.empty_state()
    for length in (13, 1, 9):
        logits, state = model(torch.zeros(1, length, dtype=torch.int64, device="meta"), state, logits="last")
        assert logits.device.type == "meta"
    assert {tensor.device.type for tensor in named_tensors(state).values()} == {"meta"}


@every_remembering_kind
def test_l5_a_document_of_a_thousand_segments_goes_through_memory(kind: MemoryKind) -> None:
    model = tiny_model(kind, segment=4, beta=0.0, layers=1)
    _, state = read_cut(model, random_ids(model, 4 * 1000 + 3), [1000, 2001], logits="none")
    assert state.position == 4003
    question = random_ids(model, 4, seed=1)
    logits, _ = read_cut(model, question, state=state)
    assert logits.isfinite().all()
    emptied = replace(state, layers=(state.layers[0].replace(memory=torch.zeros(1, 2, 6, 6).double()),))
    assert difference(read_cut(model, question, state=emptied)[0], logits) > 1e-2
