"""A wrong checkpoint of any architecture is refused by a sentence that names the fault, before a tensor is made."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from official_models import OFFICIAL, official_model, old_spelling, rewrite_config, rewrite_tensors, save
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import PreTrainedModel

import gemma10m
from gemma10m.errors import ModelError

SECONDS = 20  # for what takes milliseconds
GEMMAS, OTHERS = ("gemma", "gemma2", "gemma3_text", "gemma4_text"), ("llama", "qwen2", "qwen3", "smollm2")
LOCAL = ("gemma2", "gemma3_text")
LINEAR = "llama, linear scaling"
every_architecture = pytest.mark.parametrize("name", OFFICIAL)
MISSING = object()


class NoTensors(TorchDispatchMode):
    """Inside this mode no tensor can be made but on the meta device, where it takes no memory."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        assert isinstance(made, torch.Tensor), func
        assert made.device.type == "meta", f"{func} made a tensor before the checkpoint was refused"
        return made


@contextmanager
def promptly() -> Iterator[None]:
    def late(*_: object) -> None:
        raise AssertionError(f"not refused within {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return each architecture's checkpoint with a config.json in the old spelling, by its name."""
    root = tmp_path_factory.mktemp("refused")
    made = {name: save(official_model(name), root / f"model {number}") for number, name in enumerate(OFFICIAL)}
    for folder in made.values():
        rewrite_config(folder, old_spelling)
    return made


def changed(folders: dict[str, Path], name: str, folder: Path, changes: dict[str, Any]) -> Path:
    """Write the checkpoint with other fields in config.json; the weights are linked."""
    folder.mkdir()
    (folder / "model.safetensors").hardlink_to(folders[name] / "model.safetensors")
    said = json.loads((folders[name] / "config.json").read_text(encoding="utf-8")) | changes
    said = {key: value for key, value in said.items() if value is not MISSING}
    (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def refusal(folder: Path) -> str:
    """Return the sentence that the checkpoint is refused by."""
    with promptly(), NoTensors(), pytest.raises(ModelError) as raised:
        gemma10m.load_model(folder, memory="full")
    assert raised.value.exit_code == 4
    assert "\n" not in raised.value.message
    return raised.value.message


@every_architecture
def test_the_checkpoint_is_read_before_anything_is_changed(folders: dict[str, Path], name: str) -> None:
    """All the others might be refused for another reason if this failed."""
    model = gemma10m.load_model(folders[name], memory="full")
    assert model.config.vocabulary == official_model(name).config.vocab_size


# --- numbers ----------------------------------------------------------------------------------------------------------

SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
WRONG_SIZES = (0, -1, True, [2], {"a": 1}, "4", 2.5, 2**31)
TOO_LARGE = 10**9  # a size that some model could have, but not one with these tensors


@every_architecture
@pytest.mark.parametrize("field", [*SIZES, "num_key_value_heads"])
@pytest.mark.parametrize("value", WRONG_SIZES, ids=repr)
def test_a_wrong_size(folders: dict[str, Path], tmp_path: Path, name: str, field: str, value: Any) -> None:
    assert field in refusal(changed(folders, name, tmp_path / "model", {field: value}))


@every_architecture
@pytest.mark.parametrize("field", SIZES)
@pytest.mark.parametrize("value", [None, MISSING], ids=["null", "missing"])
def test_a_missing_size(folders: dict[str, Path], tmp_path: Path, name: str, field: str, value: Any) -> None:
    if name == "gemma3_text" and field in ("num_attention_heads", "vocab_size"):
        pytest.skip("published files leave these out where they are the default")
    assert field in refusal(changed(folders, name, tmp_path / "model", {field: value}))


@every_architecture
@pytest.mark.parametrize("field", [*SIZES, "head_dim"])
def test_a_size_far_beyond_the_files(folders: dict[str, Path], tmp_path: Path, name: str, field: str) -> None:
    assert refusal(changed(folders, name, tmp_path / "model", {field: TOO_LARGE, "layer_types": MISSING}))


@every_architecture
@pytest.mark.parametrize("value", [0, -8, 7, True, "10", [10], 10.5], ids=repr)
def test_a_wrong_head_size(folders: dict[str, Path], tmp_path: Path, name: str, value: Any) -> None:
    assert "head_dim" in refusal(changed(folders, name, tmp_path / "model", {"head_dim": value}))


@every_architecture
def test_heads_that_key_value_heads_do_not_divide(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    heads = official_model(name).config.num_attention_heads
    message = refusal(changed(folders, name, tmp_path / "model", {"num_key_value_heads": heads - 1}))
    assert f"num_attention_heads ({heads})" in message


@every_architecture
@pytest.mark.parametrize("field", ["rms_norm_eps", "rope_theta"])
@pytest.mark.parametrize("value", [0, -1.0, True, "1e-6", [1.0]], ids=repr)
def test_a_wrong_number(folders: dict[str, Path], tmp_path: Path, name: str, field: str, value: Any) -> None:
    assert field in refusal(changed(folders, name, tmp_path / "model", {field: value}))


NUMBERS = [
    *((name, "query_pre_attn_scalar", value) for name in LOCAL for value in (0, -1, True, "24", [24])),
    *((name, "attn_logit_softcapping", value) for name in LOCAL for value in (0, -50.0, True, "50")),
    *((name, "final_logit_softcapping", value) for name in LOCAL for value in (0, -30.0, True, "30")),
    *((name, "sliding_window", value) for name in LOCAL for value in (0, -1, True, "8", 8.5, None, MISSING, [8])),
    *(("gemma3_text", "rope_local_base_freq", value) for value in (0, -1.0, True, "1e4")),
    *(("gemma3_text", "sliding_window_pattern", value) for value in (0, -1, True, "6", 2.5)),
]


@pytest.mark.parametrize(("name", "field", "value"), NUMBERS, ids=lambda value: "missing" if value is MISSING else None)
def test_a_wrong_number_of_one_architecture(
    folders: dict[str, Path], tmp_path: Path, name: str, field: str, value: Any
) -> None:
    assert field in refusal(changed(folders, name, tmp_path / "model", {field: value}))


# --- what a field may say ---------------------------------------------------------------------------------------------

GLOBAL_LAYER, LOCAL_LAYER = "full_attention", "sliding_attention"
LLAMA3 = dict(
    rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32
)

WRONG_LAYER_TYPES: list[Any] = [
    [], [LOCAL_LAYER], [LOCAL_LAYER] * 100, LOCAL_LAYER, 7, {LOCAL_LAYER: 4}, [True] * 4, [None] * 7,
    ["chunked_attention"] * 4, ["linear_attention"] * 7, ["full_attention\x1b[2J"] * 4,
]  # fmt: skip
WRONG_SCALING: list[Any] = [
    7, "linear", [8.0], {"factor": 8.0},
    {"type": "dynamic", "factor": 2.0}, {"rope_type": "yarn", "factor": 4.0}, {"rope_type": "longrope", "factor": 4.0},
    {"type": "linear", "rope_type": "llama3", "factor": 8.0}, {"rope_type": 3, "factor": 8.0},
    {"rope_type": "linear"}, {"rope_type": "linear", "factor": 0}, {"rope_type": "linear", "factor": -8.0},
    {"rope_type": "linear", "factor": "8"}, {"rope_type": "linear", "factor": True},
    {"rope_type": "linear", "factor": [8.0]}, {"rope_type": "linear", "factor": 8.0, "partial_rotary_factor": 0.5},
    *({key: value for key, value in LLAMA3.items() if key != left_out} for left_out in LLAMA3),
    LLAMA3 | {"factor": 0}, LLAMA3 | {"low_freq_factor": 4.0}, LLAMA3 | {"low_freq_factor": 8.0},
    LLAMA3 | {"high_freq_factor": True}, LLAMA3 | {"original_max_position_embeddings": -32},
    LLAMA3 | {"original_max_position_embeddings": "32"},
]  # fmt: skip


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("value", WRONG_LAYER_TYPES, ids=lambda value: repr(value)[:40])
def test_layer_types_that_do_not_fit(folders: dict[str, Path], tmp_path: Path, name: str, value: Any) -> None:
    message = refusal(changed(folders, name, tmp_path / "model", {"layer_types": value}))
    assert "layer_types" in message
    assert "\x1b" not in message


@pytest.mark.parametrize("name", [*OTHERS, "gemma3_text", LINEAR])
@pytest.mark.parametrize("value", WRONG_SCALING, ids=lambda value: repr(value)[:90])
def test_rope_scaling_that_is_not_known(folders: dict[str, Path], tmp_path: Path, name: str, value: Any) -> None:
    assert "rope_scaling" in refusal(changed(folders, name, tmp_path / "model", {"rope_scaling": value}))


@every_architecture
@pytest.mark.parametrize("value", [7, "default", [], {"rope_type": "yarn", "rope_theta": 1.0}], ids=repr)
def test_rope_parameters_that_are_not_known(folders: dict[str, Path], tmp_path: Path, name: str, value: Any) -> None:
    changes = {"rope_parameters": value, "rope_theta": MISSING, "rope_scaling": MISSING}
    assert "rope_parameters" in refusal(changed(folders, name, tmp_path / "model", changes))


# The fields of other architectures that change what is computed. A value that means "no change" is not among them.
FOREIGN: list[tuple[str, Any]] = [
    ("num_experts", 8), ("num_local_experts", 8), ("n_routed_experts", 64), ("num_experts_per_tok", 2),
    ("quantization_config", {"quant_method": "gptq", "bits": 4}), ("partial_rotary_factor", 0.5),
    ("logit_scale", 0.0625), ("logits_scaling", 8.0), ("embedding_multiplier", 12.0), ("residual_multiplier", 0.22),
    ("attention_multiplier", 0.015), ("clip_qkv", 8.0), ("no_rope_layers", [1, 0]),
    ("attention_chunk_size", 8), ("hidden_size_per_layer_input", 8), ("use_mrope", True),
]  # fmt: skip
# What files of these architectures say beside the shape.
HARMLESS: dict[str, Any] = dict(
    _name_or_path="a/name", architectures=["AnyForCausalLM"], attention_dropout=0.0, initializer_range=0.02,
    is_llama_config=True, rope_interleaved=False, pretraining_tp=1, use_cache=True, use_mrope=False,
    unsloth_fixed=True, unsloth_version="2024.11.7", transformers_version="4.46.2", torch_dtype="bfloat16",
    bos_token_id=2, eos_token_id=[1, 106], pad_token_id=0, cache_implementation="hybrid", model_name="a name",
    quantization_config=None, num_experts=None,
)  # fmt: skip


@every_architecture
@pytest.mark.parametrize(("field", "value"), FOREIGN, ids=lambda value: value if isinstance(value, str) else "")
def test_a_field_that_changes_the_maths(
    folders: dict[str, Path], tmp_path: Path, name: str, field: str, value: Any
) -> None:
    changes = {field: value}
    if name.startswith(("gemma3n", "gemma4")) and field == "hidden_size_per_layer_input":
        field = "per_layer"  # it is read there, and no tensor fits this value
    assert field in refusal(changed(folders, name, tmp_path / "model", changes))


@every_architecture
def test_fields_that_change_nothing_are_read_over(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    plain = gemma10m.load_model(folders[name], memory="full")
    model = gemma10m.load_model(changed(folders, name, tmp_path / "model", HARMLESS), memory="full")
    assert (model.config, model.reading, model.fingerprint) == (plain.config, plain.reading, plain.fingerprint)


SAID = [
    *((name, "attention_bias", value) for name in GEMMAS for value in (True, "no", 1)),
    *((name, "use_bidirectional_attention", value) for name in GEMMAS for value in (True, "all")),
    *((name, "hidden_act", value) for name in OTHERS for value in ("relu", "quick_gelu", "silu\x1b[2J", 3, ["silu"])),
    *((name, "hidden_activation", value) for name in LOCAL for value in ("silu", "gelu_python", "relu", 3)),
    ("gemma", "hidden_act", "silu"),
    *((name, "tie_word_embeddings", value) for name in OFFICIAL for value in ("yes", 1, [True])),
    *((name, "model_type", value) for name in OFFICIAL for value in (3, None, MISSING, "mamba", "siglip_vision_model")),
]


@pytest.mark.parametrize(("name", "field", "value"), SAID, ids=lambda value: "missing" if value is MISSING else None)
def test_a_field_that_says_what_is_not_read(
    folders: dict[str, Path], tmp_path: Path, name: str, field: str, value: Any
) -> None:
    message = refusal(changed(folders, name, tmp_path / "model", {field: value}))
    assert field in message
    assert "\x1b" not in message


# --- tensors ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint"


def weights_of(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Return copies of the tensors that a file has: not a head that is the embedding."""
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    return {tensor: weight.clone() for tensor, weight in model.state_dict().items() if tensor not in tied}


@every_architecture
def test_each_tensor_is_missed(checkpoint: Path, name: str) -> None:
    """The last layer's stand for those of every layer."""
    model = official_model(name)
    save(model, checkpoint)
    last = model.config.num_hidden_layers - 1
    tensors = weights_of(model)
    for tensor in [tensor for tensor in tensors if f"layers.{last}." in tensor or "layers." not in tensor]:
        rewrite_tensors(checkpoint, lambda _, left=tensor: {n: t for n, t in tensors.items() if n != left})
        assert tensor in refusal(checkpoint)


@every_architecture
@pytest.mark.parametrize(
    "extra",
    ["model.layers.0.self_attn.o_proj.bias", "model.layers.0.mlp.up_proj.bias", "model.layers.99.mlp.up_proj.weight",
     "model.layers.0.mlp.experts.0.up_proj.weight", "lm_head.bias", "a name \x1b[2J"],
)  # fmt: skip
def test_a_tensor_too_many(checkpoint: Path, name: str, extra: str) -> None:
    save(official_model(name), checkpoint)
    rewrite_tensors(checkpoint, lambda tensors: tensors | {extra: torch.zeros(3)})
    message = refusal(checkpoint)
    assert extra.replace("\x1b", "\\x1b") in message
    assert "\x1b" not in message


@every_architecture
def test_each_tensor_of_another_shape(checkpoint: Path, name: str) -> None:
    model = official_model(name)
    save(model, checkpoint)
    tensors = weights_of(model)
    for tensor in [tensor for tensor in tensors if "layers.0." in tensor or "layers." not in tensor]:
        misshapen = torch.cat((tensors[tensor], tensors[tensor][:1]))
        rewrite_tensors(checkpoint, lambda _, wrong=tensor, value=misshapen: tensors | {wrong: value})
        assert tensor in refusal(checkpoint)
