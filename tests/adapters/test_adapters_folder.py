"""Adapters as files: what is written is read again; what is damaged, or more than LoRA, is refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import tiny_gemma, write_raw_shard
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny_adapters import ALPHA, CONFIG, RANK, updates_for, write_tiny
from torch import Tensor

from gemma10m.adapters.lora import MODULES, LoraConfig, LowRankUpdate
from gemma10m.adapters.peft_folder import (
    ABOUT,
    NOTHING_KNOWN,
    TENSORS,
    AboutAnswers,
    read_about,
    read_adapter,
    write_adapter,
)
from gemma10m.adapters.peft_folder import CONFIG as CONFIG_FILE
from gemma10m.errors import ModelError

KNOWN = AboutAnswers("a" * 64, True, -1.5, 2.25, "questions.jsonl", passages=4)
FIRST = "base_model.model.model.layers.0.mlp.down_proj"
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    return write_tiny(folder / "adapter", tiny_gemma(folder / "base"), KNOWN)


@pytest.fixture
def adapter(whole: Path, tmp_path: Path) -> Path:
    """Return a copy to damage."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    for path in whole.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def said(name: str = CONFIG_FILE, **changes: Any) -> Change:
    """Return what changes fields of a JSON file; a value of `...` removes one."""

    def change(folder: Path) -> None:
        fields = json.loads((folder / name).read_text()) | changes
        (folder / name).write_text(json.dumps({key: value for key, value in fields.items() if value is not ...}))

    return change


def held(change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Change:
    def rewrite(folder: Path) -> None:
        tensors = {name: tensor.clone() for name, tensor in load_file(folder / TENSORS).items()}
        save_file(change(tensors), folder / TENSORS)

    return rewrite


def replaced(**parts: Tensor) -> Change:
    """Return what replaces parts of the first update, `lora_A` or `lora_B`."""
    return held(lambda tensors: tensors | {f"{FIRST}.{part}.weight": tensor for part, tensor in parts.items()})


def test_what_is_written_is_read_again(whole: Path) -> None:
    found = read_adapter(whole)
    expected = updates_for(whole.parent / "base")
    assert found.about == read_about(whole) == KNOWN
    assert found.updates.keys() == expected.keys()
    for name, update in found.updates.items():
        assert torch.equal(update.down, expected[name].down), name
        assert torch.equal(update.up, expected[name].up), name
        assert update.scale == CONFIG.scale == ALPHA / RANK
        assert update.down.dtype == update.up.dtype == torch.float32


def test_numbers_are_rounded_to_bfloat16(tmp_path: Path) -> None:
    update = LowRankUpdate(torch.randn(3, 5), torch.randn(4, 3), 2.0)
    write_adapter(tmp_path / "out", {"model.x.weight": update}, LoraConfig(3, 6.0), NOTHING_KNOWN, "base")
    found = read_adapter(tmp_path / "out").updates["model.x.weight"]
    assert torch.equal(found.down, update.down.bfloat16().float())
    assert torch.equal(found.up, update.up.bfloat16().float())


def test_equal_adapters_are_equal_files(whole: Path, tmp_path: Path) -> None:
    again = write_tiny(tmp_path / "again", whole.parent / "base", KNOWN)
    for path in whole.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
    assert read_adapter(again).fingerprint == read_adapter(whole).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        said(lora_alpha=9.0),
        said(use_rslora=True),
        said(ABOUT, refusal_bias=0.5),
        replaced(lora_A=torch.ones(RANK, 40)),
        held(lambda tensors: {name: each for name, each in tensors.items() if not name.startswith(FIRST)}),
    ],
    ids=["alpha", "rslora", "about", "numbers", "fewer"],
)
def test_other_adapters_have_other_fingerprints(change: Change, whole: Path, adapter: Path) -> None:
    assert read_adapter(adapter).fingerprint == read_adapter(whole).fingerprint
    change(adapter)
    assert read_adapter(adapter).fingerprint != read_adapter(whole).fingerprint


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_any_narrow_dtype_is_read(dtype: torch.dtype, whole: Path, adapter: Path) -> None:
    held(lambda tensors: {name: tensor.to(dtype) for name, tensor in tensors.items()})(adapter)
    expected = read_adapter(whole).updates
    assert all(torch.equal(update.up, expected[name].up) for name, update in read_adapter(adapter).updates.items())


def test_rslora_divides_by_the_root_of_the_rank(adapter: Path) -> None:
    said(use_rslora=True)(adapter)
    assert {update.scale for update in read_adapter(adapter).updates.values()} == {ALPHA / 2}


