"""Read ids as a document is read, up to the logits of the last one."""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m.models.decoder import Decoder
from gemma10m.reading.pace import Pace


def own_prefill(model: Decoder, ids: Tensor) -> Tensor:
    """Read all but the last segment of ids (1, S) as a document is read, then compute the last one's logits (1, V)."""
    state, segment = model.empty_state(), model.reading.segment
    closed = (ids.shape[1] - 1) // segment * segment
    if closed:
        state = Pace(model).read(ids[0, :closed].tolist(), state)
    with torch.inference_mode():
        logits: Tensor
        logits, _ = model(ids[:, closed:], state, logits="last")  # (1, 1, V)
        return logits[:, 0]
