"""Every architecture equals transformers' official model at tiny random sizes that let a wrong detail show.

The truth is transformers' own code, run in float64 from beginning to end (`official_models.Float64`): in a plain
float64 model its norms, angles and softmax are still float32, which is off by 1e-5.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from models import assert_same_state, copy_of, difference
from official_models import (
    OFFICIAL,
    TOKENS,
    VOCABULARY,
    Float64,
    in_float64,
    multimodal_model,
    official_logits,
    official_model,
    old_spelling,
    random_ids,
    rewrite_config,
    rewrite_tensors,
    save,
    true_logits,
)
from states import expectation, sample_header
from torch import Tensor

import gemma10m
from gemma10m.errors import ModelError
from gemma10m.memory.state import State
from gemma10m.models.continuation import Continuation
from gemma10m.state_file import load_state, save_state

every_architecture = pytest.mark.parametrize("name", OFFICIAL)
EXACT = 1e-10
IDS = random_ids()
CUTS = {
    "ragged": (1, 2, 7, 8, 9, 20, 23, 24, 25, 47, 69),
    "one token at a time": tuple(range(1, TOKENS)),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return each architecture's checkpoint, by its name."""
    root = tmp_path_factory.mktemp("official")
    return {name: save(official_model(name), root / f"model {number}") for number, name in enumerate(OFFICIAL)}


@cache
def truth(name: str) -> Tensor:
    """Return the logits of IDS in float64 (B, S, V)."""
    return true_logits(official_model(name), IDS)


def loaded(folder: Path) -> Any:
    return gemma10m.load_model(folder, memory="full")


@torch.no_grad()
def read(model: Any, ids: Tensor, cuts: Iterable[int] = (), state: State | None = None) -> tuple[Tensor, State]:
    """Read the ids in calls that end at the cuts; return the calls' logits side by side, and the last state."""
    state = model.empty_state(batch=len(ids)) if state is None else state
    parts = []
    for part in ids.tensor_split(tuple(cuts), dim=1):
        some, state = model(part, state, logits="all")
        parts.append(some)
    return torch.cat(parts, dim=1), state


def read_in_float64(folder: Path, ids: Tensor = IDS, cuts: Iterable[int] = ()) -> Tensor:
    model = loaded(folder).double()
    with Float64():
        logits, _ = read(model, ids, cuts)
    assert logits.dtype == torch.float64
    return logits


# --- the truth is worth something -------------------------------------------------------------------------------------

ROPE = "rope_parameters"
GLOBAL, LOCAL = "full_attention", "sliding_attention"
PLAIN = dict(rope_theta=1000.0, rope_type="default")


def _gemma3_rope(theta: float = 20000.0, factor: float = 8.0, local: float = 300.0) -> dict[str, Any]:
    scaled = dict(rope_theta=theta, rope_type="linear", factor=factor)
    return {ROPE: {GLOBAL: scaled, LOCAL: dict(rope_theta=local, rope_type="default")}}


def _gemma4_rope(theta: float = 20000.0, share: float = 0.25, local: float = 300.0, **more: float) -> dict[str, Any]:
    part = dict(rope_theta=theta, rope_type="proportional", partial_rotary_factor=share) | more
    return {ROPE: {GLOBAL: part, LOCAL: dict(rope_theta=local, rope_type="default")}}


def _llama3_rope(**changes: Any) -> dict[str, Any]:
    return {ROPE: OFFICIAL["llama"].sizes[ROPE] | changes}


