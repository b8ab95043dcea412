"""Answers written by us and by other programs from one GGUF file: the same tokens, timed in turn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gguf_models import SHAPE, tiny_weights, write_model

import gemma10m
from gemma10m.bench import llama_cpp_peer
from gemma10m.bench.answer_speed import ANSWER, measure_answer_against
from gemma10m.bench.writers import LlamaCppWriter, OwnWriter, TransformersWriter
from gemma10m.commands.bench import BenchOptions, bench
from gemma10m.errors import UsageError
from gemma10m.library.model_choice import ModelOptions
from gemma10m.terminal import Terminal

pytestmark = pytest.mark.filterwarnings("default")  # what transformers and gguf say of each other is not ours
HEADS = {"attention.key_length": 16, "attention.value_length": 16}  # the one size transformers takes a Llama's for


def tiny_file(path: Path, moved: int = 0) -> Path:
    weights = tiny_weights("llama", head_dim=16)
    table = "model.embed_tokens.weight"
    write_model(path, "llama", weights | {table: weights[table].roll(moved, 0)}, keys=HEADS)
    return path


def test_we_and_transformers_write_the_same_tokens_in_turn(tmp_path: Path) -> None:
    file = tiny_file(tmp_path / "tiny.gguf")
    model = gemma10m.load_model(file, memory="full")
    row = measure_answer_against(model, file, "transformers", list(range(20)), repeats=2)
    assert row["same_tokens"] == ANSWER + 1
    assert (row["peer"], row["tokens"], row["dtype"], row["memory"]) == ("transformers", 20, "float32", "full")
    assert (row["file"], row["file_bytes"]) == ("tiny.gguf", file.stat().st_size)
    own, theirs = row["tokens_per_second"], row["peer_tokens_per_second"]
    assert isinstance(own, float)
    assert isinstance(theirs, float)
    assert min(own, theirs) > 0
    ratios = row["ratios"]
    assert isinstance(ratios, list)
    assert len(ratios) == 2


def test_a_program_that_writes_something_else_is_not_timed(tmp_path: Path) -> None:
    model = gemma10m.load_model(tiny_file(tmp_path / "tiny.gguf"), memory="full")
    other = tiny_file(tmp_path / "other.gguf", moved=1)
    with pytest.raises(UsageError, match="not timed: transformers begins its answer with another token"):
        measure_answer_against(model, other, "transformers", list(range(20)), repeats=1)


def test_each_answer_begins_anew(tmp_path: Path) -> None:
    model = gemma10m.load_model(tiny_file(tmp_path / "tiny.gguf"), memory="full")
    writer = OwnWriter(model)
    first = [writer.after([1, 2, 3]), writer.after([7])]
    writer.reset()
    assert [writer.after([1, 2, 3]), writer.after([7])] == first
    whole = model(torch.tensor([[1, 2, 3, 7]]), model.empty_state())[0][0, -1].argmax()
    assert first[1] == int(whole)


def test_a_program_must_be_one_that_answers(tmp_path: Path) -> None:
    file = tiny_file(tmp_path / "tiny.gguf")
    with pytest.raises(UsageError, match="'every-layer' is no program that answers"):
        measure_answer_against(gemma10m.load_model(file), file, "every-layer", [1, 2], repeats=1)


def test_without_a_gguf_file_nothing_is_compared(tmp_path: Path) -> None:
    options = BenchOptions("answer", ModelOptions("demo"), against="transformers", source=tmp_path)
    with pytest.raises(UsageError, match="another program answers from a GGUF file alone"):
        bench(Terminal(), options, tmp_path / "rows.jsonl", "bench")


def test_llama_cpp_is_asked_for_the_last_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library itself is a build of minutes: the calls are what it documents."""

    class Recorded:
        def __init__(self) -> None:
            self.calls: list[object] = []

        def reset(self) -> None:
            self.calls.append("reset")

        def eval(self, ids: list[int]) -> None:
            self.calls.append(ids)

    monkeypatch.setattr(llama_cpp_peer, "last_logits", lambda model, size: torch.arange(size) % 7)
    model = Recorded()
    writer = LlamaCppWriter(model, SHAPE["vocab_size"])
    writer.reset()
    assert (writer.after([1, 2]), writer.after([6])) == (6, 6)
    assert model.calls == ["reset", [1, 2], [6]]


def test_transformers_starts_without_a_cache_and_keeps_it() -> None:
    seen: list[object] = []

    class Found:
        logits = torch.tensor([[[0.0, 1.0]]])
        past_key_values = "kept"

    def model(x: torch.Tensor, past_key_values: object, use_cache: bool, logits_to_keep: int) -> Found:
        seen.append((x.tolist(), past_key_values))
        return Found()

    writer = TransformersWriter(model, torch.device("cpu"))
    assert (writer.after([3, 4]), writer.after([1])) == (1, 1)
    writer.reset()
    assert writer.after([5]) == 1
    assert seen == [([[3, 4]], None), ([[1]], "kept"), ([[5]], None)]
