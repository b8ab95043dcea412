"""Weights in 8 and 4 bits: how exact they are, what a model with them computes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from checkpoints import tiny_gemma
from tiny_adapters import write_tiny

from gemma10m.bench.answer_speed import measure_answer
from gemma10m.bench.shape import random_model
from gemma10m.config import QUANTISED, ReadingConfig
from gemma10m.errors import ModelError, UsageError
from gemma10m.library.listening import Notices
from gemma10m.library.number_format import fitting_format
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.models.quantised import QuantisedTable, quantised_modules
from gemma10m.saved_states import Reader
from gemma10m.tokens import load_tokenizer
from gemma10m.weights import loading
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import load_checkpoint, load_model, resolve_model
from gemma10m.weights.plan import memory_plan
from gemma10m.weights.quantising import quantise

FORMATS = pytest.mark.parametrize("number_format", QUANTISED)
WIDE = {"hidden": 64, "feed_forward": 96, "head_size": 16, "vocabulary": 131}


def table_of(weight: torch.Tensor, bits: int) -> QuantisedTable:
    rows, size = weight.shape
    table = QuantisedTable(size, rows, bits)
    table.load_state_dict({name.rpartition(".")[2]: each for name, each in quantise("a.weight", weight, bits).items()})
    return table


def demo(number_format: str) -> Decoder:
    return load_model("demo", dtype=number_format)


def test_eight_bits_are_off_by_half_a_step_of_the_row_at_most() -> None:
    weight = torch.randn(100, 96, generator=torch.Generator().manual_seed(1)) * torch.logspace(-6, 2, 100)[:, None]
    found = table_of(weight, 8)(torch.arange(100)).float()
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    # Two roundings to bfloat16 beside it: of the step, and of the number that is read.
    assert bool(((found - weight).abs() <= 0.5 * step + 2**-7 * weight.abs().amax(dim=1, keepdim=True)).all())
    assert (found - weight).square().mean(dim=1).sqrt().div(step[:, 0]).max() < 0.6


def test_a_large_number_widens_the_steps_of_its_group_alone() -> None:
    weight = torch.randn(4, 512, generator=torch.Generator().manual_seed(1))
    weight[:, 3] = 1000.0
    error = (table_of(weight, 8)(torch.arange(4)).float() - weight).abs()
    assert float(error[:, 256:].max()) < 0.03
    assert float(error[:, :256].max()) > 0.5


def test_four_bits_are_off_by_less_than_a_tenth_of_the_spread() -> None:
    weight = torch.randn(128, 320, generator=torch.Generator().manual_seed(2))
    found = table_of(weight, 4)(torch.arange(128)).float()
    assert 0.05 < float((found - weight).square().mean().sqrt()) < 0.085


@pytest.mark.parametrize("bits", [4, 8])
def test_rows_are_found_by_their_number_and_equal_numbers_stay(bits: int) -> None:
    weight = torch.arange(100.0)[:, None].expand(100, 32) / 4  # bfloat16 holds them
    asked = torch.tensor([[3, 99, 64], [31, 32, 3]])
    found = table_of(weight, bits)(asked)
    assert found.shape == (2, 3, 32)
    assert torch.allclose(found.float(), weight[asked], rtol=2**-7, atol=0)


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ModelError, match="holds numbers that are not finite"):
        quantise("model.embed_tokens.weight", torch.tensor([[float("inf")] * 32]), 8)


@FORMATS
def test_rows_that_groups_do_not_divide_are_refused_with_the_way_out(number_format: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has rows of 24 numbers, and \d bits need a multiple of 32") as error:
        load_model(tiny_gemma(tmp_path), dtype=number_format)
    assert "--dtype bfloat16" in error.value.hint


@FORMATS
def test_the_plan_counts_what_is_loaded(number_format: str, tmp_path: Path) -> None:
    model = load_model(tiny_gemma(tmp_path, gates=0.0, **WIDE), dtype=number_format)
    plan = memory_plan(model.config, model.reading, number_format, segments=1)
    assert plan.weights == sum(tensor.nbytes for tensor in model.state_dict().values())
    assert model.number_format == number_format
    assert model.dtype == torch.bfloat16


@FORMATS
def test_the_demos_logits_stay_near_those_of_floats(number_format: str) -> None:
    ids = torch.randint(4096, (1, 100), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        logits = [model(ids, model.empty_state())[0] for model in map(demo, ("float32", "bfloat16", number_format))]
    exact, rounded, found = (each.double() for each in logits)
    scale = exact.std()
    assert float((found - exact).square().mean().sqrt() / scale) < (0.05 if number_format == "int8" else 0.25)
    assert float((found - exact).square().mean()) > float((rounded - exact).square().mean())


@FORMATS
def test_one_token_at_a_time_reads_as_all_at_once(number_format: str) -> None:
    model = demo(number_format)
    ids = torch.randint(4096, (1, 70), generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        whole, _ = model(ids, model.empty_state())
        state, found = model.empty_state(), []
        for token in ids.T:
            logits, state = model(token[None], state)
            found.append(logits)
    apart = (torch.cat(found, dim=1) - whole).float().square().mean().sqrt()
    assert float(apart / whole.float().std()) < 0.03


def test_an_adapter_is_merged_before_its_sum_is_quantised(tmp_path: Path) -> None:
    base = tiny_gemma(tmp_path / "base", **WIDE)
    folder = write_tiny(tmp_path / "adapter", base)
    merged = load_model(base, dtype="float32", adapter=folder).state_dict()
    for number_format in QUANTISED:
        for name, module in quantised_modules(load_model(base, dtype=number_format, adapter=folder)).items():
            again = quantise(f"{name}.weight", merged[f"{name}.weight"], module.bits)
            assert torch.equal(module.packed, again[f"{name}.packed"])


def test_the_same_weights_without_memory_are_not_copied() -> None:
    model = demo("int4")
    bare = without_memory(model)
    assert bare.number_format == "int4"
    assert bare.model.embed_tokens.packed.data_ptr() == model.model.embed_tokens.packed.data_ptr()


@FORMATS
def test_random_weights_of_a_shape_are_packed_as_those_of_a_file_are(number_format: str) -> None:
    config = demo("float32").config
    model = random_model(config, ReadingConfig("gated", 64, 64, 4), "cpu", torch.bfloat16, number_format)
    assert model.number_format == number_format
    ids = torch.randint(4096, (1, 20), generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        whole, _ = model(ids, model.empty_state())
        first, state = model(ids[:, :19], model.empty_state())
        last, _ = model(ids[:, 19:], state)
    apart = (torch.cat((first, last), dim=1) - whole).float().square().mean().sqrt()
    assert float(apart / whole.float().std()) < 0.05
    row = measure_answer(model, 70)
    assert row["dtype"] == number_format
    assert row["weight_bytes"] == memory_plan(config, model.reading, number_format, 1).weights


def test_packed_weights_are_not_trained() -> None:
    checkpoint = open_checkpoint(resolve_model("demo"))
    with pytest.raises(UsageError, match="int8 weights cannot be trained"):
        load_checkpoint(checkpoint, demo("float32").reading, "cpu", "int8", trains=True)


def test_a_gpu_without_bfloat16_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "gpu_dtype", lambda: "float32")
    checkpoint = open_checkpoint(resolve_model("demo"))
    with pytest.raises(UsageError, match="int4 weights need a GPU that computes in bfloat16") as error:
        load_checkpoint(checkpoint, demo("float32").reading, "cuda", "int4")
    assert "--device cpu" in error.value.hint


@pytest.mark.parametrize("fits", ["float32", "int8", "int4", None])
def test_the_free_memory_chooses_the_format_and_the_program_says_so(fits: str | None) -> None:
    checkpoint, notices, reading = open_checkpoint(resolve_model("demo")), Notices(), demo("float32").reading
    plan = memory_plan(checkpoint.config, reading, fits or "int4", 1)
    free = plan.total * 10 // 9 + 10 if fits else plan.total
    expected = fits or "int4"
    assert fitting_format(notices, checkpoint, reading, "cpu", "float32", free) == expected
    assert [f"the weights are kept in {expected}" in note for note in notices.notes] == [True] * (expected != "float32")
    assert len(notices.warnings) == (fits is None)


def test_where_the_system_does_not_tell_what_is_free_nothing_is_quantised() -> None:
    checkpoint, reading = open_checkpoint(resolve_model("demo")), demo("float32").reading
    assert fitting_format(Notices(), checkpoint, reading, "cpu", "float32", None) == "float32"


def test_states_of_each_format_have_a_name_of_their_own() -> None:
    tokenizer = load_tokenizer(resolve_model("demo"))
    readers = [Reader(demo(number_format), tokenizer) for number_format in ("bfloat16", *QUANTISED)]
    assert [reader.expectation().dtype for reader in readers] == ["bfloat16", *QUANTISED]
    assert len({reader.identity() for reader in readers}) == 3
