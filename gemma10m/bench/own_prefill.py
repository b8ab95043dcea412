"""Read ids as a document is read, up to the logits of the last one."""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m.heap import keeping_freed
from gemma10m.models.decoder import Decoder
from gemma10m.reading.pace import Pace


def own_prefill(model: Decoder, ids: Tensor) -> Tensor:
    """Read ids (1, S) stretch by stretch as a document is read, the last stretch for its last logits (1, V)."""
    pace, state = Pace(model), model.empty_state()
    with keeping_freed(), torch.inference_mode():
        while ids.shape[1] - state.position > (room := pace.room(state.position)):
            state = pace.read(ids[0, state.position : state.position + room].tolist(), state)
        logits: Tensor
        logits, _ = model(ids[:, state.position :], state, logits="last")  # (1, 1, V)
        return logits[:, 0]
