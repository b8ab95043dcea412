"""A packaged model's packed weights are kept: the second load packs nothing, and the model is the same bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from gguf_models import tiny_weights, write_model
from tiny_adapters import write_tiny

from gemma10m.library.listening import Notices
from gemma10m.library.model_choice import ModelOptions, choose_model, choose_reading, load_chosen
from gemma10m.models.decoder import Decoder
from gemma10m.weights import packed_copy
from gemma10m.weights.loading import load_model
from gemma10m.weights.sources.gguf import GgufSource

NAME = "model.gguf"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a model among those that were joined, with the adapter that ships with it."""
    path = tmp_path / "joined" / NAME
    path.parent.mkdir()
    write_model(path, "qwen2", tiny_weights("qwen2"), kind="Q4_0")
    monkeypatch.setattr(packed_copy, "packaged_folder", lambda: path.parent)
    monkeypatch.setattr(packed_copy, "reader_folders", lambda: (tmp_path / "adapter",))
    write_tiny(tmp_path / "adapter", path, modules=("q_proj",))
    return path


def loaded(path: Path, dtype: str = "int4") -> Decoder:
    return load_model(path, dtype=dtype, adapter=path.parent.parent / "adapter")


def same(one: Decoder, other: Decoder) -> bool:
    others = other.state_dict()
    return all(torch.equal(tensor, others.pop(name)) for name, tensor in one.state_dict().items()) and not others


def test_the_second_load_packs_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = loaded(model)
    assert [path.name for path in sorted(model.parent.iterdir())] == [NAME, f"{NAME}.int4"]
    for name in ("load", "load_packed"):
        monkeypatch.setattr(GgufSource, name, None)
    again = loaded(model)
    assert same(first, again)
    ids = torch.arange(1, 9)[None]
    assert torch.equal(*(each(ids, each.empty_state())[0] for each in (first, again)))


@pytest.mark.parametrize("kept", ["a model elsewhere", "another adapter", "no adapter", "floats"])
def test_other_weights_are_not_kept(model: Path, kept: str, tmp_path: Path) -> None:
    other = write_tiny(tmp_path / "other", model, seed=3, modules=("q_proj",))
    if kept == "a model elsewhere":
        model = Path(shutil.copy(model, tmp_path))
    adapter = {"another adapter": other, "no adapter": "none"}.get(kept, tmp_path / "adapter")
    load_model(model, dtype="float32" if kept == "floats" else "int4", adapter=adapter)
    assert not list(tmp_path.rglob("*.int4"))


@pytest.mark.parametrize("damage", [b"", b"\xff" * 100, None])
def test_a_copy_of_other_weights_or_a_damaged_one_is_made_again(model: Path, damage: bytes | None) -> None:
    copy = model.with_name(f"{NAME}.int4")
    loaded(model)
    right = copy.read_bytes()
    if damage is None:
        copy.write_bytes(right.replace(b"packed-copy/1", b"packed-copy/0"))
    else:
        copy.write_bytes(damage or right[: len(right) // 2])
    loaded(model)
    assert copy.read_bytes() == right


def test_a_full_disk_is_left_alone(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_copy.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    loaded(model)
    assert [path.name for path in model.parent.iterdir()] == [NAME]


def test_the_user_is_told_once(model: Path) -> None:
    adapter, told = model.parent.parent / "adapter", list[str]()
    for _ in range(2):
        notices = Notices()
        options = ModelOptions(str(model), device="cpu", dtype="int4", adapter=str(adapter))
        chosen = choose_model(notices, options)
        with pytest.raises(Exception, match="tokenizer"):  # the tiny file's is none that can be loaded
            load_chosen(notices, chosen, choose_reading(notices, options, chosen, 0), read_all=False)
        told += notices.notes
    assert told == [f"{model}: its weights are packed, and kept in {model}.int4 if the disk has room"]
