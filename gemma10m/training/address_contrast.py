"""Contrast the token that a question is about with all others of its document (InfoNCE, arXiv 1807.03748)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m import ops
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.training.addresses import AddressedDocument

SHARPNESS = 20.0  # of the contrast during training; the fit before it learns its own
TOGETHER = 6  # documents of a step


@dataclass(frozen=True)
class LayerDocument:
    """Hold a document as one layer has it."""

    writing: Tensor  # (S, D)
    asking: Tensor  # (Q, D)
    places: Tensor  # (Q) int64: the token that each asks for


class AddressContrast:
    """Keep a memory's addresses apart while it is trained: an answer's loss alone wears them away."""

    def __init__(self, documents: Sequence[AddressedDocument]) -> None:
        """Take documents as `gather` yields them; those without an answer to find are left out."""
        self._documents = [document for document in documents if document.targets]

    def loss(self, layers: Sequence[AddedMemoryAttention], draw: random.Random) -> Tensor:
        """Return the mean over the layers with a memory, all of them in order, and a few documents, as a scalar."""
        chosen = draw.sample(self._documents, min(TOGETHER, len(self._documents)))
        sharpness = torch.tensor(SHARPNESS, device=layers[0].o_proj.weight.device)
        losses = [
            contrast(layer, layer_document(document, number), sharpness)[0]
            for number, layer in enumerate(layers)
            for document in chosen
        ]
        return torch.stack(losses).mean()


def layer_document(document: AddressedDocument, inputs: int) -> LayerDocument:
    """Return the document as the layer has it whose place among the gathered inputs is `inputs`."""
    asking = torch.cat([target.inputs[inputs] for target in document.targets])
    return LayerDocument(document.inputs[inputs], asking, torch.cat([target.places for target in document.targets]))


def contrast(layer: AddedMemoryAttention, document: LayerDocument, sharpness: Tensor) -> tuple[Tensor, float]:
    """Return the cross entropy of the tokens asked for among all of their document, and the share that is found."""
    alike, _ = alikeness(layer, document)  # (H, Q, S)
    right = document.places.to(alike.device)
    loss = F.cross_entropy((sharpness * alike).flatten(0, 1), right.repeat(len(alike)))
    return loss, share_found(alike, right)


def alikeness(layer: AddedMemoryAttention, document: LayerDocument) -> tuple[Tensor, Tensor]:
    """Return the cosine of each question and token (H, Q, S), and the tokens' write gates (K, S)."""
    queries, written = layer.addresses(document.asking.unsqueeze(0), document.writing.unsqueeze(0))
    keys = ops.unit(written.keys[0])  # (K, S, E)
    keys = keys.repeat_interleave(queries.shape[1] // len(keys), dim=0)
    return ops.unit(queries[0]) @ keys.mT, written.gates[0]


def share_found(alike: Tensor, right: Tensor) -> float:
    """Return the share of questions whose token is the most alike over all heads. alike (H, Q, S), right (Q)."""
    return float((alike.detach().sum(0).argmax(-1) == right).float().mean())
