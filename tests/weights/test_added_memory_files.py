"""The files of an added memory: written and read whole, and refused where they do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from official_models import official_model, save
from readers import checkpoint, memory_adapter
from safetensors.torch import load_file, save_file
from tiny_adapters import write_tiny
from torch import Tensor

import gemma10m
from gemma10m.adapters.about import AboutAnswers
from gemma10m.adapters.added_memory import (
    CONFIG,
    TENSORS,
    AddedMemoryWeights,
    read_added_memory,
    write_added_memory,
)
from gemma10m.adapters.peft_folder import ABOUT, read_adapter
from gemma10m.config import ReadingConfig
from gemma10m.errors import ModelError, UsageError
from gemma10m.strict_json import canonical_json
from gemma10m.training.added_start import untrained_memory
from gemma10m.weights.adapting import find_adapter, with_adapter
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import load_model

READING = ReadingConfig("added", segment=8, carry=16, sinks=2)


def written(folder: Path, base: Path, seed: int = 1) -> AddedMemoryWeights:
    """Write an adapter that is a memory alone."""
    folder.mkdir(exist_ok=True)
    opened = open_checkpoint(base)
    memory = untrained_memory(opened.config, READING, 3, seed)
    write_added_memory(folder, memory)
    (folder / ABOUT).write_text(canonical_json(AboutAnswers(opened.fingerprint)))
    return memory


def test_a_memory_is_read_as_it_was_written(tmp_path: Path) -> None:
    memory = written(tmp_path, checkpoint())
    found = read_added_memory(tmp_path)
    assert found is not None
    assert (found.rank, found.reading, found.fingerprint) == (3, READING, memory.fingerprint)
    assert found.tensors.keys() == memory.tensors.keys()
    assert all(torch.equal(found.tensors[name], memory.tensors[name]) for name in found.tensors)
    assert read_added_memory(checkpoint()) is None


def test_a_model_reads_with_its_adapter_s_memory(tmp_path: Path) -> None:
    written(tmp_path / "one", checkpoint())
    written(tmp_path / "other", checkpoint(), seed=2)
    model = gemma10m.load_model(checkpoint(), memory="added", adapter=tmp_path / "one")
    assert model.reading == READING
    shorter = gemma10m.load_model(checkpoint(), memory="added", carry=8, adapter=tmp_path / "one")
    assert shorter.reading == replace(READING, carry=8)
    plain = gemma10m.load_model(checkpoint(), memory="window", adapter=tmp_path / "one")
    assert plain.reading == gemma10m.load_model(checkpoint(), memory="window").reading
    assert (
        plain.fingerprint == gemma10m.load_model(checkpoint(), memory="window", adapter=tmp_path / "other").fingerprint
    )
    other = gemma10m.load_model(checkpoint(), memory="added", adapter=tmp_path / "other")
    assert len({model.fingerprint, other.fingerprint, open_checkpoint(checkpoint()).fingerprint}) == 3


def test_updates_and_a_memory_are_one_adapter(tmp_path: Path) -> None:
    about = AboutAnswers(open_checkpoint(checkpoint()).fingerprint)
    folder = write_tiny(tmp_path / "both", checkpoint(), about)
    plain = read_adapter(folder)
    written(folder, checkpoint())
    both = read_adapter(folder)
    assert both.memory is not None
    assert both.updates.keys() == plain.updates.keys()
    assert both.fingerprint == plain.fingerprint  # what was read without the memory is continued


def test_a_memory_that_no_adapter_has_is_refused() -> None:
    with pytest.raises(ModelError, match="has no adapter with a memory, which added memory needs"):
        gemma10m.load_model(checkpoint(), memory="added")


def changed(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / TENSORS)
        change(tensors)
        save_file(tensors, folder / TENSORS)

    return apply


def told(**fields: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        said = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps(said | fields))

    return apply


NAME = "model.layers.0.self_attn.added_memory.query_map"
DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no tensors": (lambda folder: (folder / TENSORS).unlink(), "cannot be used as a memory"),
    "cut off": (
        lambda folder: (folder / TENSORS).write_bytes(b"\x08\0\0\0\0\0\0\0{}"),
        "cannot be used as a memory",
    ),
    "not finite": (changed(lambda all: all[NAME].fill_(float("nan"))), "holds numbers that are not finite"),
    "half": (changed(lambda all: all.update({NAME: all[NAME].half()})), "is no float32 tensor of an added memory"),
    "another name": (changed(lambda all: all.update({"x": all.pop(NAME)})), "'x' is no float32 tensor"),
    "empty": (changed(lambda all: all.clear()), "it holds no tensor"),
    "config": (lambda folder: (folder / CONFIG).write_text("{"), "memory.json cannot be used as a memory"),
    "fields": (told(more=1), "an object with carry, rank, segment, sinks, version was expected"),
    "another rule": (told(version=1), "its version is 1, and this program reads 3"),
    "rank": (told(rank=0), "its rank is 0, and is from 1 to 1024"),
    "reading": (told(carry=3), "carry .3. must be 0 or a multiple of the segment"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_memory_is_refused(what: str, tmp_path: Path) -> None:
    written(tmp_path, checkpoint())
    damage, message = DAMAGE[what]
    damage(tmp_path)
    with pytest.raises(ModelError, match=message) as refused:
        read_adapter(tmp_path)
    assert refused.value.hint


def test_a_memory_of_another_shape_or_layer_is_refused(tmp_path: Path) -> None:
    base = save(official_model("gemma3_text"), tmp_path / "base")
    opened, folder = open_checkpoint(base), tmp_path / "memory"
    written(folder, base)
    told(rank=4)(folder)
    with pytest.raises(ModelError, match=r"does not fit .*: .*context.down.weight' is of the shape \[12, "):
        with_adapter(opened, find_adapter(folder, opened))
    written(folder, base)
    local = next(number for number in range(opened.config.layers) if opened.config.attention_of(number).window)
    name = f"model.layers.{local}.self_attn.added_memory.query_map"
    changed(lambda all: all.update({name: torch.eye(4)}))(folder)
    with pytest.raises(ModelError, match="and that layer has no memory"):
        with_adapter(opened, find_adapter(folder, opened))


def test_a_memory_of_another_base_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "memory", checkpoint())
    other = save(official_model("gemma3_text"), tmp_path / "base")
    with pytest.raises(ModelError, match="was trained on other weights"):
        gemma10m.load_model(other, memory="added", adapter=tmp_path / "memory")


def test_an_unknown_memory_is_named_where_an_adapter_has_one() -> None:
    with pytest.raises(UsageError, match=r"memory must be one of linear, .*, found 'nope'"):
        load_model(checkpoint(), memory="nope", adapter=memory_adapter(checkpoint()))
