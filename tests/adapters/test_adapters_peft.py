"""PEFT and this program read each other's adapters, and compute the same logits with them.

The truth is computed in float64 from beginning to end, as in the tests of the official models.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from models import difference
from official_models import Float64, in_float64, multimodal_model, official_logits, random_ids, save, true_logits
from peft import LoraConfig as PeftConfig
from peft import PeftModel, get_peft_model
from tiny_adapters import (
    ALPHA,
    CONFIG,
    RANK,
    eighths,
    exact_model,
    fill_with_eighths,
    logits_in_float64,
    with_lora,
    write_tiny,
)
from torch import Tensor
from transformers import PreTrainedModel

import gemma10m
from gemma10m.adapters.about import NOTHING_KNOWN
from gemma10m.adapters.lora import MODULES, updates_of
from gemma10m.adapters.peft_folder import read_adapter, write_adapter

# PEFT asks transformers in the words of its version 5.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
IDS = random_ids(batch=2, tokens=40)
NAMES = ("gemma", "gemma2", "gemma3_text", "llama", "qwen2", "qwen3", "smollm2")


def made_by_peft(
    base: PreTrainedModel, folder: Path, modules: tuple[str, ...] = MODULES, use_rslora: bool = False
) -> Path:
    """Write the adapter of PEFT's own model, whose numbers are eighths."""
    config = PeftConfig(
        r=RANK,
        lora_alpha=int(ALPHA),
        target_modules=list(modules),
        use_rslora=use_rslora,
        lora_dropout=0.1,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    parts = [part for key, part in model.named_parameters() if "lora_" in key]
    with torch.no_grad():
        for number, part in enumerate(parts):
            part.copy_(eighths(part.shape, number))
    model.save_pretrained(folder, save_embedding_layers=False)
    return folder


def peft_logits(base: PreTrainedModel, folder: Path) -> Tensor:
    model = PeftModel.from_pretrained(in_float64(base), folder, autocast_adapter_dtype=False).double().eval()
    with Float64():
        return official_logits(model, IDS)


@pytest.mark.parametrize("use_rslora", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_an_adapter_that_peft_made_is_read(name: str, use_rslora: bool, tmp_path: Path) -> None:
    base = save(exact_model(name), tmp_path / "base")
    adapter = made_by_peft(exact_model(name), tmp_path / "adapter", use_rslora=use_rslora)
    expected = peft_logits(exact_model(name), adapter)
    found = logits_in_float64(gemma10m.load_model(base, memory="full", adapter=adapter), IDS)
    assert difference(found, expected) < 1e-10
    assert difference(found, true_logits(exact_model(name), IDS)) > 0.1


def test_an_adapter_of_two_modules_is_read(tmp_path: Path) -> None:
    base = save(exact_model("llama"), tmp_path / "base")
    adapter = made_by_peft(exact_model("llama"), tmp_path / "adapter", ("q_proj", "lm_head"))
    found = logits_in_float64(gemma10m.load_model(base, memory="full", adapter=adapter), IDS)
    assert difference(found, peft_logits(exact_model("llama"), adapter)) < 1e-10
    assert {name.split(".")[-2] for name in read_adapter(adapter).updates} == {"q_proj", "lm_head"}


@pytest.mark.parametrize("name", NAMES)
def test_peft_reads_an_adapter_that_was_trained_here(name: str, tmp_path: Path) -> None:
    base = save(exact_model(name), tmp_path / "base")
    trained = with_lora(base, fill_with_eighths)
    write_adapter(tmp_path / "adapter", updates_of(trained), CONFIG, NOTHING_KNOWN, "base")
    expected = logits_in_float64(trained, IDS)
    assert difference(peft_logits(exact_model(name), tmp_path / "adapter"), expected) < 1e-10
    found = gemma10m.load_model(base, memory="full", adapter=tmp_path / "adapter")
    assert difference(logits_in_float64(found, IDS), expected) < 1e-10


def test_an_adapter_of_a_model_with_a_vision_tower_changes_the_text_model(tmp_path: Path) -> None:
    """The names begin as those of the larger model do."""
    base = save(multimodal_model(), tmp_path / "base")
    adapter = made_by_peft(multimodal_model(), tmp_path / "adapter", (r"model.language_model.layers.0.mlp.up_proj",))
    assert {name.split(".layers.")[0] for name in read_adapter(adapter).updates} == {"model.language_model"}
    plain, adapted = (
        gemma10m.load_model(base, adapter=folder).get_parameter("model.layers.0.mlp.up_proj.weight")
        for folder in ("none", adapter)
    )
    (update,) = read_adapter(adapter).updates.values()
    assert torch.equal(adapted, update.added_to(plain))
    assert not torch.equal(adapted, plain)


def test_what_peft_reads_is_what_was_written(tmp_path: Path) -> None:
    base = save(exact_model("llama"), tmp_path / "base")
    config = PeftConfig.from_pretrained(write_tiny(tmp_path / "adapter", base))
    assert (config.r, config.lora_alpha, config.bias, config.use_dora) == (RANK, ALPHA, "none", False)
    assert set(config.target_modules) == set(MODULES)