def test_an_adapter_without_a_file_of_ours_says_nothing(adapter: Path) -> None:
    (adapter / ABOUT).unlink()
    assert read_adapter(adapter).about == NOTHING_KNOWN
    assert read_about(adapter / "nowhere") == NOTHING_KNOWN


def test_whole_numbers_are_biases(adapter: Path) -> None:
    said(ABOUT, refusal_bias=3)(adapter)
    about = read_about(adapter)
    assert about == replace(KNOWN, refusal_bias=3.0)
    assert type(about.refusal_bias) is float


NOT_LORA: list[dict[str, Any]] = [
    {"use_dora": True},
    {"bias": "all"},
    {"bias": "lora_only"},
    {"fan_in_fan_out": True},
    {"modules_to_save": ["lm_head"]},
    {"rank_pattern": {"q_proj": 8}},
    {"alpha_pattern": {"q_proj": 8}},
    {"layer_replication": [[0, 2]]},
    {"lora_bias": True},
    {"use_rslora": "yes"},
    {"init_lora_weights": "pissa"},
    {"init_lora_weights": "olora"},
    {"init_lora_weights": "loftq"},
    {"alora_invocation_tokens": [1, 2]},
    {"trainable_token_indices": [5]},
    {"target_parameters": ["experts.up_proj"]},
    {"use_qalora": True},
]


@pytest.mark.parametrize("fields", NOT_LORA, ids=str)
def test_what_is_not_plain_lora_is_refused(fields: dict[str, Any], adapter: Path) -> None:
    said(**fields)(adapter)
    (name,) = fields
    with pytest.raises(ModelError, match=f"asks for {name} .*, which is not supported") as refused:
        read_adapter(adapter)
    assert "merge it" in refused.value.hint


