"""The official implementations in float64 throughout: they compute norms, angles and softmax in float32 otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch


@contextmanager
def official_in_float64() -> Iterator[None]:
    """Whatever is built or run inside has float64 where its code says float32."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "float32", torch.float64)
        patch.setattr(torch, "float", torch.float64)
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)  # for constants such as the root of the hidden size
        try:
            yield
        finally:
            torch.set_default_dtype(before)
