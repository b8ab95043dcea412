"""Rows say where they come from; what is timed is right first."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from gguf import GGUFReader
from gguf_models import tiny_weights, write_model

import gemma10m
from gemma10m import ops
from gemma10m.bench import every_layer_peer, kernels, peer
from gemma10m.bench.answer_speed import measure_answer
from gemma10m.bench.flops import needed_flops
from gemma10m.bench.gemma4_json import gemma4_json, tiny_gemma4_json
from gemma10m.bench.kernels import check_kernels, kernel_cases, measure_kernels
from gemma10m.bench.length import measure_length
from gemma10m.bench.llama_cpp_peer import write_gguf
from gemma10m.bench.load import measure_load
from gemma10m.bench.peer import TOLERANCE, measure_against, measure_file_against, parity
from gemma10m.bench.read import measure_read
from gemma10m.bench.rows import append_lines, append_rows
from gemma10m.bench.shape import GATES, READING, SHAPES, published, random_model, stock_weights
from gemma10m.bench.start_time import _first_byte, measure_first_progress, measure_start, write_checkpoint
from gemma10m.bench.timing import spread
from gemma10m.commands.ask import read
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import DiskError, UsageError
from gemma10m.folders import demo_folder
from gemma10m.library.model_choice import ModelOptions
from gemma10m.models.decoder import Decoder
from gemma10m.state_file import read_header
from gemma10m.terminal import Terminal
from gemma10m.weights.config_file import parse_config


def test_a_row_says_what_how_and_where(tmp_path: Path) -> None:
    results = tmp_path / "new" / "results.jsonl"
    for ratio in (1.5, 2.5):
        append_rows(results, "bench length", "gemma10m bench length", [{"ratio": ratio}])
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [row["ratio"] for row in rows] == [1.5, 2.5]
    expected = {"kind", "command", "when", "commit", "gemma10m", "python", "versions", "machine", "threads", "load"}
    assert expected <= set(rows[0])
    assert rows[0]["versions"]["torch"].startswith("2.")


def test_a_full_disk_leaves_the_rows_as_they_were(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    append_lines(results, [{"kind": "old"}])
    before = results.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
    try:
        with pytest.raises(DiskError, match=r"results\.jsonl cannot be written: File too large") as caught:
            append_lines(results, [{"kind": "new", "number": number} for number in range(20)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.hint == "make room on that disk and run the same command again"
    assert results.read_bytes() == before


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ('{"a": 1}\n{"a": 2, "b', '{"a": 1}\n'),
        ('{"a": 1', ""),
        ('{"a": 1}\n{"a": 2}', '{"a": 1}\n{"a": 2}\n'),
        ("somebody's notes", "somebody's notes\n"),
        ("", ""),
    ],
)
def test_a_line_that_was_cut_off_goes_before_another_is_added(tmp_path: Path, found: str, kept: str) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(found)
    append_lines(results, [{"a": 3}, {"a": 4}])
    assert results.read_text() == kept + '{"a": 3}\n{"a": 4}\n'


def test_the_two_models_that_are_timed_compute_the_same() -> None:
    assert 0 < parity("transformers", "cpu", SMALL) <= TOLERANCE


@pytest.mark.parametrize("shape", ["gemma-4-E2B", "gemma-4-31B"])
@pytest.mark.parametrize("peer", ["transformers", "every-layer"])
def test_gemma_4_is_compared_with_a_tiny_gemma_4_before_it_is_timed(shape: str, peer: str) -> None:
    config = published(shape, None)
    assert parse_config(gemma4_json(config)).config == config
    tiny = parse_config(tiny_gemma4_json(config)).config
    assert (tiny.shares, tiny.layer_input_size) == (config.shares, config.layer_input_size)
    assert parity(peer, "cpu", config) <= TOLERANCE


def test_reading_stops_at_the_last_layer_that_leaves_something() -> None:
    config = parse_config(tiny_gemma4_json(published("gemma-4-E2B", None))).config
    model = random_model(config, ReadingConfig("window", 16, 16), "cpu", torch.float32)
    row = measure_against(model, "every-layer", 70, 3)
    assert (row["peer"], row["layers"], len(cast("list[float]", row["ratios"]))) == ("every-layer", 6, 3)


def test_another_state_of_every_layer_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse_config(tiny_gemma4_json(published("gemma-4-E2B", None))).config
    model = random_model(config, ReadingConfig("window", 16, 16), "cpu", torch.float32)
    monkeypatch.setattr(every_layer_peer, "_equal", lambda *_: False)
    with pytest.raises(UsageError, match="running every layer leaves another state"):
        measure_against(model, "every-layer", 70, 1)


def test_llama_cpp_computes_the_same_from_our_weights() -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is built from source: too long for a test run")
    assert 0 < parity("llama.cpp", "cpu", SMALL) <= TOLERANCE


def test_a_gguf_file_holds_every_stock_weight(tmp_path: Path) -> None:
    model = random_model(SMALL, ReadingConfig("gated", 16, 16, 4), "cpu", torch.bfloat16)
    write_gguf(model, 100, tmp_path / "model.gguf")
    reader = GGUFReader(tmp_path / "model.gguf")
    assert reader.get_field("gemma.context_length").contents() == 100
    found = {tensor.name: torch.from_numpy(tensor.data.copy()) for tensor in reader.tensors}
    assert len(found) == len(stock_weights(model)) == 2 + 9 * SMALL.layers
    layer = model.model.layers[1]
    assert torch.equal(found["blk.1.ffn_norm.weight"], 1.0 + layer.post_attention_layernorm.weight.float())
    assert torch.equal(found["blk.1.attn_k.weight"].view(torch.bfloat16), layer.self_attn.k_proj.weight)


def test_random_weights_are_made_in_their_own_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made in float32 first, gemma-7b would take 34 GB of a card to measure 17."""
    made: list[torch.dtype] = []
    normal = torch.nn.init.normal_

    def watched(tensor: torch.Tensor, std: float) -> torch.Tensor:
        made.append(tensor.dtype)
        return normal(tensor, std=std)

    monkeypatch.setattr(torch.nn.init, "normal_", watched)
    model = random_model(SMALL, ReadingConfig("gated", 16, 16, 4), "cpu", torch.bfloat16)
    types = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    assert made == list(types.values())
    assert {name for name, dtype in types.items() if dtype == torch.float32} == {
        name for name in types if name.endswith(GATES)
    }