# What a reader of config.json may get wrong.
DETAILS: list[tuple[str, dict[str, Any]]] = [
    *((name, {"rms_norm_eps": 1e-6}) for name in OFFICIAL),
    ("gemma", {"hidden_act": "gelu_python"}),  # not the tanh approximation
    ("gemma", {ROPE: PLAIN | dict(rope_theta=10000.0)}),
    ("gemma2", {"hidden_activation": "gelu_python"}),
    ("gemma2", {"sliding_window": 7}),
    ("gemma2", {"sliding_window": 9}),
    ("gemma2", {"layer_types": [GLOBAL, LOCAL] * 2}),
    ("gemma2", {"query_pre_attn_scalar": 10}),
    ("gemma2", {"attn_logit_softcapping": None}),
    ("gemma2", {"attn_logit_softcapping": 50.0}),
    ("gemma2", {"final_logit_softcapping": None}),
    ("gemma2", {"final_logit_softcapping": 30.0}),
    ("gemma3_text", {"sliding_window": 11}),
    ("gemma3_text", {"sliding_window": 13}),
    ("gemma3_text", {"layer_types": [LOCAL] * 5 + [GLOBAL, LOCAL]}),
    ("gemma3_text", {"query_pre_attn_scalar": 10}),
    ("gemma3_text", _gemma3_rope(theta=1e6)),
    ("gemma3_text", _gemma3_rope(factor=1.0)),
    ("gemma3_text", _gemma3_rope(local=10000.0)),
    ("gemma3n_text", {"altup_num_inputs": 2}),
    ("gemma3n_text", {"laurel_rank": 4}),
    ("gemma3n_text", {"activation_sparsity_pattern": [0.6, 0.6, 0.0, 0.7, 0.0, 0.0]}),
    ("gemma3n_text", {"altup_correct_scale": False}),
    ("gemma3n_text", {"vocab_size_per_layer_input": VOCABULARY}),
    ("gemma4_text", {"sliding_window": 11}),
    ("gemma4_text", {"layer_types": [GLOBAL, LOCAL, LOCAL, GLOBAL, LOCAL, GLOBAL]}),
    ("gemma4_text", {"final_logit_softcapping": None}),
    ("gemma4_text", _gemma4_rope(theta=1e6)),
    ("gemma4_text", _gemma4_rope(share=0.5)),
    ("gemma4_text", _gemma4_rope(share=1.0)),
    ("gemma4_text", _gemma4_rope(factor=4.0)),
    ("gemma4_text", _gemma4_rope(local=10000.0)),
    ("gemma4_text, sharing", {"num_kv_shared_layers": 2, "use_double_wide_mlp": False}),
    ("llama", {ROPE: PLAIN | dict(rope_theta=500.0)}),
    ("llama", _llama3_rope(factor=32.0)),
    ("llama", _llama3_rope(low_freq_factor=2.0)),
    ("llama", _llama3_rope(high_freq_factor=3.0)),
    ("llama", _llama3_rope(original_max_position_embeddings=8192)),
    ("llama, linear scaling", {ROPE: PLAIN}),
    ("qwen2", {ROPE: PLAIN | dict(rope_theta=10000.0)}),
    ("qwen3", {ROPE: PLAIN | dict(rope_theta=10000.0)}),
    ("smollm2", {"hidden_act": "gelu"}),
]


@pytest.mark.parametrize(("name", "changes"), DETAILS, ids=str)
def test_a_wrong_detail_shows(name: str, changes: dict[str, Any]) -> None:
    """The smallest difference is a million times what the comparison allows."""
    assert difference(true_logits(official_model(name, **changes), IDS), truth(name)) > 1e6 * EXACT


@every_architecture
def test_every_tensor_shows(name: str) -> None:
    """A model that leaves out or mixes up a norm, a bias or a projection of any layer would be seen."""
    expected = truth(name)  # not inside Float64, where the random weights would be others
    wide, generator = in_float64(official_model(name)), torch.Generator().manual_seed(1)
    for tensor, weight in wide.named_parameters():
        kept = weight.detach().clone()
        with torch.no_grad(), Float64():
            weight.add_(1e-3 * torch.randn(weight.shape, generator=generator))
            changed = difference(official_logits(wide, IDS), expected)
            weight.copy_(kept)
        assert changed > 1e6 * EXACT, tensor


def test_gemma_4s_layer_scalars_show() -> None:
    """All but the last one's, of which the final norm leaves next to nothing."""
    model = official_model("gemma4_text")
    for layer in model.model.layers[:-1]:
        kept = layer.layer_scalar.clone()
        layer.layer_scalar.mul_(1.3)
        assert difference(true_logits(model, IDS), truth("gemma4_text")) > 1e6 * EXACT
        layer.layer_scalar.copy_(kept)


@every_architecture
def test_the_truth_is_what_the_official_model_comes_near_to(name: str) -> None:
    expected = truth(name)
    assert expected.shape == (2, TOKENS, VOCABULARY)
    assert 0.3 < expected.std() < 3.0
    error = difference(official_logits(official_model(name), IDS), expected)
    assert 1e-8 < error < 1e-4 * expected.std()


# --- ours -------------------------------------------------------------------------------------------------------------


@every_architecture
def test_logits_equal_the_official_ones(folders: dict[str, Path], name: str) -> None:
    assert difference(read_in_float64(folders[name]), truth(name)) < EXACT


@every_architecture
@pytest.mark.parametrize("cuts", CUTS)
def test_any_cut_equals_the_whole(folders: dict[str, Path], name: str, cuts: str) -> None:
    assert difference(read_in_float64(folders[name], cuts=CUTS[cuts]), truth(name)) < EXACT


