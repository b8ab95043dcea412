"""The table of published models has the parameter counts of transformers' models and of ours."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from gemma10m.config import ReadingConfig
from gemma10m.models import decoder
from gemma10m.weights.config_file import parse_config
from gemma10m.weights.published import PUBLISHED, Published, find_published

every_model = pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.repository)

# What the model cards and the papers' tables state.
STATED = {
    "google/gemma-2b": 2_506_172_416,
    "google/gemma-7b": 8_537_680_896,
    "google/gemma-2-2b": 2_614_341_888,
    "google/gemma-2-9b": 9_241_705_984,
    "google/gemma-2-27b": 27_227_128_320,
    "google/gemma-3-270m": 268_098_176,
    "google/gemma-3-1b": 999_885_952,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    "Qwen/Qwen2.5-0.5B": 494_032_768,
    "Qwen/Qwen3-0.6B": 596_049_920,
}


def count(model: nn.Module) -> int:
    """Count a parameter that two modules share once."""
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("entry", [one for one in PUBLISHED if one.has_weights], ids=lambda entry: entry.repository)
def test_the_official_model_has_the_stated_parameters(entry: Published) -> None:
    said = dict(entry.config)
    config = CONFIG_MAPPING[said.pop("model_type")](**said)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert count(model) == entry.parameters


@every_model
def test_our_model_has_the_stated_parameters(entry: Published) -> None:
    config = parse_config(dict(entry.config)).config
    with torch.device("meta"):
        model = decoder.Decoder(config, ReadingConfig())
    assert count(model) == entry.parameters


@pytest.mark.parametrize(("repository", "parameters"), STATED.items(), ids=STATED)
def test_counts_are_those_of_the_model_cards(repository: str, parameters: int) -> None:
    assert {entry.repository: entry.parameters for entry in PUBLISHED}[repository] == parameters


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("google/gemma-2b", "google/gemma-2b"),
        ("GEMMA-2B-IT", "google/gemma-2b"),
        ("gemma-1.1-2b-it", "google/gemma-1.1-2b"),
        ("google/gemma-2-2b-it", "google/gemma-2-2b"),
        ("google/gemma-3-4b-pt", "google/gemma-3-4b"),
        ("gemma-3-270m", "google/gemma-3-270m"),
        ("meta-llama/Llama-2-7b-chat-hf", "meta-llama/Llama-2-7b"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "meta-llama/Llama-3-8B"),
        ("Meta-Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
        ("huggingfacetb/smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-135M"),
        ("Qwen2.5-3B-Instruct", "Qwen/Qwen2.5-3B"),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct"),
        ("Qwen3-8B-Base", "Qwen/Qwen3-8B-Base"),
    ],
)
def test_a_model_is_found_by_its_repository(name: str, repository: str) -> None:
    assert find_published(name) == {entry.repository: entry for entry in PUBLISHED}[repository]


@pytest.mark.parametrize(
    "name",
    ["", "gemma", "demo", "google/", "/gemma-2b", "another/gemma-2b", "google/gemma-2b/x", "Qwen3-4B-Instruct-2507",
     "gemma-2b-it-quantised", "gemma-3n-e9b"],
)  # fmt: skip
def test_other_names_are_not_in_the_table(name: str) -> None:
    assert find_published(name) is None


def test_contexts_of_base_and_instruct_models_differ_where_their_files_do() -> None:
    def context(name: str) -> Any:
        found = find_published(name)
        assert found is not None
        return found.config["max_position_embeddings"]

    assert (context("Qwen2.5-7B"), context("Qwen2.5-7B-Instruct")) == (131072, 32768)
    assert (context("Qwen3-8B-Base"), context("Qwen3-8B")) == (32768, 40960)


# The files of those that see images say only what differs from the defaults of the architecture.
SPARSE = {
    "gemma-3-4b": dict(
        hidden_size=2560, intermediate_size=10240, num_hidden_layers=34, sliding_window=1024,
        rope_scaling=dict(factor=8.0, rope_type="linear"),
    ),
    "gemma-3-12b": dict(
        hidden_size=3840, intermediate_size=15360, num_attention_heads=16, num_hidden_layers=48,
        num_key_value_heads=8, sliding_window=1024, rope_scaling=dict(factor=8.0, rope_type="linear"),
    ),
    "gemma-3-27b": dict(
        head_dim=128, hidden_size=5376, intermediate_size=21504, num_attention_heads=32, num_hidden_layers=62,
        num_key_value_heads=16, query_pre_attn_scalar=168, sliding_window=1024,
        rope_scaling=dict(factor=8.0, rope_type="linear"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPARSE)
def test_what_a_multimodal_file_does_not_say_is_the_architectures_default(name: str) -> None:
    sparse = dict(model_type="gemma3", text_config=dict(model_type="gemma3_text") | SPARSE[name], vision_config={})
    full = find_published(name)
    assert full is not None
    assert parse_config(sparse).config == parse_config(full.config).config


@pytest.mark.parametrize("name", SPARSE)
def test_the_official_implementation_has_the_same_defaults(name: str) -> None:
    full = find_published(name)
    assert full is not None
    found = CONFIG_MAPPING["gemma3_text"](**SPARSE[name]).to_dict()
    expected = CONFIG_MAPPING["gemma3_text"](**deepcopy(full.config)).to_dict()
    assert expected.pop("sliding_window_pattern") == 6  # kept only where it was given; layer_types has followed from it
    assert found == expected
