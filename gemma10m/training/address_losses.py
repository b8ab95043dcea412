"""Say how well addresses tell the token that a question is about from all others of its documents."""

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

GROUPS, TOGETHER = 3, 2  # of documents for each layer in a step of training; documents in a group
LEAST = 1e-9  # of a logarithm's argument


@dataclass(frozen=True)
class LayerDocument:
    """Hold a document as one layer has it."""

    writing: Tensor  # (S, D)
    asking: Tensor  # (T, D)
    asked: Tensor  # (Q) int64: which of the T tokens ask
    places: Tensor  # (Q) int64: which of the S tokens each asks for


def address_loss(
    documents: Sequence[AddressedDocument], layers: Sequence[AddedMemoryAttention], draw: random.Random
) -> Tensor:
    """Return the mean of `lost_share` over the layers with a memory, all of them in order, and groups of documents.

    It keeps addresses apart while a memory is trained: an answer's loss alone wears them away. Write gates count as
    they are. Each document must have an answer to find.
    """
    losses = []
    for number, layer in enumerate(layers):
        for _ in range(GROUPS):
            chosen = draw.sample(documents, min(TOGETHER, len(documents)))
            together = joined([layer_document(document, number) for document in chosen])
            alike, gates = alikeness(layer, together)
            losses.append(lost_share(weighted(alike, gates.detach()), together.places.to(alike.device)))
    return torch.stack(losses).mean()


def layer_document(document: AddressedDocument, inputs: int) -> LayerDocument:
    """Return the document as the layer has it whose place among the gathered inputs is `inputs`."""
    asked = torch.cat([target.asked for target in document.targets])
    places = torch.cat([target.places for target in document.targets])
    return LayerDocument(document.inputs[inputs], document.asking[inputs], asked, places)


def joined(documents: Sequence[LayerDocument]) -> LayerDocument:
    """Return the documents as one, in order."""
    written, asking, asked, places = 0, 0, list[Tensor](), list[Tensor]()
    for document in documents:
        asked.append(document.asked + asking)
        places.append(document.places + written)
        written, asking = written + len(document.writing), asking + len(document.asking)
    return LayerDocument(
        torch.cat([document.writing for document in documents]),
        torch.cat([document.asking for document in documents]),
        torch.cat(asked),
        torch.cat(places),
    )


def contrast(layer: AddedMemoryAttention, document: LayerDocument, sharpness: Tensor) -> tuple[Tensor, float]:
    """Return the cross entropy of the tokens asked for among all of their document, and the share that is found.

    This is InfoNCE (arXiv 1807.03748).
    """
    alike, _ = alikeness(layer, document)  # (H, Q, S)
    right = document.places.to(alike.device)
    loss = F.cross_entropy((sharpness * alike).flatten(0, 1), right.repeat(len(alike)))
    return loss, share_found(alike, right)


def lost_share(written: Tensor, right: Tensor) -> Tensor:
    """Return minus the logarithm of the right token's share in what is recalled, as a mean over the questions.

    written (H, Q, S): each token's cosine with what is asked, times its write gate; right (Q). What tokens write is
    taken to be as good as random, and nothing is overwritten: then the share is the square of the right token's over
    the sum of all squares. What comes back with another sign counts for nothing.
    """
    own = written.gather(2, right.expand(len(written), -1).unsqueeze(2)).clamp_min(0).square().sum((0, 2))  # (Q)
    return -(own / written.square().sum((0, 2))).clamp_min(LEAST).log().mean()


def weighted(alike: Tensor, gates: Tensor) -> Tensor:
    """Return cosines (H, Q, S) times the tokens' write gates (K, S)."""
    return gates.repeat_interleave(len(alike) // len(gates), dim=0).unsqueeze(1) * alike


def alikeness(layer: AddedMemoryAttention, document: LayerDocument) -> tuple[Tensor, Tensor]:
    """Return the cosine of each question and token (H, Q, S), and the tokens' write gates (K, S)."""
    written = layer.written(document.writing.unsqueeze(0))
    queries = layer.queries(document.asking.unsqueeze(0))[0, :, document.asked]  # (H, Q, E)
    keys = ops.unit(written.keys[0])  # (K, S, E)
    keys = keys.repeat_interleave(len(queries) // len(keys), dim=0)
    return ops.unit(queries) @ keys.mT, written.gates[0]


def share_found(alike: Tensor, right: Tensor) -> float:
    """Return the share of questions whose token is the most alike over all heads. alike (H, Q, S), right (Q)."""
    return float((alike.detach().sum(0).argmax(-1) == right).float().mean())