@every_architecture
def test_tokens_by_themselves_equal_the_whole(folders: dict[str, Path], name: str) -> None:
    model = loaded(folders[name]).double()
    with Float64(), torch.no_grad():
        before, state = read(model, IDS[:1, :5])
        continued = Continuation(model, state)
        assert model.can_grow
        found = torch.cat([before, *(continued.read([token]) for token in IDS[0, 5:].tolist())], dim=1)
    assert difference(found, truth(name)[:1]) < EXACT


@every_architecture
def test_float32_is_as_near_to_the_truth_as_the_official_model_is(folders: dict[str, Path], name: str) -> None:
    model, official = loaded(folders[name]), official_model(name)
    ours = theirs = 0.0
    for seed in range(3):
        ids = random_ids(batch=4, seed=seed)
        expected = true_logits(official, ids)
        ours = max(ours, difference(read(model, ids)[0].double(), expected))
        theirs = max(theirs, difference(official_logits(official, ids).double(), expected))
    assert 0 < ours <= 2 * theirs


@every_architecture
@pytest.mark.parametrize("place", [1, 8, 12, 13, 40, TOKENS - 1])
def test_no_token_sees_a_later_one(folders: dict[str, Path], name: str, place: int) -> None:
    model = loaded(folders[name])
    other = IDS.clone()
    other[:, place] = (other[:, place] + 1) % VOCABULARY
    before, after = read(model, IDS)[0], read(model, other)[0]
    assert torch.equal(before[:, :place], after[:, :place])
    assert not torch.equal(before[:, place], after[:, place])


@every_architecture
def test_documents_of_a_batch_do_not_touch_each_other(folders: dict[str, Path], name: str) -> None:
    together = read_in_float64(folders[name])
    for row in range(len(IDS)):
        alone = read_in_float64(folders[name], IDS[row : row + 1])
        assert difference(alone, together[row : row + 1]) < EXACT


@every_architecture
@pytest.mark.parametrize("position", [1, 12, 41])
def test_a_saved_state_goes_on_equal(folders: dict[str, Path], tmp_path: Path, name: str, position: int) -> None:
    model = loaded(folders[name])
    ids = IDS[:1]
    _, state = read(model, ids[:, :position])
    header = sample_header(model.config, model.reading, position, "float32", model_fingerprint=model.fingerprint)
    save_state(tmp_path / "state", state, header)
    again, found = load_state(tmp_path / "state", expect=expectation(model.config, header))
    assert found == header
    expected, after = read(model, ids[:, position:], state=copy_of(state))
    logits, after_again = read(model, ids[:, position:], state=again)
    assert torch.equal(logits, expected)
    assert_same_state(after_again, after)
    assert after.position == TOKENS


@every_architecture
def test_fused_weights_are_the_same_model(folders: dict[str, Path], name: str) -> None:
    expected = read_in_float64(folders[name])
    model = loaded(folders[name]).double()
    model.fuse()
    with Float64():
        found, _ = read(model, IDS, cuts=CUTS["ragged"])
    assert difference(found, expected) < EXACT


