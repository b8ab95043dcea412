"""Make the model that `train --memory` starts with: a frozen checkpoint and a memory that changes nothing yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from gemma10m.adapters.about import AboutAnswers
from gemma10m.adapters.added_memory import PART, AddedMemoryWeights
from gemma10m.adapters.peft_folder import Adapter
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.models.added_projections import AddedProjections
from gemma10m.models.decoder import Decoder
from gemma10m.training.initial import WRITE_GATE_BIAS
from gemma10m.weights.checkpoint import Checkpoint

CONTEXT_SCALE = 0.03


def untrained_memory(config: ModelConfig, reading: ReadingConfig, rank: int, seed: int) -> AddedMemoryWeights:
    """Return a memory for each layer that has no window and owns its keys.

    Maps are the identity, the context of a token is the mean of those before it, drawn at random, the other low-rank
    updates are 0, and read gates are shut.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for layer in range(config.layers):
        spec = config.attention_of(layer)
        if spec.window is not None or spec.source is not None:
            continue
        part = AddedProjections(config.hidden_size, spec, rank)
        for name, parameter in part.named_parameters():
            _draw(name, parameter, generator)
        tensors |= {f"model.layers.{layer}{PART}{name}": tensor for name, tensor in part.state_dict().items()}
    return AddedMemoryWeights(rank, reading, tensors)


def adapter_with(memory: AddedMemoryWeights, adapter: Adapter | None, checkpoint: Checkpoint) -> Adapter:
    """Return the adapter with this memory, or one that has nothing else."""
    if adapter is None:
        return Adapter(Path(), {}, AboutAnswers(checkpoint.fingerprint), memory.fingerprint, memory)
    return replace(adapter, memory=memory, about=replace(adapter.about, base=checkpoint.fingerprint))


def memory_of(model: Decoder, rank: int, reading: ReadingConfig) -> AddedMemoryWeights:
    """Return the model's memory as an adapter holds it."""
    found = {name: tensor.detach() for name, tensor in model.state_dict().items() if PART in name}
    return AddedMemoryWeights(rank, reading, found)


@torch.no_grad()
def _draw(name: str, parameter: nn.Parameter, generator: torch.Generator) -> None:
    if name.endswith("down.weight"):
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter.shape[1] ** -0.5)
    elif name == "context.up.weight":
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * CONTEXT_SCALE)
    elif not name.endswith(("_map", "_kernel")):
        parameter.fill_(WRITE_GATE_BIAS if name == "write_gate.bias" else 0.0)