def test_a_peer_is_a_known_one() -> None:
    model = random_model(SMALL, ReadingConfig("gated", 16, 16, 4), "cpu", torch.float32)
    with pytest.raises(UsageError, match="there is no peer 'ollama'"):
        measure_against(model, "ollama", 70, 1)


@pytest.mark.parametrize(("peer", "shape"), [("transformers", "gemma-3-270m"), ("llama.cpp", "gemma-4-E2B")])
def test_a_peer_that_cannot_be_given_a_shape_says_so(peer: str, shape: str) -> None:
    with torch.device("meta"):
        model = Decoder(published(shape, None), ReadingConfig("window", 16))
    with pytest.raises(UsageError, match=f"{peer} is not given weights of the architecture gemma"):
        measure_against(model, peer, 70, 1)


@pytest.mark.filterwarnings("default")  # what transformers and gguf say of each other is not ours
def test_a_gguf_file_is_read_by_both_and_a_row_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, other = tmp_path / "tiny.gguf", tmp_path / "other.gguf"
    heads = {"attention.key_length": 16, "attention.value_length": 16}  # the one size transformers takes a Llama's for
    weights = tiny_weights("llama", head_dim=16)
    write_model(file, "llama", weights, keys=heads)
    model, ids = gemma10m.load_model(file, memory="full"), list(range(20))
    row = measure_file_against(model, file, "transformers", ids, repeats=1)
    assert row["file"] == "tiny.gguf"
    assert hashlib.sha256(file.read_bytes()).hexdigest().startswith(str(row["file_sha256"]))
    assert (row["tokens"], row["memory"], row["dtype"]) == (20, "full", "float32")
    alone = [row["bytes_before"], row["load_peak_bytes"], row["read_peak_bytes"]]
    assert alone == sorted(alone)
    moved = {name: weight * (1.5 if "up_proj" in name else 1) for name, weight in weights.items()}
    write_model(other, "llama", moved, keys=heads)
    monkeypatch.setattr(peer, "FILE_TOLERANCE", TOLERANCE)  # which is for bfloat16 and real texts
    with pytest.raises(UsageError, match="not timed: logits differ from transformers's by"):
        measure_file_against(model, other, "transformers", ids, repeats=1)


