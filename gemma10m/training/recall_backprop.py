"""Compute the gradients of an added memory: documents are read as they are, and what is asked goes through the model.

A document's tokens write to the memory and ask it for nothing: what the layers get of them does not depend on what is
trained. They are read once without gradients; the writes are computed again with them, from what the layers got.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.memory.interludes import followed
from gemma10m.memory.maps import applied, composed
from gemma10m.memory.state import State
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.models.decoder import Decoder
from gemma10m.training.backprop import Losses, cross_entropy, right_answers
from gemma10m.training.heard_inputs import added_layers, read_and_hear
from gemma10m.training.plain_segments import PlainSegments
from gemma10m.training.recall_batch import RecallBatch
from gemma10m.training.recipe import Recipe
from gemma10m.training.teacher import distillation_loss


def recall_backward(
    model: Decoder, batch: RecallBatch, plain: PlainSegments | None, recipe: Recipe, draw: random.Random
) -> Losses:
    """Add the batch's gradients to the parameters' of the added memory."""
    ids = batch.ids.to(model.device)
    tail, targets = ids[:, batch.read : -1], ids[:, batch.read + 1 :]  # (B, T) each
    answers, prose = (mask[:, batch.read + 1 :].to(model.device) for mask in (batch.answers, batch.prose))
    state, heard = read_and_hear(model, ids[:, : batch.read])
    between = plain.some(draw.randint(1, recipe.plain_together), draw) if plain else None  # (L, P, N, D)
    written, gates = _written(model, batch.times.to(model.device), heard, between)
    hidden, _ = model.hidden(tail, _with_memories(model, state, written), tail.shape[1])  # (B, T, D)
    asked = int(answers.sum())
    answer, hits = cross_entropy(model, hidden[answers], targets[answers], asked)
    loss, taught = answer, None
    if recipe.kl_weight and prose.any():
        taught = _prose_loss(model, hidden, tail, state, prose)
        loss = loss + recipe.kl_weight * taught
    loss.backward()
    found = torch.zeros_like(batch.answers)
    found[:, batch.read + 1 :][answers.cpu()] = hits.cpu()
    return Losses(
        answer=float(answer.detach()) if asked else None,
        text=None,
        teacher=None if taught is None else float(taught.detach()),
        mixer=None,
        right=right_answers(batch.turns, found),
        write_gates=gates,
    )


def _written(model: Decoder, times: Tensor, heard: Tensor, between: Tensor | None) -> tuple[list[Tensor], list[float]]:
    """Return each layer's memory (B, K, E, E) after the document, and its mean write gate. heard (L, B, S, D)."""
    found, gates = [], []
    for number, layer in enumerate(added_layers(model).values()):
        maps, gate = _maps(layer, heard[number])  # (B, G, K, E, 2E)
        if between is not None and bool(times.any()):
            chain = composed(_maps(layer, between[number])[0][:, 0])  # (K, E, 2E)
            maps = followed(maps, chain, times)
        memory = torch.zeros_like(maps[:, 0, :, :, : maps.shape[-2]])
        for mapped in maps.unbind(1):
            memory = applied(mapped, memory)
        found.append(memory)
        gates.append(gate)
    return found, gates


def _maps(layer: AddedMemoryAttention, x: Tensor) -> tuple[Tensor, float]:
    """Return the maps of whole segments and the mean write gate: x (B, G * N, D) -> (B, G, K, E, 2E)."""
    writes = layer.written(x)
    closed = (part.unflatten(2, (-1, layer.segment)) for part in writes)  # (B, K, G, N, ...)
    return torch.cat(ops.gated_update(*closed), dim=-1).transpose(1, 2), float(writes.gates.detach().mean())


def _prose_loss(model: Decoder, hidden: Tensor, tail: Tensor, state: State, where: Tensor) -> Tensor:
    """Return how far the model is on prose from what it says with an empty memory. hidden (B, T, D), where (B, T)."""
    empty = [torch.zeros_like(state.layers[number]["memory"]) for number in added_layers(model)]
    with torch.no_grad():
        stock, _ = model.hidden(tail, _with_memories(model, state, empty), tail.shape[1])
        wanted = model.head(stock[where])  # (rows, V)
    return distillation_loss(model.head(hidden[where]), wanted, 1.0)


def _with_memories(model: Decoder, state: State, memories: list[Tensor]) -> State:
    layers = list(state.layers)
    for number, memory in zip(added_layers(model), memories, strict=True):
        layers[number] = layers[number].replace(memory=memory)
    return State(tuple(layers), state.position)