@every_architecture
def test_the_old_spelling_of_config_json_is_the_same_model(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = save(official_model(name), tmp_path / "old")
    rewrite_config(folder, old_spelling)
    assert torch.equal(read(loaded(folder), IDS)[0], read(loaded(folders[name]), IDS)[0])


# Fields that the official implementation knows and no published model of the architecture uses.
UNUSUAL: list[tuple[str, str, dict[str, Any]]] = [
    ("gemma", ROPE, {ROPE: PLAIN | dict(rope_type="linear", factor=4.0)}),
    ("gemma", "tie_word_embeddings", {"tie_word_embeddings": False}),
    ("gemma2", "layer_types", {"layer_types": [GLOBAL] * 4}),
    ("gemma2", "attn_logit_softcapping", {"attn_logit_softcapping": None}),
    ("gemma2", "final_logit_softcapping", {"final_logit_softcapping": None}),
    ("gemma3_text", "final_logit_softcapping", {"final_logit_softcapping": 1.5}),
    ("gemma3_text", "layer_types", {"layer_types": [GLOBAL, LOCAL, LOCAL, LOCAL, GLOBAL, GLOBAL, LOCAL]}),
    ("gemma3n_text", "altup_correct_scale", {"altup_correct_scale": False}),
    ("gemma3n_text", "altup_active_idx", {"altup_active_idx": 1}),
    ("gemma3n_text", "intermediate_size", {"intermediate_size": 40}),
    ("gemma3n_text", "activation_sparsity_pattern", {"activation_sparsity_pattern": [0.0] * 6}),
    ("gemma3n_text", "vocab_size_per_layer_input", {"vocab_size_per_layer_input": VOCABULARY}),
    ("gemma4_text", "rope_parameters", _gemma4_rope(share=1.0)),
    ("gemma4_text", "rope_parameters", _gemma4_rope(factor=4.0)),
    ("gemma4_text", "layer_types", {"layer_types": [GLOBAL, GLOBAL, LOCAL, GLOBAL, LOCAL, GLOBAL]}),
    ("gemma4_text", "tie_word_embeddings", {"tie_word_embeddings": False}),
    ("gemma4_text", "attention_bias", {"attention_bias": True}),
    ("gemma4_text", "use_bidirectional_attention", {"use_bidirectional_attention": "all"}),
    ("gemma4_text", "global_head_dim", {"global_head_dim": 10}),
    ("gemma4_text, sharing", "num_kv_shared_layers", {"num_kv_shared_layers": 1}),
    ("gemma4_text, sharing", "use_double_wide_mlp", {"use_double_wide_mlp": False}),
    ("gemma4_text, sharing", "vocab_size_per_layer_input", {"vocab_size_per_layer_input": 70}),
    ("llama", "attention_bias", {"attention_bias": True}),
    ("llama", "mlp_bias", {"mlp_bias": True}),
    ("llama", "hidden_act", {"hidden_act": "gelu_pytorch_tanh"}),
    ("qwen2", "use_sliding_window", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}),
    ("qwen3", "attention_bias", {"attention_bias": True}),
    ("qwen3", "use_sliding_window", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}),
]


@pytest.mark.parametrize(("name", "field", "changes"), UNUSUAL, ids=str)
def test_an_unusual_field_is_read_right_or_refused_by_name(
    tmp_path: Path, name: str, field: str, changes: dict[str, Any]
) -> None:
    official = official_model(name, **changes)
    folder = save(official, tmp_path / "unusual")
    try:
        found = read_in_float64(folder)
    except ModelError as error:
        refusal = error.message
    else:
        assert difference(found, true_logits(official, IDS)) < EXACT
        return
    assert field.removesuffix("_parameters") in refusal


# --- files with a vision tower beside the text model ------------------------------------------------------------------

PREFIXES = {
    "as published": {},
    "as newer versions name them": {
        "language_model.model.": "model.language_model.",
        "vision_tower.": "model.vision_tower.",
        "multi_modal_projector.": "model.multi_modal_projector.",
    },
}


def _renamed(tensors: dict[str, Tensor], prefixes: dict[str, str]) -> dict[str, Tensor]:
    def rename(name: str) -> str:
        return next((new + name[len(old) :] for old, new in prefixes.items() if name.startswith(old)), name)

    return {rename(name): tensor for name, tensor in tensors.items()}


@pytest.fixture
def multimodal(tmp_path: Path) -> Path:
    return save(multimodal_model(), tmp_path / "multimodal")


@pytest.mark.parametrize("prefixes", PREFIXES)
def test_the_text_part_of_a_multimodal_file_is_read(multimodal: Path, prefixes: str) -> None:
    rewrite_tensors(multimodal, lambda tensors: _renamed(tensors, PREFIXES[prefixes]))
    assert difference(read_in_float64(multimodal), true_logits(multimodal_model(), IDS)) < EXACT
    names = loaded(multimodal).state_dict().keys()
    assert not [name for name in names if "vision" in name or "projector" in name]


def test_a_text_tensor_under_two_prefixes_is_refused(multimodal: Path) -> None:
    def doubled(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return tensors | {"model.language_model.norm.weight": tensors["language_model.model.norm.weight"].clone()}

    rewrite_tensors(multimodal, doubled)
    with pytest.raises(ModelError, match=r"norm\.weight"):
        loaded(multimodal)


def test_a_multimodal_file_without_its_text_part_is_refused(multimodal: Path) -> None:
    rewrite_tensors(multimodal, lambda tensors: {n: t for n, t in tensors.items() if "language_model" not in n})
    with pytest.raises(ModelError, match=r"embed_tokens\.weight"):
        loaded(multimodal)


def test_a_multimodal_config_without_a_text_part_is_refused(multimodal: Path) -> None:
    rewrite_config(multimodal, lambda said: {key: value for key, value in said.items() if key != "text_config"})
    with pytest.raises(ModelError, match="text_config"):
        loaded(multimodal)
