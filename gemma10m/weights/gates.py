"""Read a checkpoint's memory gates, a few numbers, without loading the rest."""

from __future__ import annotations

import torch

from gemma10m.weights.checkpoint import Checkpoint


def read_gates(checkpoint: Checkpoint) -> list[torch.Tensor] | None:
    """Return each layer's beta, [1, H, 1, 1], or None for a checkpoint without gates."""
    entries = [entry for name, entry in checkpoint.tensors.items() if name.endswith("self_attn.gate")]
    return [checkpoint.source.load(entry, torch.float32, "cpu") for entry in entries] or None