DAMAGE: dict[str, tuple[Change, str]] = {
    "no config": (lambda folder: (folder / CONFIG_FILE).unlink(), "No such file"),
    "no tensors": (lambda folder: (folder / TENSORS).unlink(), "No such file"),
    "a folder for tensors": (lambda folder: ((folder / TENSORS).unlink(), (folder / TENSORS).mkdir()), TENSORS),
    "an empty config": (lambda folder: (folder / CONFIG_FILE).write_text(""), "Expecting value"),
    "empty tensors": (
        lambda folder: (folder / TENSORS).write_bytes(b""),
        "adapter_model.safetensors cannot be used as an adapter",
    ),
    "a config that is no JSON": (lambda folder: (folder / CONFIG_FILE).write_text("{'r': 4}"), "Expecting property"),
    "a config that is no text": (lambda folder: (folder / CONFIG_FILE).write_bytes(b"\xff\xfe{}"), "decode"),
    "a config that is a list": (lambda folder: (folder / CONFIG_FILE).write_text("[]"), "no JSON object"),
    "a config without end": (
        lambda folder: (folder / CONFIG_FILE).write_text("[" * 2_000_000),
        "cannot be used as an adapter",
    ),
    "a field twice": (lambda folder: (folder / CONFIG_FILE).write_text('{"r": 4, "r": 5}'), "twice"),
    "another method": (said(peft_type="IA3"), "peft_type is 'IA3', 'LORA' expected"),
    "no method": (said(peft_type=...), "peft_type is None"),
    "no rank": (said(r=...), "r is None"),
    "a rank of 0": (said(r=0), "r is 0"),
    "a rank that is a text": (said(r="4"), "r is '4'"),
    "a rank that is true": (said(r=True), "r is True"),
    "another rank": (said(r=5), "and the rank is 5"),
    "an absurd rank": (said(r=10**18, lora_alpha=10**18), "and the rank is 1000000000000000000"),
    "no alpha": (said(lora_alpha=...), "lora_alpha None"),
    "an alpha of 0": (said(lora_alpha=0), "scale its updates by 0"),
    "a negative alpha": (said(lora_alpha=-8), "scale its updates by -2"),
    "an absurd alpha": (said(lora_alpha=1e300), r"scale its updates by 2.5e\+299"),
    "an infinite alpha": (
        lambda folder: (folder / CONFIG_FILE).write_text('{"peft_type": "LORA", "r": 4, "lora_alpha": Infinity}'),
        "found Infinity",
    ),
    "no B": (held(lambda tensors: {name: each for name, each in tensors.items() if "lora_B" not in name}), "missing"),
    "one A missing": (
        held(lambda tensors: {name: each for name, each in tensors.items() if name != f"{FIRST}.lora_A.weight"}),
        "one of the two tensors for 'model.layers.0.mlp.down_proj.weight' is missing",
    ),
    "no update": (held(lambda tensors: {}), "it holds no tensor"),
    "NaN": (replaced(lora_A=torch.full((RANK, 40), float("nan"))), "not finite"),
    "infinity": (replaced(lora_B=torch.full((24, RANK), float("inf"))), "not finite"),
    "a vector": (replaced(lora_A=torch.ones(RANK)), r"has the shape \[4\]"),
    "a number": (replaced(lora_A=torch.ones(())), r"has the shape \[\]"),
    "integers": (replaced(lora_A=torch.ones(RANK, 40, dtype=torch.int32)), "has the dtype I32"),
    "float64": (replaced(lora_A=torch.ones(RANK, 40, dtype=torch.float64)), "has the dtype F64"),
    "float8": (replaced(lora_A=torch.ones(RANK, 40).to(torch.float8_e4m3fn)), "has the dtype F8_E4M3"),
    "A turned": (replaced(lora_A=torch.ones(40, RANK)), r"has the shape \[40, 4\]"),
    "an unknown part": (
        held(lambda tensors: tensors | {f"{FIRST}.lora_magnitude_vector": torch.ones(24)}),
        "lora_magnitude_vector' is no tensor of an adapter",
    ),
    "an embedding": (
        held(lambda tensors: tensors | {"base_model.model.model.embed_tokens.lora_embedding_A": torch.ones(4, 9)}),
        "is no tensor of an adapter",
    ),
    "one name twice": (
        held(lambda tensors: tensors | {"model.layers.0.mlp.down_proj.lora_A.weight": torch.ones(RANK, 40)}),
        "twice",
    ),
    "an unknown field of ours": (said(ABOUT, motto="read"), "fields that are not known"),
    "a base that is a number": (said(ABOUT, base=5), "a field has the wrong type"),
    "data that is a list": (said(ABOUT, data=[]), "a field has the wrong type"),
    "a number for true": (said(ABOUT, reads_passages=1), "a field has the wrong type"),
    "a bias that is a text": (said(ABOUT, refusal_bias="1"), "biases must be numbers"),
    "half a passage": (said(ABOUT, passages=0.5), "passages must be from 0 to 1000"),
    "too many passages": (said(ABOUT, passages=1001), "passages must be from 0 to 1000"),
    "a bias that is true": (said(ABOUT, strict_bias=True), "biases must be numbers"),
    "an absurd bias": (said(ABOUT, strict_bias=1e300), "biases must be numbers from -100 to 100"),
    "a list for a file of ours": (lambda folder: (folder / ABOUT).write_text("[]"), "no JSON object"),
    "no JSON for a file of ours": (
        lambda folder: (folder / ABOUT).write_text("{"),
        "gemma10m.json cannot be used as an adapter",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_refused_in_one_sentence(what: str, adapter: Path) -> None:
    damage, says = DAMAGE[what]
    damage(adapter)
    with pytest.raises(ModelError, match=says) as refused:
        read_adapter(adapter)
    assert str(adapter) in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.hint


def test_tensors_that_are_cut_off_are_refused(adapter: Path) -> None:
    content = (adapter / TENSORS).read_bytes()
    for length in (*range(0, len(content), 997), len(content) - 1):
        (adapter / TENSORS).write_bytes(content[:length])
        with pytest.raises(ModelError):
            read_adapter(adapter)


def test_a_header_that_claims_much_is_refused(adapter: Path) -> None:
    claimed = {"dtype": "F32", "shape": [RANK, 2**60], "data_offsets": [0, 2**64]}
    write_raw_shard(adapter / TENSORS, {f"{FIRST}.lora_A.weight": claimed}, b"")
    with pytest.raises(ModelError, match="cannot be used as an adapter"):
        read_adapter(adapter)


@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), name=st.sampled_from((TENSORS, CONFIG_FILE)))
def test_a_changed_byte_is_refused_or_read(whole: Path, place: float, value: int, name: str) -> None:
    """A number can become another; nothing but a ModelError may come of it."""
    folder = whole.parent / "changed"
    folder.mkdir(exist_ok=True)
    for path in whole.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    content = bytearray((folder / name).read_bytes())
    content[int(place * len(content))] = value
    (folder / name).write_bytes(content)
    with suppress(ModelError):
        updates = read_adapter(folder).updates
        assert all(bool(part.isfinite().all()) for each in updates.values() for part in (each.down, each.up))


def test_every_field_of_ours_is_kept(tmp_path: Path, whole: Path) -> None:
    assert json.loads((whole / ABOUT).read_text()) == asdict(KNOWN)
    assert json.loads((whole / CONFIG_FILE).read_text())["target_modules"] == list(MODULES)
