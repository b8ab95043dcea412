"""Weights to start from."""

from __future__ import annotations

from collections.abc import Container

from torch import nn

from gemma10m.models.gemma import Gemma
from gemma10m.training.parameters import is_gate

# Few writes at first: at half open, every segment would overwrite a small memory several times over.
WRITE_GATE_BIAS = -2.0
# Half of the heads start local: a head whose gate opens before its memory holds anything has no window to learn from.
LOCAL_GATE = -3.0
# A state vector that moves by an eighth a segment: gradients reach some eight segments back from the first step on.
VECTOR_GATE_BIAS = -2.0


def initialise(model: Gemma, only: Container[str] | None = None) -> None:
    """Weights ~ N(0, 1/fan_in), embeddings ~ N(0, 0.02), norms 0, write gates at sigmoid(-2) = 0.12.

    Memory gates: the first half of the heads at sigmoid(-3) = 0.05, the others at 0.5.
    A first state vector ~ N(0, 0.02), like an embedding; the gates of its updates at sigmoid(-2) too.
    only: the parameters to initialise; None for all.
    """
    for name, parameter in model.named_parameters():
        if only is not None and name not in only:
            continue
        if parameter.dim() == 2 and "embed" not in name and "write_gate" not in name:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
        elif "embed" in name or name.endswith("state_vector.first"):
            nn.init.normal_(parameter, std=0.02)
        else:
            nn.init.constant_(parameter, WRITE_GATE_BIAS if name.endswith("write_gate.bias") else 0.0)
        if is_gate(name):
            nn.init.constant_(parameter.data[:, : parameter.shape[1] // 2], LOCAL_GATE)
        if name.endswith("state_vector.down.bias"):  # [candidate | gate]
            nn.init.constant_(parameter.data.chunk(2)[1], VECTOR_GATE_BIAS)
