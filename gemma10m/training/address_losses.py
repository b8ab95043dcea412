"""Say how well addresses tell the token that a question is about from all others of its documents."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m import ops
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.training.addresses import AddressedDocument

GROUPS, TOGETHER = 2, 3  # of documents for each layer in a step of training; documents in a group
LEAST = 1e-9  # of a logarithm's argument


@dataclass(frozen=True)
class LayerDocument:
    """Hold a document as one layer has it."""

    writing: Tensor  # (S, D)
    asking: Tensor  # (T, D)
    asked: Tensor  # (Q) int64: which of the T tokens ask
    places: Tensor  # (Q) int64: which of the S tokens each asks for


class Addresses(NamedTuple):
    """Hold unit queries and keys as a memory takes them, and write gates."""

    queries: Tensor  # (H, Q, E)
    keys: Tensor  # (K, S, E)
    gates: Tensor  # (K, S)


def address_loss(
    documents: Sequence[AddressedDocument], layers: Sequence[AddedMemoryAttention], draw: random.Random
) -> Tensor:
    """Return the mean of `lost_share` over the layers with a memory, all of them in order, and groups of documents.

    It keeps addresses apart while a memory is trained: an answer's loss alone wears them away. Each document must have
    an answer to find.
    """
    losses = []
    for number, layer in enumerate(layers):
        for _ in range(GROUPS):
            chosen = draw.sample(documents, min(TOGETHER, len(documents)))
            together = joined([layer_document(document, number) for document in chosen])
            found = addresses(layer, together)
            losses.append(lost_share(recalled(found), together.places.to(found.keys.device)))
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


def addresses(layer: AddedMemoryAttention, document: LayerDocument) -> Addresses:
    """Return where the layer writes the document's tokens, and where the questions look."""
    written = layer.written(document.writing.unsqueeze(0))
    queries = layer.queries(document.asking.unsqueeze(0))[0, :, document.asked]  # (H, Q, E)
    return Addresses(ops.unit(queries), ops.unit(written.keys[0]), written.gates[0])


def alikeness(found: Addresses) -> Tensor:
    """Return the cosine of each question and token: (H, Q, S)."""
    return found.queries @ found.keys.repeat_interleave(len(found.queries) // len(found.keys), dim=0).mT


def contrast(alike: Tensor, right: Tensor, sharpness: Tensor) -> Tensor:
    """Return the cross entropy of the tokens asked for among all of their document: InfoNCE (arXiv 1807.03748).

    alike (H, Q, S), right (Q)
    """
    return F.cross_entropy((sharpness * alike).flatten(0, 1), right.repeat(len(alike)))


def recalled(found: Addresses) -> Tensor:
    """Return how much of each token's value is in what a memory of all of them recalls: (K, Q, S).

    It is what the gated delta rule leaves, with what later tokens overwrite: q Kᵀ (I + L)⁻¹ diag(b), L the part of
    diag(b) K Kᵀ below the diagonal (`kernels.reference.gated_update`). The query heads of a K/V head count as one.
    """
    asked = found.queries.unflatten(0, (len(found.keys), -1)).mean(1)  # (K, Q, E)
    gates = found.gates.unsqueeze(-1)  # (K, S, 1)
    below = gates * found.keys @ found.keys.mT  # (K, S, S), of which the solver reads what is below the diagonal
    solved = torch.linalg.solve_triangular(below, asked @ found.keys.mT, upper=False, left=False, unitriangular=True)
    weights: Tensor = solved * gates.mT
    return weights


def lost_share(weights: Tensor, right: Tensor) -> Tensor:
    """Return minus the logarithm of the right token's share in what is recalled, as a mean over the questions.

    weights (K, Q, S) as `recalled` returns them; right (Q). Where values are as good as random, the share is the square
    of the right token's weight over the sum of all squares. What comes back with another sign counts for nothing.
    """
    own = weights.gather(2, right.expand(len(weights), -1).unsqueeze(2)).clamp_min(0).square().sum((0, 2))  # (Q)
    return -(own / weights.square().sum((0, 2))).clamp_min(LEAST).log().mean()


def share_found(alike: Tensor, right: Tensor) -> float:
    """Return the share of questions whose token is the most alike over all heads. alike (H, Q, S), right (Q)."""
    return float((alike.detach().sum(0).argmax(-1) == right).float().mean())
