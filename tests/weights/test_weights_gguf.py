"""Models in GGUF files: their configs, names and numbers are those of the Hugging Face checkpoint they came from."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
import transformers
from gguf_bytes import header, key, padded, text, uint32
from gguf_models import FAMILIES, SHAPE, converted, tiny_weights, write_model
from torch import Tensor

from gemma10m.errors import ModelError
from gemma10m.weights.headers import TensorEntry
from gemma10m.weights.sources import dequantise
from gemma10m.weights.sources.dequantise import BLOCK_DTYPES, PLAIN, load_tensor
from gemma10m.weights.sources.gguf import GgufSource
from gemma10m.weights.sources.gguf_said import shortest

GEMMA3 = {"attention.sliding_window": 16}
KEYS: dict[str, dict[str, Any]] = {"gemma3": GEMMA3}


def open_tiny(tmp_path: Path, architecture: str, weights: dict[str, Tensor] | None = None, **said: Any) -> GgufSource:
    path = tmp_path / "model.gguf"
    said = {"keys": KEYS.get(architecture, {})} | said
    write_model(path, architecture, tiny_weights(architecture) if weights is None else weights, **said)
    return GgufSource(path)


def loaded(source: GgufSource, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    return {name: source.load(entry, dtype, "cpu") for name, entry in source.entries().items()}


# --- names and numbers


@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_tensor_of_a_checkpoint_comes_back_under_its_own_name(tmp_path: Path, architecture: str) -> None:
    weights = tiny_weights(architecture)
    found = loaded(open_tiny(tmp_path, architecture, weights))
    assert found.keys() == weights.keys()
    for name, weight in weights.items():
        is_shifted = architecture.startswith("gemma") and name.endswith("norm.weight")
        torch.testing.assert_close(found[name], (weight + 1) - 1 if is_shifted else weight, rtol=0, atol=0)


def test_a_head_of_its_own_and_biases_come_back(tmp_path: Path) -> None:
    weights = tiny_weights("llama", tie_word_embeddings=False, attention_bias=True)
    source = open_tiny(tmp_path, "llama", weights)
    assert (source.config()["tie_word_embeddings"], source.config()["attention_bias"]) == (False, True)
    found = loaded(source)
    assert {"lm_head.weight", "model.layers.0.self_attn.q_proj.bias"} <= found.keys() == weights.keys()
    assert all(torch.equal(found[name], weight) for name, weight in weights.items())


@pytest.mark.parametrize("architecture", ["gemma2", "gemma3", "llama", "qwen2"])
def test_transformers_reads_the_same_numbers_out_of_the_file(tmp_path: Path, architecture: str) -> None:
    keys, changes = KEYS.get(architecture, {}), {}
    if not architecture.startswith("gemma"):  # transformers takes no other size of a head out of these files
        changes = {"head_dim": SHAPE["hidden_size"] // SHAPE["num_attention_heads"]}
        keys = {"attention.key_length": changes["head_dim"], "attention.value_length": changes["head_dim"]}
    ours = loaded(open_tiny(tmp_path, architecture, tiny_weights(architecture, **changes), keys=keys, kind="Q8_0"))
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="model.gguf", dtype=torch.float32)
    theirs = model.state_dict()
    assert ours.keys() == theirs.keys() - {"lm_head.weight"}
    assert all(torch.equal(found, theirs[name]) for name, found in ours.items())


@pytest.mark.parametrize("kind", sorted(BLOCK_DTYPES))
def test_pieces_are_bit_for_bit_what_the_whole_tensor_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(dequantise, "PIECE", 3 * 512)  # three rows, and one is left at the end
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)  # fewer than pieces
    quantisation = gguf.GGMLQuantizationType[kind]
    weights, size = gguf.GGML_QUANT_SIZES[quantisation]
    packed = np.random.default_rng(0).integers(0, 256, (10, 512 // weights * size), np.uint8)
    packed[:, 1::2] &= 0x3F  # keeps every scale finite
    (tmp_path / "packed").write_bytes(b"before" + packed.tobytes() + b"after")
    entry = TensorEntry("a", kind, (10, 512), tmp_path / "packed", 6, 6 + packed.nbytes)
    expected = torch.from_numpy(gguf.dequantize(packed, quantisation))
    assert expected.isfinite().all()
    assert torch.equal(load_tensor(entry, torch.float32, "cpu"), expected)
    assert torch.equal(load_tensor(entry, torch.bfloat16, "cpu"), expected.bfloat16())


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_numbers_are_read_without_the_gguf_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    weights = tiny_weights("llama")
    source = open_tiny(tmp_path, "llama", weights, kind=kind)
    monkeypatch.setitem(sys.modules, "gguf", None)
    monkeypatch.setattr(dequantise, "PIECE", 100)
    for name, found in loaded(source).items():
        in_file = PLAIN[kind] if weights[name].dim() > 1 else torch.float32
        assert torch.equal(found, weights[name].to(in_file).float())


def test_a_quantised_model_without_the_gguf_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_tiny(tmp_path, "llama", kind="Q8_0")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ModelError, match="the package gguf, which reads it, is not installed") as caught:
        loaded(source)
    assert caught.value.hint == "pip install 'gemma10m[gguf]'"


def test_gemmas_1_is_taken_off_before_the_cast(tmp_path: Path) -> None:
    weights = tiny_weights("gemma2")
    found = loaded(open_tiny(tmp_path, "gemma2", weights), torch.bfloat16)
    name = "model.layers.0.post_feedforward_layernorm.weight"
    assert torch.equal(found[name], ((weights[name] + 1) - 1).bfloat16())
    assert not torch.equal(found[name], (weights[name] + 1).bfloat16() - 1)


def test_another_type_is_refused_by_its_name(tmp_path: Path) -> None:
    entry = TensorEntry("model.norm.weight", "IQ2_XXS", (256,), tmp_path / "a", 0, 66)
    with pytest.raises(
        ModelError, match=r"model\.norm\.weight in .* has the type IQ2_XXS, which is not read"
    ) as caught:
        load_tensor(entry, torch.float32, "cpu")
    assert "Q4_K_M" in caught.value.hint


def test_a_file_cut_after_it_was_opened_is_an_error(tmp_path: Path) -> None:
    source = open_tiny(tmp_path, "llama")
    with source.path.open("r+b") as file:
        file.truncate(source.path.stat().st_size - 5_000)
    with pytest.raises(ModelError, match="was changed while it was read"):
        loaded(source)


# --- configs


@pytest.mark.parametrize("architecture", FAMILIES)
def test_transformers_takes_the_config_and_means_the_same_model(tmp_path: Path, architecture: str) -> None:
    said = open_tiny(tmp_path, architecture).config()
    assert {key: said[key] for key in SHAPE} == SHAPE
    assert (said["rms_norm_eps"], said["rope_theta"], said["rope_scaling"]) == (1e-6, 10_000.0, None)
    assert (said["tie_word_embeddings"], said["bos_token_id"]) == (True, 2)
    config_class, _ = FAMILIES[architecture]
    assert said["model_type"] == config_class.model_type
    config = config_class(**said)
    unknown = {"hidden_activation"} if architecture == "gemma" else set()
    kept = {key: value for key, value in said.items() if key not in unknown and not key.startswith(("rope", "sliding"))}
    assert {key: getattr(config, key) for key in kept} == kept


def test_gemma_2_gets_what_its_file_may_leave_out(tmp_path: Path) -> None:
    said = open_tiny(tmp_path, "gemma2").config()
    assert (said["sliding_window"], said["query_pre_attn_scalar"]) == (4096, 32)
    assert (said["attn_logit_softcapping"], said["final_logit_softcapping"]) == (50.0, 30.0)
    keys = {"attention.sliding_window": 8, "attn_logit_softcapping": 20.0, "final_logit_softcapping": 10.0}
    said = open_tiny(tmp_path, "gemma2", keys=keys).config()
    assert (said["sliding_window"], said["attn_logit_softcapping"], said["final_logit_softcapping"]) == (8, 20.0, 10.0)


@pytest.mark.parametrize(("architecture", "layers"), [("gemma2", 46), ("gemma3", 62)])
def test_the_27b_models_scale_queries_by_their_width(tmp_path: Path, architecture: str, layers: int) -> None:
    keys = KEYS.get(architecture, {}) | {"block_count": layers}
    said = open_tiny(tmp_path, architecture, keys=keys).config()
    assert (said["query_pre_attn_scalar"], said["head_dim"]) == (64 // 4, 32)


def test_gemma_3_has_two_rotary_bases_and_every_sixth_layer_sees_everything(tmp_path: Path) -> None:
    keys = GEMMA3 | {"rope.freq_base": 1e6, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0}
    said = open_tiny(tmp_path, "gemma3", keys=keys).config()
    assert (said["rope_theta"], said["rope_local_base_freq"]) == (1e6, 10_000.0)
    assert said["rope_scaling"] == {"rope_type": "linear", "factor": 8.0}
    assert (said["sliding_window"], said["sliding_window_pattern"]) == (16, 6)
    assert said["attn_logit_softcapping"] is said["final_logit_softcapping"] is None


def test_a_pattern_in_the_file_goes_before_the_known_one(tmp_path: Path) -> None:
    for written, read in (
        (2, {"sliding_window_pattern": 2}),
        ([True, True, False], {"layer_types": ["sliding_attention"] * 2 + ["full_attention"]}),
    ):
        keys = GEMMA3 | {"attention.sliding_window_pattern": written, "rope.freq_base_swa": 5_000.0}
        said = open_tiny(tmp_path, "gemma3", keys=keys).config()
        assert said.items() >= read.items()
        assert said["rope_local_base_freq"] == 5_000.0


def test_llama_3s_frequencies_are_the_files_own(tmp_path: Path) -> None:
    factors = np.linspace(1, 8, 16, dtype=np.float32)
    source = open_tiny(tmp_path, "llama", extra={"rope_freqs.weight": factors})
    assert source.config()["rope_scaling"] == {"rope_type": "llama3_factors", "factors": factors.tolist()}
    assert "rope_freqs.weight" not in source.entries()


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"rope.scaling.type": "none"}, None),
        ({"rope.scale_linear": 4.0}, {"rope_type": "linear", "factor": 4.0}),
        (
            {
                "rope.scaling.type": "yarn",
                "rope.scaling.factor": 4.0,
                "rope.scaling.original_context_length": 64,
                "rope.scaling.yarn_beta_fast": 16.0,
            },
            {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 16.0},
        ),
    ],
)
def test_rope_scaling_is_told_in_hugging_faces_words(tmp_path: Path, keys: dict[str, Any], expected: object) -> None:
    assert open_tiny(tmp_path, "qwen3", keys=keys).config()["rope_scaling"] == expected


@pytest.mark.parametrize("value", [1e-6, 1e-5, 10_000.0, 0.1, 1.25, 2.9e38])
def test_a_float32_is_told_as_the_decimal_it_was_made_of(value: float) -> None:
    single = float(np.float32(value))
    assert np.float32(shortest(single)) == np.float32(single)
    assert shortest(single) == value


def test_a_number_beyond_every_float32_stays_as_it_is() -> None:
    assert shortest(1e300) == 1e300


# --- refusals


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"block_count": None}, r"qwen3\.block_count is missing, a whole number above 0 expected"),
        ({"block_count": 0}, r"qwen3\.block_count is 0"),
        ({"block_count": "3"}, r"qwen3\.block_count is '3'"),
        ({"attention.head_count": [4, 4, 4]}, r"attention\.head_count is \[4, 4, 4\]"),
        ({"attention.layer_norm_rms_epsilon": float("nan")}, r"layer_norm_rms_epsilon is nan, a number above 0"),
        ({"attention.value_length": 16}, "value_length differs from key_length"),
        ({"rope.dimension_count": 16}, "rotary embedding turns 16 of a head's 32 numbers"),
        ({"rope.scaling.type": "longrope"}, r"rope\.scaling\.type is 'longrope', none, linear or yarn expected"),
        ({"rope.scaling.type": "linear"}, r"rope\.scaling\.factor is missing"),
        (
            {"rope.scaling.type": "linear", "rope.scaling.factor": 2.0, "rope.scaling.attn_factor": 2.0},
            r"qwen3\.rope\.scaling\.attn_factor is not read",
        ),
    ],
)
def test_a_config_that_is_not_read_is_refused_by_its_key(tmp_path: Path, keys: dict[str, Any], expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        open_tiny(tmp_path, "qwen3", keys=keys)


def test_every_problem_of_a_config_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"embedding_length is missing.*; .*block_count is missing"):
        open_tiny(tmp_path, "llama", keys={"embedding_length": None, "block_count": None})


@pytest.mark.parametrize(
    "factors", [np.ones(15, np.float32), np.zeros(16, np.float32), np.full(16, np.inf, np.float32)]
)
def test_rope_factors_that_do_not_fit_are_refused(tmp_path: Path, factors: Any) -> None:
    with pytest.raises(ModelError, match=r"rope_freqs\.weight must hold 16 numbers above 0"):
        open_tiny(tmp_path, "llama", extra={"rope_freqs.weight": factors})


@pytest.mark.parametrize(
    ("architecture", "keys", "expected"),
    [
        (
            "mamba",
            (),
            "has the architecture 'mamba', one of gemma, gemma2, gemma3, gemma4, llama, qwen2, qwen3 expected",
        ),
        ("llama", (key("llama.expert_count", 4, uint32(8)),), "is a mixture of 8 experts, which is not read"),
        ("llama", (key("general.type", 8, text("adapter")),), "holds 'adapter', a model expected"),
    ],
)
def test_another_kind_of_model_is_refused(
    tmp_path: Path, architecture: str, keys: tuple[bytes, ...], expected: str
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(padded(header([key("general.architecture", 8, text(architecture)), *keys])))
    with pytest.raises(ModelError, match=expected):
        GgufSource(path)


@pytest.mark.parametrize("name", ["blk.0.ffn_gate_exps.weight", "blk.0.attn_q.weight.lora_a", "v.patch_embd.weight"])
def test_a_tensor_that_no_such_model_has_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match=f"has the tensor '{re.escape(name)}', which no llama model has"):
        open_tiny(tmp_path, "llama", extra={name: np.zeros(4, np.float32)})


def test_rows_that_do_not_fit_the_heads_are_refused(tmp_path: Path) -> None:
    source = open_tiny(tmp_path, "llama", keys={"attention.head_count": 8})
    with pytest.raises(ModelError, match=r"q_proj.weight in .* has 128 rows, 256 expected for 8 heads"):
        loaded(source)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a git-lfs pointer"),
        (b"<!doctype html>", "is an HTML page"),
        (b"hello", "is not a GGUF file: found 5 bytes"),
    ],
)
def test_what_is_no_gguf_file_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(ModelError, match=expected):
        GgufSource(tmp_path / "model.gguf")


def test_the_converters_rows_are_not_the_checkpoints() -> None:
    """The interleaving that the tests above undo does something."""
    weight = torch.arange(128.0).view(128, 1)
    assert not torch.equal(converted("llama", "model.layers.0.self_attn.q_proj.weight", weight), weight)


# --- a published model


@pytest.mark.real_weights
@pytest.mark.parametrize("name", ["small", "chat"])
def test_a_published_models_tensors_are_bit_for_bit_what_gguf_makes_of_the_whole(
    published: Callable[[str], Path], name: str
) -> None:
    source = GgufSource(published(name))
    content = np.memmap(source.path, np.uint8, "r")
    for entry in source.entries().values():
        packed = content[entry.start : entry.end].reshape(*entry.shape[:-1], -1)
        whole = torch.from_numpy(gguf.dequantize(packed, gguf.GGMLQuantizationType[entry.dtype]).copy())
        found = source.load(entry, torch.float32, "cpu")
        if name == "small" and entry.name.endswith("norm.weight"):
            assert torch.equal(found, whole - 1)
        elif name == "chat" and re.search(r"[qk]_proj", entry.name):
            heads = 9 if "q_proj" in entry.name else 3
            assert torch.equal(found.view(heads, 2, 32, -1).transpose(1, 2).reshape(whole.shape), whole)
        else:
            assert torch.equal(found, whole)
