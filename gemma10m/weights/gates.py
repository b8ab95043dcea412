"""The memory gates of a checkpoint: a few numbers, read without loading the rest."""

from __future__ import annotations

import torch
from safetensors import safe_open

from gemma10m.weights.checkpoint import Checkpoint


def read_gates(checkpoint: Checkpoint) -> list[torch.Tensor] | None:
    """Each layer's beta, [1, H, 1, 1]; None for a checkpoint without gates."""
    entries = [entry for name, entry in checkpoint.tensors.items() if name.endswith("self_attn.gate")]
    gates = []
    for entry in entries:
        with safe_open(entry.shard, framework="pt") as shard:
            gates.append(shard.get_tensor(entry.name))
    return gates or None
