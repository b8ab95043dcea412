"""Check tensors that a file holds and that can have one value alone: with another it is a model of another kind."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gemma10m.config import ModelConfig
from gemma10m.errors import ModelError
from gemma10m.models.megalodon import ARCHITECTURE
from gemma10m.models.megalodon_layer import RopeFrequencies
from gemma10m.weights.headers import COUNT

_FREQUENCIES = "model.rope.freqs"


def check_constants(config: ModelConfig, weights: Mapping[str, Tensor]) -> None:
    """Compare Megalodon's counts of a prior and its rotary frequencies. Raises ModelError with the tensor's name."""
    for name, tensor in weights.items():
        if name.endswith(COUNT) and int(tensor) != 0:
            raise ModelError(
                f"{ARCHITECTURE.file_name(name)} is {int(tensor):,}, expected 0: a prior makes the norm another one",
                hint="use a checkpoint of the released configurations, which have none",
            )
    if (found := weights.get(_FREQUENCIES)) is None:
        return
    expected = RopeFrequencies(config).freqs
    if not torch.allclose(found.float().cpu(), expected, rtol=5e-3, atol=0.0):  # bfloat16 rounds by half as much
        raise ModelError(
            f"{ARCHITECTURE.file_name(_FREQUENCIES)} does not fit the rope_base {config.rope_theta:g} of config.json",
            hint="config.json and the weights must come from the same model",
        )
