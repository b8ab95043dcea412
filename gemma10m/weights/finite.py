"""Refuse weights that no model was trained to: a damaged file, as a rule."""

from __future__ import annotations

from torch import Tensor

from gemma10m.errors import ModelError
from gemma10m.tensor_bytes import all_finite


def check_finite(name: str, tensor: Tensor) -> Tensor:
    """Return the tensor. Raises ModelError where one of its numbers is not finite."""
    if not all_finite(tensor):
        raise ModelError(f"{name} holds numbers that are not finite", hint="download the model again")
    return tensor