def test_length_is_measured_in_pairs() -> None:
    measured = measure_length(gemma10m.load_model("demo"), short=128, repeats=2)
    assert measured["tokens"] == [128, 1280]
    assert len(measured["ratios"]) == 2
    assert min(measured["tokens_per_second"]) > 0


SMALL = ModelConfig(32, 2, 4, 2, 16, 48, 99, has_gates=True)


@pytest.fixture
def _small_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure what the machine can do at best on tensors too small to show it."""
    monkeypatch.setattr("gemma10m.bench.ceiling.PRODUCTS", {"cpu": ((64, 64, 64),)})
    monkeypatch.setattr("gemma10m.bench.ceiling.COPIED", {"cpu": 4096})


def test_spread_is_that_of_the_middle_three_fifths() -> None:
    assert spread([5.0, 1.0, 2.0, 3.0, 4.0, 6.0]) == {"median": 3.5, "p20": 2.0, "p80": 5.0}
    assert spread([7.0]) == {"median": 7.0, "p20": 7.0, "p80": 7.0}


def test_gemma_2b_needs_the_operations_that_were_counted_by_hand() -> None:
    """A token takes 3.7455 billion for weights without the last layer's rest, 0.428 for windows, 0.0226 for memory."""
    with torch.device("meta"):
        remembering = Decoder(SHAPES["gemma-2b"], READING)
        local = Decoder(SHAPES["gemma-2b"], replace(READING, memory="window"))
    assert needed_flops(remembering, 10**9) / 1e9 == pytest.approx(3.7455 + 0.4285 + 0.0226, abs=5e-4)
    assert needed_flops(local, 10**9) / 1e9 == pytest.approx(3.7455 + 0.4285, abs=5e-4)


@pytest.mark.usefixtures("_small_ceilings")
def test_a_read_is_counted_against_the_ceiling_of_its_run() -> None:
    row = measure_read(random_model(SMALL, ReadingConfig("delta", 16, 16, 4), "cpu", torch.float32), 100)
    rate, peak, needed = row["tokens_per_second"], row["peak_flops_per_second"], row["flops_per_token"]
    assert isinstance(rate, float)
    assert isinstance(peak, float)
    assert isinstance(needed, float)
    assert row["tokens"] == 100
    assert row["utilisation"] == pytest.approx(rate * needed / peak)
    assert row["backend"] == ops.BACKEND


@pytest.mark.usefixtures("_small_ceilings")
def test_an_answer_has_a_first_token_and_others() -> None:
    model = random_model(SMALL, ReadingConfig("gated", 16, 16, 4), "cpu", torch.bfloat16)
    row = measure_answer(model, 50)
    assert row["weight_bytes"] == sum(weight.nbytes for weight in model.parameters())
    first, later = row["first_token_seconds"], row["tokens_per_second"]
    assert isinstance(first, dict)
    assert isinstance(later, dict)
    assert first["p20"] <= first["median"] <= first["p80"]
    assert later["median"] > 0


@pytest.mark.usefixtures("_small_ceilings")
def test_a_load_is_of_the_checkpoint_it_names() -> None:
    row = measure_load(demo_folder(), "cpu", "float32", repeats=2)
    weights = gemma10m.load_model("demo").parameters()
    assert row["weight_bytes"] == sum(weight.nbytes for weight in weights)


