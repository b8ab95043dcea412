"""Note what the layers with an added memory get while the model reads documents."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gemma10m.memory.state import State
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.models.decoder import Decoder


def added_layers(model: Decoder) -> dict[int, AddedMemoryAttention]:
    """Return the layers with an added memory by their numbers."""
    return {number: mixer for number, mixer in enumerate(model.mixers) if isinstance(mixer, AddedMemoryAttention)}


@torch.no_grad()
def read_and_hear(model: Decoder, ids: Tensor) -> tuple[State, Tensor]:
    """Read documents from their beginning: ids (B, S) -> the state after them, and the L layers' inputs (L, B, S, D).

    A document is read without the memory's answers, so the inputs do not depend on what a memory has learned.
    """
    layers, heard = list(added_layers(model).values()), dict[nn.Module, Tensor]()

    def listen(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        heard[layer] = inputs[0].detach()

    hooks = [layer.register_forward_pre_hook(listen) for layer in layers]
    try:
        _, state = model.hidden(ids, model.empty_state(ids.shape[0]), 0)
    finally:
        for hook in hooks:
            hook.remove()
    return state, torch.stack([heard[layer] for layer in layers])
