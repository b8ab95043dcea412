"""Low-rank updates: beside frozen weights or added to them, they compute the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from models import difference
from official_models import random_ids
from tiny_adapters import (
    ALPHA,
    BASES,
    CONFIG,
    RANK,
    eighths,
    exact_base,
    fill_with_eighths,
    logits_in_float64,
    with_lora,
)
from torch import nn

import gemma10m
from gemma10m.adapters.lora import MODULES, LoraConfig, LoraLinear, LowRankUpdate, add_lora, lora_parameters, updates_of
from gemma10m.config import AttentionSpec
from gemma10m.errors import ConfigError, UsageError

IDS = random_ids(batch=2, tokens=30)


@pytest.mark.parametrize("bias", [False, True])
def test_an_update_beside_a_weight_is_the_update_added_to_it(bias: bool) -> None:
    weight = (torch.randn(40, 24) * 64).round() / 64
    linear = nn.Linear(24, 40, bias=bias, dtype=torch.float64)
    linear.weight.data = weight.double()
    beside = LoraLinear(linear, CONFIG, torch.Generator().manual_seed(0))
    with torch.no_grad():
        fill_with_eighths(beside, 0)
        merged = nn.Linear(24, 40, bias=bias, dtype=torch.float64)
        added = LowRankUpdate(beside.lora_A.detach(), beside.lora_B.detach(), beside.scale).added_to(weight)
        merged.weight.data, merged.bias = added.double(), linear.bias
        x = torch.randn(3, 5, 24, dtype=torch.float64)
        assert difference(beside(x), merged(x)) < 1e-10
        assert difference(beside(x), linear(x)) > 0.1


def test_a_weight_is_rounded_once() -> None:
    """Half of this update added to 1 is 1 in bfloat16, and the whole is not."""
    down, up = torch.full((2, 1), 2.0**-4), torch.full((1, 2), 2.0**-4)
    weight = torch.ones(1, 1, dtype=torch.bfloat16)
    added = LowRankUpdate(down, up, 0.75).added_to(weight)
    assert added.dtype == torch.bfloat16
    assert float(added) == 1 + 2.0**-7  # 1 + 2 * 0.75 * 2^-8


def test_an_update_in_bfloat16_is_added_as_exactly_as_one_in_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    down, up, weight = (torch.randn(shape, generator=generator) / 8 for shape in ((16, 96), (64, 16), (64, 96)))
    down, up, weight = down.bfloat16(), up.bfloat16(), weight.bfloat16()
    exact = weight.double() + 2.0 * up.double() @ down.double()
    quick = LowRankUpdate(down.float(), up.float(), 2.0).added_to(weight)
    thirds = LowRankUpdate(down.float() / 3, up.float(), 6.0).added_to(weight)  # which bfloat16 does not hold
    assert quick.dtype == thirds.dtype == torch.bfloat16
    for found in (quick, thirds):
        assert (found.double() - exact).abs().le(exact.abs() * 2.0**-8 + 1e-7).all()


@pytest.mark.parametrize("name", BASES)
def test_a_model_with_updates_beside_its_weights_is_the_one_with_merged_weights(name: str, tmp_path: Path) -> None:
    base = exact_base(name, tmp_path / "base")
    beside = with_lora(base, fill_with_eighths)
    merged = gemma10m.load_model(base, memory="full")
    updates = updates_of(beside)
    assert updates.keys() == {
        key for key in merged.state_dict() if key.split(".")[-2] in MODULES and key.endswith(".weight")
    }
    for key, update in updates.items():
        merged.get_parameter(key).data = update.added_to(merged.get_parameter(key).data)
    expected = logits_in_float64(merged, IDS)
    assert difference(logits_in_float64(beside, IDS), expected) < 1e-10
    assert difference(logits_in_float64(gemma10m.load_model(base, memory="full"), IDS), expected) > 0.1


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_new_adapter_changes_nothing(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    base = exact_base(name, tmp_path / "base")
    plain, new = gemma10m.load_model(base, memory="full").to(dtype), with_lora(base)
    for module in new.modules():  # the updates stay float32
        if isinstance(module, LoraLinear):
            module.linear.to(dtype)
    others = [part for key, part in new.named_parameters() if "lora_" not in key]
    for part in others:
        part.data = part.data.to(dtype)
    found, expected = (model(IDS, model.empty_state(2))[0] for model in (new, plain))
    assert found.dtype == dtype
    assert torch.equal(found, expected)


def updated(spec: AttentionSpec) -> int:
    """Count a layer's projections: one that shares has no keys and values, one whose keys are values none for these."""
    return len(MODULES) - (2 if spec.source is not None else int(spec.key_is_value))


@pytest.mark.parametrize("name", BASES)
def test_only_the_updates_learn_and_all_of_them(name: str, tmp_path: Path) -> None:
    model = with_lora(exact_base(name, tmp_path / "base"), fill_with_eighths)
    model(IDS, model.empty_state(2))[0].pow(2).sum().backward()
    learning = {key for key, part in model.named_parameters() if part.grad is not None and float(part.grad.abs().sum())}
    assert learning == {key for key, _ in model.named_parameters() if "lora_" in key}
    specs = [model.config.attention_of(layer) for layer in range(model.config.layers)]
    assert len(learning) == len(list(lora_parameters(model))) == 2 * sum(map(updated, specs))


def test_the_seed_decides_a(tmp_path: Path) -> None:
    base = exact_base("llama", tmp_path / "base")

    def drawn(seed: int) -> torch.Tensor:
        model = gemma10m.load_model(base)
        add_lora(model, LoraConfig(RANK, ALPHA, ("v_proj",)), seed)
        assert {key.split(".")[-2] for key in updates_of(model)} == {"v_proj"}
        return next(lora_parameters(model)).detach()

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_a_fused_model_is_refused(tmp_path: Path) -> None:
    """The joined weights are used in place of q, k, v, gate and up, whose updates would never learn."""
    model = gemma10m.load_model(exact_base("gemma3_text", tmp_path / "base"))
    model.fuse()
    with pytest.raises(UsageError, match="the model is fused"):
        add_lora(model, CONFIG, seed=0)


def test_all_problems_come_in_one_error() -> None:
    with pytest.raises(ConfigError) as refused:
        LoraConfig(0, -1.0, ("q_proj", "embed_tokens"))
    assert len(refused.value.problems) == 3
    assert "'embed_tokens'" in refused.value.message


@pytest.mark.parametrize(
    ("rank", "alpha"),
    [(0, 1.0), (1025, 1.0), (True, 1.0), (4, 0.0), (4, float("nan")), (4, float("inf")), (4, 1e30), (4, True)],
)
def test_a_rank_and_an_alpha_that_cannot_be_meant_are_refused(rank: int, alpha: float) -> None:
    with pytest.raises(ConfigError):
        LoraConfig(rank, alpha)


def test_no_modules_are_refused() -> None:
    with pytest.raises(ConfigError, match="one module at least"):
        LoraConfig(modules=())


def test_eighths_are_exact_in_bfloat16() -> None:
    numbers = eighths((9, 9), 0)
    assert torch.equal(numbers.bfloat16().float(), numbers)
    assert len(numbers.unique()) == 5