@pytest.mark.usefixtures("_small_ceilings")
def test_every_op_that_has_a_kernel_is_timed() -> None:
    rows = list(measure_kernels(SMALL, torch.float32, "cpu", 16, 2))
    assert {"geglu", "swiglu"} <= {row["kernel"] for row in rows}
    assert [row["kernel"] for row in rows] == [case.name for case in kernel_cases(SMALL, torch.float32, "cpu", 16, 2)]
    assert len({row["kernel"] for row in rows}) == 11
    geglu = rows[0]
    assert geglu["bytes"] == 4 * 3 * 32 * SMALL.feed_forward_size


def test_a_wrong_kernel_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ops.geglu
    monkeypatch.setattr(ops, "geglu", lambda gate, up: right(gate, up) * 1.1)
    monkeypatch.setattr(kernels, "CHECKED", 8)
    with pytest.raises(UsageError, match=r"not timed: geglu in torch.float32 is \d\.\de-0\d off"):
        check_kernels(SMALL, "cpu")


def test_a_shape_is_a_published_one() -> None:
    assert published("gemma-2b", 2).layers == 2
    assert published("gemma-7b", None) == SHAPES["gemma-7b"]
    with pytest.raises(UsageError, match="there is no shape 'gemma-9b'"):
        published("gemma-9b", None)
    with pytest.raises(UsageError, match="the layers of gemma-4-E2B are counted as they are"):
        published("gemma-4-E2B", 2)


def test_this_reader_and_transformers_read_the_same_ids_in_turn() -> None:
    model = random_model(SMALL, ReadingConfig("gated", 16, 16, 4), "cpu", torch.float32)
    row = measure_against(model, "transformers", 70, repeats=3)
    ratios = row["ratios"]
    assert row["peer"] == "transformers"
    assert isinstance(ratios, list)
    assert len(ratios) == 3


def test_the_first_progress_line_is_waited_for(tmp_path: Path) -> None:
    model = random_model(replace(SMALL, vocabulary=5000), ReadingConfig("gated", 16, 16, 4), "cpu", torch.float32)
    write_checkpoint(model, tmp_path)
    row = measure_first_progress(str(tmp_path), "cpu", tmp_path, repeats=1)
    assert isinstance(row["seconds"], float)
    assert row["seconds"] > 0.1


def test_a_program_that_ends_before_its_progress_line_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the program ended before it showed how far it was"):
        measure_first_progress(str(tmp_path / "nowhere"), "cpu", tmp_path, repeats=1)


def test_a_start_is_timed_with_and_without_passages(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text("One of the special magic numbers for quiet-harbor is: 30518. " * 20)
    state = tmp_path / "tale.state"
    read(Terminal(quiet=True), [str(tmp_path / "tale.txt")], state, ModelOptions(model="demo", device="cpu"))
    row = measure_start(state, "What is the special magic number for quiet-harbor?", "demo", repeats=1)
    assert row["tokens"] == read_header(state).position
    (memory,), (recalled,) = row["all_seconds"], row["all_recalled_seconds"]
    assert 0 < row["seconds"] == memory < 60
    assert 0 < row["recalled_seconds"] == recalled < 60


def test_packed_weights_are_not_given_to_a_peer() -> None:
    with pytest.raises(UsageError, match="every-layer is not given weights in int8"):
        measure_against(gemma10m.load_model(demo_folder(), dtype="int8"), "every-layer", 70, 1)


def test_a_program_that_ends_without_an_answer_is_not_timed() -> None:
    with pytest.raises(UsageError, match="ended before its answer began"):
        _first_byte([sys.executable, "-c", "raise SystemExit(3)"])


def test_only_a_gemma_is_written_with_random_weights(tmp_path: Path) -> None:
    model = random_model(replace(SMALL, architecture="llama"), ReadingConfig("full"), "cpu", torch.float32)
    with pytest.raises(UsageError, match=r"no config\.json is written for llama"):
        write_checkpoint(model, tmp_path)
