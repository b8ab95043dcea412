"""Find the files that hold a checkpoint's tensors, and read the headers of all of them."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from gemma10m.errors import ModelError
from gemma10m.strict_json import quote
from gemma10m.weights.files import open_inside, read_json_object
from gemma10m.weights.headers import TensorEntry, read_header

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_MIXED = "the shards and the index must come from the same download"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def read_tensors(folder: Path) -> dict[str, TensorEntry]:
    """Return every tensor of the folder by name. Like transformers, prefer model.safetensors to an index."""
    if os.path.lexists(folder / SINGLE):
        return _read_shard(folder, SINGLE)
    if os.path.lexists(folder / INDEX):
        return _read_indexed(folder)
    raise _no_weights(folder)


def _read_shard(folder: Path, name: str) -> dict[str, TensorEntry]:
    file, path = open_inside(folder, name)
    with file:
        return read_header(file, path)


def _read_indexed(folder: Path) -> dict[str, TensorEntry]:
    weight_map = _weight_map(folder)
    tensors: dict[str, TensorEntry] = {}
    for shard in sorted(set(weight_map.values())):
        for name, entry in _read_shard(folder, shard).items():
            if weight_map.get(name) != shard:
                raise _disagreement(folder, f"tensor {quote(name)} is in {shard}", weight_map.get(name))
            tensors[name] = entry
    absent = [name for name in weight_map if name not in tensors]
    if absent:
        raise ModelError(
            f"{folder / INDEX} puts {len(absent):,} tensors into shards that do not hold them, "
            f"the first is {quote(absent[0])} in {weight_map[absent[0]]}",
            _MIXED,
        )
    return tensors


def _disagreement(folder: Path, found: str, indexed: str | None) -> ModelError:
    where = f"puts it into {indexed}" if indexed else "does not name it"
    return ModelError(f"{found}, but {folder / INDEX} {where}", _MIXED)


def _weight_map(folder: Path) -> dict[str, str]:
    weight_map = read_json_object(folder, INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(
            f"{folder / INDEX} must have a weight_map from tensors to files, found {quote(weight_map)}", _MIXED
        )
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not _is_plain_shard_name(shard):
            raise ModelError(
                f"{folder / INDEX} puts tensor {quote(name)} into {quote(shard)}, "
                "a plain file name that ends in .safetensors expected",
                hint="use a checkpoint from a source you trust",
            )
    return weight_map


def _is_plain_shard_name(name: str) -> bool:
    """Accept one path component for POSIX and Windows, with no drive, stream or control character in it."""
    is_one_component = PurePosixPath(name).name == name and PureWindowsPath(name).name == name
    return is_one_component and name.endswith(".safetensors") and ":" not in name and name.isprintable()


def _no_weights(folder: Path) -> ModelError:
    names = sorted(path.name for path in folder.iterdir())
    pickles = [name for name in names if name.endswith(_PICKLES)]
    if pickles:
        return ModelError(
            f"{folder} holds its weights in {quote(pickles[0])} only: pickles can run code and are never read",
            hint="look for a safetensors version, or save one with transformers' save_pretrained",
        )
    shards = [name for name in names if name.endswith(".safetensors")]
    if shards:
        return ModelError(
            f"{folder} holds {quote(shards[0])} but neither {SINGLE} nor {INDEX}", hint="download the index"
        )
    return ModelError(f"{folder} holds neither {SINGLE} nor {INDEX}", hint="fetch the model with `gemma10m download`")
