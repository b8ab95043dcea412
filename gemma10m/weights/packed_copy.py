"""Keep the packed weights of a packaged model with its adapter: they are packed once, and not each time it starts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from gemma10m.adapters.peft_folder import Adapter
from gemma10m.config import QUANTISED
from gemma10m.errors import DiskError
from gemma10m.folders import packaged_folder, reader_folders
from gemma10m.weights.checkpoint import Checkpoint
from gemma10m.weights.save_packed import write_tensors

_FORMAT = "gemma10m.packed-copy/1"  # to be raised when the same weights are packed otherwise
_ROOM = 4  # times a copy's bytes that are free on its disk before it is made


def copy_path(checkpoint: Checkpoint, adapter: Adapter | None, device: str, number_format: str) -> Path | None:
    """Return where the packed weights are kept, or None for those that are not.

    A model is kept that packages bring in pieces, which are joined in the cache folder, with the adapter that ships
    with it. `gemma10m quantize` packs others.
    """
    path = checkpoint.source.path
    is_packaged = path.parent == packaged_folder() and adapter is not None and adapter.path in reader_folders()
    is_packed = device == "cpu" and number_format in QUANTISED
    return path.with_name(f"{path.name}.{number_format}") if is_packaged and is_packed else None


def packed_once(path: Path, identity: str, pack: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return what `pack` returns, or what it returned for the same `identity`, as views of the file at `path`."""
    about = {"format": _FORMAT, "identity": identity}
    if (kept := _read(path, about)) is not None:
        return kept
    weights = pack()
    with suppress(DiskError):  # they are packed again the next time
        _write(path, weights, about)
    return weights


def _read(path: Path, about: Mapping[str, str]) -> dict[str, Tensor] | None:
    """Return the tensors of a copy; None without one, and for one that is damaged or of other weights."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            if file.metadata() != about:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it cannot be iterated
    except (OSError, SafetensorError):
        return None


def _write(path: Path, weights: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write a copy, wide numbers first, for alignment, unless the disk is nearly full. Raises DiskError."""
    tensors = dict(sorted(weights.items(), key=lambda named: (-named[1].itemsize, named[0])))
    if shutil.disk_usage(path.parent).free < _ROOM * sum(tensor.nbytes for tensor in tensors.values()):
        return
    write_tensors(path, tensors, about)
