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
from gemma10m.training.addresses import AddressedDocument, draw_together
from gemma10m.training.plain_segments import PlainSegments

GROUPS, TOGETHER = 2, 3  # of documents for each layer in a step of training; documents in a group
STRETCHES = 6  # segments of prose that stand for all of it
LEAST_PROSE, MOST_PROSE = 13.0, 21.5  # of tokens behind a group, as powers of 2
LEAST = 1e-9  # of a logarithm's argument


@dataclass(frozen=True)
class LayerDocument:
    """Hold a document as one layer has it."""

    writing: Tensor  # (S, D)
    asking: Tensor  # (T, D)
    asked: Tensor  # (Q) int64: which of the T tokens ask
    places: Tensor  # (Q) int64: which of the S tokens each asks for
    is_common: bool  # as of an AddressedDocument


class Addresses(NamedTuple):
    """Hold unit queries and keys as a memory takes them, and write gates."""

    queries: Tensor  # (H, Q, E)
    keys: Tensor  # (K, S, E)
    gates: Tensor  # (K, S)

    @property
    def asked(self) -> Tensor:
        """Return the mean of the queries to each K/V head (K, Q, E): its query heads count as one."""
        found: Tensor = self.queries.unflatten(0, (len(self.keys), -1)).mean(1)
        return found


class LaterProse(NamedTuple):
    """Hold where tokens of prose are written that is read behind documents, and how many tokens there are of it."""

    keys: Tensor  # (K, S, E), unit
    gates: Tensor  # (K, S)
    tokens: float


class Behind(NamedTuple):
    """Hold what later prose does to what is recalled for each of Q questions."""

    noise: Tensor  # (K, Q): the sum of squares of the prose's own weights
    overwritten: Tensor  # (K, Q): minus the logarithm of the share of the right token's weight that is left


def address_loss(
    documents: Sequence[AddressedDocument],
    layers: Sequence[AddedMemoryAttention],
    plain: PlainSegments | None,
    draw: random.Random,
) -> Tensor:
    """Return the mean of `lost_share` over the layers with a memory, all of them in order, and groups of documents.

    It keeps addresses apart while a memory is trained: an answer's loss alone wears them away. Each document must have
    an answer to find. With plain segments, a drawn number of tokens like theirs is written behind each group.
    """
    losses = []
    for number, layer in enumerate(layers):
        for _ in range(GROUPS):
            chosen = draw_together(documents, TOGETHER, draw)
            together = joined([layer_document(document, number) for document in chosen])
            losses.append(group_loss(layer, together, plain, number, draw))
    return torch.stack(losses).mean()


def group_loss(
    layer: AddedMemoryAttention,
    together: LayerDocument,
    plain: PlainSegments | None,
    number: int,
    draw: random.Random,
) -> Tensor:
    """Return the share that is lost of documents in one memory; `number` as in the inputs."""
    found = addresses(layer, together)
    right = together.places.to(found.keys.device)
    behind = None if plain is None else written_behind(found, right, draw_prose_behind(layer, plain, number, draw))
    return lost_share(recalled(found), right, behind)


def layer_document(document: AddressedDocument, inputs: int) -> LayerDocument:
    """Return the document as the layer has it whose place among the gathered inputs is `inputs`."""
    asked = torch.cat([target.asked for target in document.targets])
    places = torch.cat([target.places for target in document.targets])
    return LayerDocument(document.inputs[inputs], document.asking[inputs], asked, places, document.is_common)


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
        any(document.is_common for document in documents),
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
    diag(b) K Kᵀ below the diagonal (`kernels.reference.gated_update`).
    """
    gates = found.gates.unsqueeze(-1)  # (K, S, 1)
    below = gates * found.keys @ found.keys.mT  # (K, S, S), of which the solver reads what is below the diagonal
    solved = torch.linalg.solve_triangular(
        below, found.asked @ found.keys.mT, upper=False, left=False, unitriangular=True
    )
    weights: Tensor = solved * gates.mT
    return weights


def draw_prose_behind(
    layer: AddedMemoryAttention, plain: PlainSegments, number: int, draw: random.Random
) -> LaterProse:
    inputs = torch.cat([plain.some(1, draw)[number] for _ in range(STRETCHES)])  # (P, N, D)
    written = layer.written(inputs.to(layer.added_memory.query_map.device))
    keys, gates = ops.unit(written.keys), written.gates
    tokens = 2.0 ** draw.uniform(LEAST_PROSE, MOST_PROSE)
    return LaterProse(keys.transpose(0, 1).flatten(1, 2), gates.transpose(0, 1).flatten(1), tokens)


def written_behind(found: Addresses, right: Tensor, prose: LaterProse) -> Behind:
    """Return what prose does to what is recalled, as the mean of its tokens does it. right (Q)."""
    gates = prose.gates.unsqueeze(1)  # (K, 1, S)
    noise = (gates * (found.asked @ prose.keys.mT)).square().mean(2)
    overwritten = (gates * (found.keys[:, right] @ prose.keys.mT).square()).mean(2)
    return Behind(prose.tokens * noise, prose.tokens * overwritten)


def lost_share(weights: Tensor, right: Tensor, behind: Behind | None) -> Tensor:
    """Return minus the logarithm of the right token's share in what is recalled, as a mean over the questions.

    weights (K, Q, S) as `recalled` returns them; right (Q). Where values are as good as random, the share is the square
    of the right token's weight over the sum of all squares. What comes back with another sign counts for nothing.
    """
    own = weights.gather(2, right.expand(len(weights), -1).unsqueeze(2)).squeeze(2).clamp_min(0)  # (K, Q)
    parts, total = own.square().clamp_min(LEAST).log(), weights.square().sum(2).clamp_min(LEAST).log()
    if behind is not None:  # in logarithms: little may be left, and shall have a gradient
        parts, left = parts - 2 * behind.overwritten, total - 2 * behind.overwritten
        total = torch.logaddexp(left, behind.noise.clamp_min(LEAST).log())
    return (total.logsumexp(0) - parts.logsumexp(0)).mean()


def share_found(alike: Tensor, right: Tensor) -> float:
    """Return the share of questions whose token is the most alike over all heads. alike (H, Q, S), right (Q)."""
    return float((alike.detach().sum(0).argmax(-1) == right).float().mean())
