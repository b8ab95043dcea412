"""Each kind of file that holds weights has one class; `weight_source` finds the one for a path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from gemma10m.errors import ModelError
from gemma10m.weights.headers import TensorEntry
from gemma10m.weights.sources.gguf import GgufSource
from gemma10m.weights.sources.packed_tensors import PACKED_DTYPES
from gemma10m.weights.sources.repack import FOUR_BITS
from gemma10m.weights.sources.safetensors_folder import SafetensorsFolder


class WeightSource(Protocol):
    path: Path

    def config(self) -> Mapping[str, Any]:
        """Return the model's config in the words of Hugging Face's config.json."""

    def entries(self) -> Mapping[str, TensorEntry]:
        """Return where each tensor lies, by the names of the file; no tensor is read."""

    def load(self, entry: TensorEntry, dtype: torch.dtype, device: str) -> Tensor:
        """Load one tensor. Raises ModelError for a file that has changed."""

    def load_packed(self, entry: TensorEntry) -> tuple[Tensor, Tensor]:
        """Load `packed` and `scales` of a matrix whose type is one of `PACKED_TYPES`. Raises ModelError."""


PACKED_TYPES: Mapping[str, int] = dict.fromkeys(FOUR_BITS, 4) | PACKED_DTYPES  # of an entry -> bits of its numbers

SOURCES: tuple[tuple[Callable[[Path], bool], Callable[[Path], WeightSource]], ...] = (
    (lambda path: path.is_file() and path.suffix == ".gguf", GgufSource),
    (
        lambda path: not (path / "config.json").exists() and any(path.glob("*.gguf")),
        lambda folder: GgufSource(_gguf_in(folder)),
    ),
    (lambda path: True, SafetensorsFolder),
)


def weight_source(path: Path) -> WeightSource:
    """Return the source of a checkpoint folder, a GGUF file, or a folder with one. Raises ModelError."""
    return next(make(path) for fits, make in SOURCES if fits(path))


def _gguf_in(folder: Path) -> Path:
    files = sorted(folder.glob("*.gguf"))
    if len(files) != 1:
        raise ModelError(f"{folder} holds {len(files)} GGUF files", hint=f"name one of them: {files[0]}")
    return files[0]
