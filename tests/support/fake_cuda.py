"""Run code on CUDA tensors that have shapes and no memory, on a machine without a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gemma10m.models import scores


@dataclass
class Made:
    """Hold what was called, and the tensors that came out of it."""

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    bytes: dict[str, int] = field(default_factory=dict)  # by device type, of the largest tensor

    def named(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(arguments, words) for called, arguments, words in self.calls if name in called]


class _Watch(TorchDispatchMode):
    def __init__(self, made: Made) -> None:
        super().__init__()
        self._made = made

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        self._made.calls.append((str(function), tuple(args), dict(kwargs or {})))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                kind, size = tensor.device.type, tensor.untyped_storage().nbytes()
                self._made.bytes[kind] = max(self._made.bytes.get(kind, 0), size)
        return out


class _Indexing(TorchFunctionMode):
    """Index by slices of the dispatcher: Python's own ask for a device guard, which PyTorch's CPU builds lack."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is not torch.Tensor.__getitem__ or not _is_plain(args[1]):
            return function(*args, **(kwargs or {}))
        return _indexed(*args)


def _is_plain(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, slice | int) for part in parts)


def _indexed(x: torch.Tensor, index: Any) -> torch.Tensor:
    parts = list(index) if isinstance(index, tuple) else [index]
    named = sum(part is not None and part is not Ellipsis for part in parts)
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (x.dim() - named)
    place = 0
    for part in parts:
        if part is None:
            x = x.unsqueeze(place)
        elif isinstance(part, int):
            x = x.select(place, part)
            continue
        elif part != slice(None):
            x = torch.ops.aten.slice.Tensor(x, place, part.start, part.stop, part.step or 1)
        place += 1
    return x


def _copied(x: torch.Tensor, memory_format: torch.memory_format = torch.contiguous_format) -> torch.Tensor:
    """Copy by the dispatcher: Tensor.contiguous asks for a device guard, too."""
    made: torch.Tensor = torch.ops.aten.clone.default(x, memory_format=memory_format)
    return made


def _filled(x: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Do as Tensor.copy_ does, which asks for one as well."""
    torch.ops.aten.copy_.default(x, source)
    return x


@contextmanager
def fake_cuda(monkeypatch: pytest.MonkeyPatch, flash: bool) -> Iterator[Made]:
    """Make tensors on a CUDA device that is not there. flash: what torch says of flash attention."""
    monkeypatch.setattr(scores, "_has_flash", lambda *_: flash)
    monkeypatch.setattr(torch.Tensor, "contiguous", _copied, raising=False)
    monkeypatch.setattr(torch.Tensor, "copy_", _filled, raising=False)
    made = Made()
    with FakeTensorMode(), _Watch(made), _Indexing():
        yield made
