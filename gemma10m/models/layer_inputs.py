"""Make the input that each layer has for itself, beside the residual stream, from rows of a table (Gemma 3n and 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m.models.layers import RMSNorm


@dataclass(frozen=True)
class LayerInputs:
    """Hold what the layers' own inputs of a chunk are made of; each is made when its layer runs, and not kept.

    The table may be in another memory than the rest: a few rows of it are needed at a time, and it is half of a model.
    """

    ids: Tensor  # (B, S), where the table is, and 0 for ids without a row: those of pictures
    embedded: Tensor  # (B, S, D)
    table: Tensor  # (V, L * U)
    projection: Tensor  # (L * U, D)
    norm: RMSNorm  # of U numbers

    def of(self, layer: int, wanted: int) -> Tensor:
        """Return the last `wanted` tokens' input of a layer, (B, wanted, U)."""
        size, skipped = self.norm.weight.shape[0], self.ids.shape[1] - wanted
        part = slice(layer * size, (layer + 1) * size)
        embedded = self.embedded[:, skipped:]
        rows = F.embedding(self.ids[:, skipped:], self.table[:, part]).to(embedded)  # (B, wanted, U)
        scale = torch.tensor(size**0.5, dtype=rows.dtype)  # rounded as the published model was trained
        projected = F.linear(embedded, self.projection[part]) * embedded.shape[-1] ** -0.5  # (B, wanted, U)
        both: Tensor = (self.norm(projected) + rows * scale) * 2**-0.5
        return both


def table(rows: int, columns: int) -> nn.Embedding:
    """Return an embedding of zeros: its own init brings in torch's compiler on the meta device, a second each start."""
    made: nn.Embedding = nn.Embedding.from_pretrained(torch.zeros(rows, columns), freeze=False)
    return made
