"""Compute the gradients of an added memory: documents are read as they are, and what is asked goes through the model.

A document's tokens write to the memory and ask it for nothing: what the layers get of them does not depend on what is
trained. They are read once without gradients; the writes are computed again with them, from what the layers got.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.memory.added import CONTEXT, CONTEXT_TOKENS
from gemma10m.memory.interludes import followed
from gemma10m.memory.maps import applied, composed
from gemma10m.memory.state import State
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.models.decoder import Decoder
from gemma10m.training.asked_again import AskedAgain, Windows, padded_inputs
from gemma10m.training.backprop import Losses, cross_entropy, right_answers
from gemma10m.training.heard_inputs import added_layers, read_and_hear
from gemma10m.training.plain_segments import PlainSegments
from gemma10m.training.recall_batch import RecallBatch
from gemma10m.training.recipe import Recipe
from gemma10m.training.teacher import distillation_loss


@dataclass(frozen=True)
class _Written:
    memories: list[Tensor]  # a layer's (B, K, E, E) after the documents
    gates: list[float]  # a layer's mean write gate


def recall_backward(
    model: Decoder, batch: RecallBatch, plain: PlainSegments | None, recipe: Recipe, draw: random.Random
) -> Losses:
    """Add the batch's gradients to the parameters' of the added memory."""
    state, heard = read_and_hear(model, batch.ids[:, : batch.read].to(model.device))
    between = _between(plain, recipe, draw)
    written = _written(model, batch.times, heard, torch.ones(heard.shape[1:3], dtype=torch.bool), between)
    return _ask(model, batch, _with_contexts(model, state, heard), written, recipe)


def again_backward(
    model: Decoder,
    asked: AskedAgain,
    windows: Windows,
    plain: PlainSegments | None,
    recipe: Recipe,
    draw: random.Random,
) -> Losses:
    """Add the gradients of questions about documents that were read before."""
    heard, read = padded_inputs(asked.documents, model.reading.segment)  # (L, N, S, D), (N, S)
    written = _written(model, asked.batch.times, heard.to(model.device), read, _between(plain, recipe, draw))
    state = windows.state.map(lambda tensor: tensor[asked.windows.to(tensor.device)])
    state = _with_contexts(model, state, windows.heard[:, asked.windows.to(model.device)])
    return _ask(model, asked.batch, state, written, recipe)


def _between(plain: PlainSegments | None, recipe: Recipe, draw: random.Random) -> Tensor | None:
    """Draw the prose of the interludes: (L, P, N, D)."""
    return plain.some(draw.randint(1, recipe.plain_together), draw) if plain else None


def _ask(model: Decoder, batch: RecallBatch, state: State, found: _Written, recipe: Recipe) -> Losses:
    """Run the tokens behind the read ones through the model, and add the gradients of their losses."""
    ids = batch.ids[:, batch.read :].to(model.device)
    tail, targets = ids[:, :-1], ids[:, 1:]  # (B, T) each
    answers, prose = (mask[:, batch.read + 1 :].to(model.device) for mask in (batch.answers, batch.prose))
    hidden, _ = model.hidden(tail, _with(model, state, "memory", found.memories), tail.shape[1])  # (B, T, D)
    asked = int(answers.sum())
    answer, hits = cross_entropy(model, hidden[answers], targets[answers], asked)
    loss, taught = answer, None
    if recipe.kl_weight and prose.any():
        taught = _prose_loss(model, hidden, tail, state, prose)
        loss = loss + recipe.kl_weight * taught
    loss.backward()
    hit = torch.zeros_like(batch.answers)
    hit[:, batch.read + 1 :][answers.cpu()] = hits.cpu()
    return Losses(
        answer=float(answer.detach()) if asked else None,
        text=None,
        teacher=None if taught is None else float(taught.detach()),
        mixer=None,
        right=right_answers(batch.turns, hit),
        write_gates=found.gates,
    )


def _written(model: Decoder, times: Tensor, heard: Tensor, read: Tensor, between: Tensor | None) -> _Written:
    """Return what documents write, one or several to a row. times (B, G), heard (L, N, S, D), read (N, S) bool."""
    memories, gates = [], []
    times, read = times.to(model.device), read.to(model.device)
    for number, layer in enumerate(added_layers(model).values()):
        maps, gate = _maps(layer, heard[number], read)
        maps = maps.reshape(*times.shape, *maps.shape[2:])  # (B, G, K, E, 2E)
        if between is not None and bool(times.any()):
            everything = torch.ones(between.shape[1:3], dtype=torch.bool, device=model.device)
            chain = composed(_maps(layer, between[number], everything)[0][:, 0])  # (K, E, 2E)
            maps = followed(maps, chain, times)
        memory = torch.zeros_like(maps[:, 0, :, :, : maps.shape[-2]])
        for mapped in maps.unbind(1):
            memory = applied(mapped, memory)
        memories.append(memory)
        gates.append(gate)
    return _Written(memories, gates)


def _maps(layer: AddedMemoryAttention, x: Tensor, read: Tensor) -> tuple[Tensor, float]:
    """Return the maps of whole segments and the mean write gate: x (B, G * N, D) -> (B, G, K, E, 2E).

    read (B, G * N) bool: the others write nothing.
    """
    keys, values, gates = layer.written(x)
    writes = keys, values, gates * read.unsqueeze(1)
    closed = (part.unflatten(2, (-1, layer.segment)) for part in writes)  # (B, K, G, N, ...)
    mean = gates.detach().mean(1)[read].mean()
    return torch.cat(ops.gated_update(*closed), dim=-1).transpose(1, 2), float(mean)


def _prose_loss(model: Decoder, hidden: Tensor, tail: Tensor, state: State, where: Tensor) -> Tensor:
    """Return how far the model is on prose from what it says with an empty memory. hidden (B, T, D), where (B, T)."""
    stop = int(where.any(0).nonzero().max()) + 1
    tail, where, hidden = tail[:, :stop], where[:, :stop], hidden[:, :stop]
    empty = [torch.zeros_like(state.layers[number]["memory"]) for number in added_layers(model)]
    with torch.no_grad():
        stock, _ = model.hidden(tail, _with(model, state, "memory", empty), tail.shape[1])
        wanted = model.head(stock[where])  # (rows, V)
    return distillation_loss(model.head(hidden[where]), wanted, 1.0)


def _with_contexts(model: Decoder, state: State, heard: Tensor) -> State:
    """Return the state after closed segments with contexts that have gradients. heard (L, B, S, D)."""
    contexts = [
        layer.first_context(heard[number][:, -CONTEXT_TOKENS:])[:, :, -CONTEXT_TOKENS:]
        for number, layer in enumerate(added_layers(model).values())
    ]
    return _with(model, state, CONTEXT, contexts)


def _with(model: Decoder, state: State, name: str, tensors: list[Tensor]) -> State:
    """Return the state with one tensor of each layer that has a memory."""
    layers = list(state.layers)
    for number, tensor in zip(added_layers(model), tensors, strict=True):
        layers[number] = layers[number].replace(**{name: tensor})
    return State(tuple(layers), state.position)
