"""Run code on CUDA tensors that have shapes and no memory, on a machine without a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
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


@contextmanager
def fake_cuda(monkeypatch: pytest.MonkeyPatch, flash: bool) -> Iterator[Made]:
    """Make tensors on a CUDA device that is not there. flash: what torch says of flash attention."""
    monkeypatch.setattr(scores, "_has_flash", lambda *_: flash)
    made = Made()
    with FakeTensorMode(), _Watch(made):
        yield made
