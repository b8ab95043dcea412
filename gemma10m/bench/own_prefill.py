"""Read ids as a document is read, up to the logits of the last one."""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.reading.pace import Pace


def own_prefill(model: Decoder, ids: Tensor) -> Tensor:
    """Read all but the last segment of ids (1, S) as a document is read, then compute the last one's logits (1, V)."""
    return read_on(model, ids, model.empty_state())[0]


def read_on(model: Decoder, ids: Tensor, state: State) -> tuple[Tensor, State]:
    """Do as `own_prefill` does from a state on; return the last logits (1, V) and the new state."""
    segment = model.reading.segment
    closed = (ids.shape[1] - 1) // segment * segment
    if closed:
        state = Pace(model).read(ids[0, :closed].tolist(), state)
    with torch.inference_mode():
        logits, state = model(ids[:, closed:], state, logits="last")  # (1, 1, V)
        return logits[:, 0], state
