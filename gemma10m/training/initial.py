"""Initialise a model that looks back, copies and matches from its first step on.

From noise, a small model needs many millions of tokens before it finds out that what followed a name earlier follows
it again. It takes parts that are of no use alone: heads that look back, heads that match what they show, values that
come out as what went in, and embeddings long enough for the head to name them. This module gives them, after Mimetic
Initialization (arXiv 2305.09828, 2410.11135); docs/training.md has what it changed.
"""

from __future__ import annotations

import math
from collections.abc import Container
from typing import cast

import torch
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.models.attention import Attention
from gemma10m.models.blocks import PreNormLayer
from gemma10m.models.decoder import Decoder
from gemma10m.models.rope import cos_sin
from gemma10m.training.megalodon_start import draw_megalodon
from gemma10m.training.parameters import is_gate

# Few writes at first: at half open, every segment would overwrite a small memory several times over.
WRITE_GATE_BIAS = -2.0
# Half of the heads start local: a head whose gate opens before its memory holds anything has no window to learn from.
LOCAL_GATE = -3.0
# A state vector that moves by an eighth a segment: gradients reach some eight segments back from the first step on.
VECTOR_GATE_BIAS = -2.0
# The embeddings' first coordinate, in standard deviations of the others: what a fixed look back is asked with.
CONSTANT = 3.4
# Feed-forwards start quiet: what attention copies is to come through.
QUIET = 0.3
# How much more a head looks its own way back than one token beside it: e^3 times.
CONTRAST = 3.0
SLOWEST = 0.1  # radians a token: slower turns tell neighbours apart no better than noise


def initialise(model: Decoder, only: Container[str] | None = None) -> None:
    """Draw weights ~ N(0, 1/fan_in), embeddings ~ N(0, 1/D), norms 0, write gates at sigmoid(-2) = 0.12.

    Memory gates: the first half of the heads at sigmoid(-3) = 0.05, the others at 0.5; in the first layer all at 0.05,
    because its heads look 1, 2, 3, ... tokens back. Outputs are the transposed values' weights.
    A first state vector ~ N(0, 0.02); the gates of its updates at sigmoid(-2) too. Models whose layers share keys and
    values begin from noise alone.
    only: the parameters to initialise; None for all. A Megalodon, which has no such heads, begins as its authors' did.
    """
    if only is None and model.config.megalodon:
        draw_megalodon(model)
        return
    for name, parameter in model.named_parameters():
        if only is None or name in only:
            _draw(name, parameter.data)
    if only is None and not model.config.shares:
        _teach_to_copy(model)


def _draw(name: str, weight: Tensor) -> None:
    if name.endswith("state_vector.first"):
        nn.init.normal_(weight, std=0.02)
    elif weight.dim() == 2 and "write_gate" not in name:
        nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
    else:
        nn.init.constant_(weight, WRITE_GATE_BIAS if name.endswith("write_gate.bias") else 0.0)
    if is_gate(name):
        nn.init.constant_(weight[:, : weight.shape[1] // 2], LOCAL_GATE)
    if name.endswith("state_vector.down.bias"):  # [candidate | gate]
        nn.init.constant_(weight.chunk(2)[1], VECTOR_GATE_BIAS)


@torch.no_grad()
def _teach_to_copy(model: Decoder) -> None:
    table = model.model.embed_tokens.weight  # (V, D)
    table[:, 0] = CONSTANT * table.shape[1] ** -0.5
    if not model.config.tied_head:
        model.lm_head.weight.copy_(table)
    first, *others = (cast(Attention, mixer) for mixer in model.mixers)
    _look_back(first)
    for number, attention in enumerate(others):
        _match(attention, first, 2 * number)
        _give_back(attention)
    for layer in model.model.layers:
        cast(PreNormLayer, layer).mlp.down_proj.weight.mul_(QUIET)


def _look_back(attention: Attention) -> None:
    """Let head j of 1, 2, ... show, in a place of its own, the token j back; all of them show the same of it.

    Keys are of the constant coordinate alone, and a head's query is the same key rotated j tokens back.
    """
    spec, size = attention.spec, attention.spec.head_size
    cos, sin = cos_sin(1, spec.heads, size, spec.rope, attention.k_proj.weight.device)  # (H, E) each
    turning = cos[0] < math.cos(SLOWEST)  # (E)
    turning[size // 2 :] = False
    reach = CONSTANT / (1.0 + CONSTANT**2 / attention.hidden_size) ** 0.5  # the constant after the norm
    length = (CONTRAST * size**0.5 / (1.0 - cos[0, turning]).sum()).sqrt() / reach
    key = length * turning  # (E)
    for projection, columns in (
        (attention.k_proj, key.expand(spec.kv_heads, -1)),
        (attention.q_proj, ops.rotate(key.expand(spec.heads, -1), cos, -sin)),
    ):
        projection.weight.zero_()[:, 0] = columns.flatten()
    values = attention.v_proj.weight.unflatten(0, (spec.kv_heads, -1))  # (K, E, D)
    values[1:] = values[0]
    nn.init.orthogonal_(attention.o_proj.weight)
    if attention.has_gates:
        attention.gate.fill_(LOCAL_GATE)


def _match(attention: Attention, first: Attention, shift: int) -> None:
    """Let head j of 0, 1, ... ask, with the token j back, for keys that have the same token j + 1 back."""
    spec, size = attention.spec, attention.spec.head_size
    shown = first.v_proj.weight[:size], *first.o_proj.weight.split(size, dim=1)  # (E, D), (D, E) for each head
    readers = shown[0], *(place.mT for place in shown[1:])  # (E, D) each: the token 0, 1, 2, ... back
    queries = attention.q_proj.weight.unflatten(0, (spec.kv_heads, -1, size))  # (K, H/K, E, D)
    keys = attention.k_proj.weight.unflatten(0, (spec.kv_heads, size))  # (K, E, D)
    for head in range(spec.kv_heads):
        back = (head + shift) % spec.heads
        queries[head] = readers[back]
        keys[head] = readers[back + 1]


def _give_back(attention: Attention) -> None:
    """Let a head's output put back what its values took out of a token: summed over heads, about the identity."""
    groups = attention.spec.heads // attention.spec.kv_heads
    values = attention.v_proj.weight.unflatten(0, (attention.spec.kv_heads, -1))  # (K, E, D)
    attention.o_proj.weight.copy_(values.repeat_interleave(groups, dim=0).flatten(0, 1).mT / groups)
