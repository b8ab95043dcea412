"""Present a model in one GGUF file as a Hugging Face checkpoint would: config, names, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gemma10m.errors import ModelError
from gemma10m.gguf_file import MAGIC, GgufTensor, read_gguf
from gemma10m.weights.headers import TensorEntry
from gemma10m.weights.sniffing import SNIFFED_BYTES, wrong_file
from gemma10m.weights.sources.dequantise import load_tensor
from gemma10m.weights.sources.gguf_config import build_config, check_architecture
from gemma10m.weights.sources.gguf_names import ROPE_FACTORS, hugging_face_names
from gemma10m.weights.sources.repack import load_packed

_DAMAGED = "the file is damaged: download it again"
_SHIFTED = ("gemma", "gemma2", "gemma3")  # whose norms' weights are around 0, and in these files around 1
_TURNED = re.compile(r"model\.layers\.\d+\.self_attn\.([qk])_proj\.(weight|bias)")


class GgufSource:
    """Read one GGUF file. Raises ModelError for another file, a damaged one, or a model that is not read."""

    def __init__(self, path: Path) -> None:
        _refuse_another_kind(path)
        file = read_gguf(path)
        self.path = path
        self.metadata: Mapping[str, Any] = file.metadata  # the tokenizer's too, under "tokenizer."
        self._architecture = check_architecture(file.metadata, path)
        self._named = hugging_face_names(self._architecture, file.tensors, path)
        self._tensors = file.tensors
        self._config = build_config(self._architecture, file.metadata, file.tensors, self._rope_factors(), path)

    def config(self) -> dict[str, Any]:
        """Return what config.json would hold. Llama 3.1's scaling is rope_type "llama3_factors" with every factor."""
        return dict(self._config)

    def entries(self) -> dict[str, TensorEntry]:
        """Return the tensors by Hugging Face's names; an entry's dtype is ggml's name of the type."""
        return {name: self._entry(name, tensor) for name, tensor in self._named.items()}

    def load(self, entry: TensorEntry, dtype: torch.dtype, device: str) -> Tensor:
        """Load one tensor as a Hugging Face checkpoint has it: norms without Gemma's 1, rows of q and k in order."""
        is_shifted = self._architecture in _SHIFTED and entry.name.endswith("norm.weight")
        return load_tensor(entry, dtype, device, added=-1.0 if is_shifted else 0.0, places=self._places(entry))

    def load_packed(self, entry: TensorEntry) -> tuple[Tensor, Tensor]:
        """Load a matrix that the file has in 4 bits, with rows of q and k in Hugging Face's order."""
        return load_packed(entry, self._places(entry))

    def _entry(self, name: str, tensor: GgufTensor) -> TensorEntry:
        return TensorEntry(name, tensor.type, tensor.shape, self.path, tensor.start, tensor.end)

    def _places(self, entry: TensorEntry) -> Tensor | None:
        """Return where the rows of a llama's q and k belong: its file interleaves the halves of each head."""
        turned = _TURNED.fullmatch(entry.name) if self._architecture == "llama" else None
        if turned is None:
            return None
        heads = self._config["num_attention_heads" if turned[1] == "q" else "num_key_value_heads"]
        rows = heads * self._config["head_dim"]
        if entry.shape[0] != rows or rows % (2 * heads):
            raise ModelError(
                f"{entry.name} in {self.path} has {entry.shape[0]:,} rows, {rows:,} expected for {heads} heads",
                _DAMAGED,
            )
        return torch.arange(rows).view(heads, 2, -1).transpose(1, 2).reshape(-1)

    def _rope_factors(self) -> list[float] | None:
        tensor = self._tensors.get(ROPE_FACTORS)
        if tensor is None:
            return None
        if len(tensor.shape) != 1 or not 0 < tensor.shape[0] <= 2**16:
            raise ModelError(
                f"{ROPE_FACTORS} in {self.path} has the shape {list(tensor.shape)}, one row expected", _DAMAGED
            )
        factors: list[float] = load_tensor(self._entry(ROPE_FACTORS, tensor), torch.float64, "cpu").tolist()
        return factors


def _refuse_another_kind(path: Path) -> None:
    if not path.is_file():
        return  # which read_gguf says better
    try:
        with path.open("rb") as file:
            head = file.read(SNIFFED_BYTES)
    except OSError:
        return
    if not head.startswith(MAGIC) and (wrong := wrong_file(head, path.stat().st_size, path)):
        raise wrong
