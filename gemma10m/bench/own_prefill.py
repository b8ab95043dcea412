"""Read ids as a document is read, up to the logits of the last one."""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m.models.decoder import Decoder
from gemma10m.reading.pace import Pace


def own_prefill(model: Decoder, ids: Tensor) -> Tensor:
    """Read all but the last segment of ids (1, S) as a document is read, then compute the last one's logits (1, V)."""
    pace, segment = Pace(model), model.reading.segment
    closed = (ids.shape[1] - 1) // segment * segment
    state = pace.read(ids[0, :closed].tolist(), model.empty_state())
    with torch.inference_mode():
        logits: Tensor = model(ids[:, closed:], state, logits="last")[0]  # (1, 1, V)
        return logits[:, 0]
