"""The weights a run from scratch starts with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.models.attention import Attention
from gemma10m.models.decoder import Decoder
from gemma10m.models.rope import cos_sin
from gemma10m.training.initial import initialise

DEMO = ModelConfig(128, 4, 4, 4, 32, 384, 4096, has_gates=True, has_write_gates=True)
TOKENS = 40


def fresh(config: ModelConfig = DEMO) -> Decoder:
    torch.manual_seed(0)
    model = Decoder(config, ReadingConfig("gated", 64, 64, 4))
    initialise(model)
    return model.eval()


def weights(attention: Attention, x: Tensor, positions: bool) -> Tensor:
    """Return the weights of each head's causal attention, (H, S, S)."""
    queries, keys = attention._heads(attention.q_proj(x)), attention._heads(attention.k_proj(x))  # (B, heads, S, E)
    keys = keys.repeat_interleave(attention.spec.heads // attention.spec.kv_heads, dim=1)  # (B, H, S, E)
    if positions:
        spec = attention.spec
        cos, sin = cos_sin(0, x.shape[1], spec.head_size, spec.rope, x.device)  # (S, E) each
        queries, keys = ops.rotate(queries, cos, sin), ops.rotate(keys, cos, sin)
    scores = queries @ keys.mT / attention.spec.head_size**0.5
    return scores.masked_fill(~torch.ones(scores.shape[-2:]).tril().bool(), -torch.inf).softmax(-1)[0]


@torch.no_grad()
def embedded(model: Decoder, ids: Tensor) -> Tensor:
    table = model.model.embed_tokens.weight
    return model.model.embed_tokens(ids) * table.shape[1] ** 0.5  # (B, S, D)


def random_ids(model: Decoder, seed: int = 1) -> Tensor:
    return torch.randint(model.config.vocabulary, (1, TOKENS), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@torch.no_grad()
def test_the_first_layer_s_heads_look_one_two_three_and_four_tokens_back(kv_heads: int) -> None:
    model = fresh(replace(DEMO, kv_heads=kv_heads))
    layer = model.model.layers[0]
    found = weights(layer.self_attn, layer.input_layernorm(embedded(model, random_ids(model))), positions=True)
    for head in range(4):
        back = found[head].diagonal(-(head + 1))[8:]  # (S - head - 9)
        assert back.mean() > 0.7
        assert (found[head].argmax(-1)[8:] == torch.arange(7 - head, TOKENS - head - 1)).float().mean() > 0.9


@torch.no_grad()
def test_a_copied_token_comes_out_as_itself() -> None:
    """A head writes back what is nearer to the token it read than to any other of the vocabulary."""
    model = fresh()
    table = model.model.embed_tokens.weight[:, 1:]  # without the constant
    for layer in model.model.layers[1:]:
        through = layer.self_attn.o_proj.weight @ layer.self_attn.v_proj.weight  # (D, D)
        copied = model.model.embed_tokens.weight[:200] @ through.mT  # (200, D)
        assert ((copied[:, 1:] @ table.mT).argmax(-1) == torch.arange(200)).float().mean() > 0.9


@torch.no_grad()
def test_a_repeated_phrase_is_found_one_token_further_on() -> None:
    """A later layer's heads ask for what followed: with no weight trained, chance is 1 in 34."""
    model = fresh()
    first, second = model.model.layers[:2]
    hits = torch.zeros(4)
    for seed in range(25):
        ids = random_ids(model, seed)
        ids[0, 30:35] = ids[0, 10:15]
        x = embedded(model, ids)  # (B, S, D)
        shown = x + first.self_attn.o_proj(_mixed(first.self_attn, first.input_layernorm(x)))  # (B, S, D)
        found = weights(second.self_attn, second.input_layernorm(shown), positions=False)  # (H, S, S)
        hits += found[:, 34, :34].argmax(-1) == 15
    assert (hits / 25 > 0.3).all(), hits


def _mixed(attention: Attention, x: Tensor) -> Tensor:
    values = attention._heads(attention.v_proj(x))[0]  # (K, S, E)
    return (weights(attention, x, positions=True) @ values).transpose(0, 1).flatten(1).unsqueeze(0)  # (1, S, H * E)


def test_half_of_the_heads_start_local_and_all_of_the_first_layer_s() -> None:
    first, *others = (torch.sigmoid(layer.self_attn.gate.detach().flatten()) for layer in fresh().model.layers)
    assert (first < 0.05).all()
    for gate in others:
        assert (gate[:2] < 0.05).all()
        assert (gate[2:] == 0.5).all()


def test_a_head_of_its_own_starts_as_the_embedding() -> None:
    model = fresh(replace(DEMO, tied_head=False))
    assert torch.equal(model.lm_head.weight, model.model.embed_tokens.weight)


def test_what_a_checkpoint_has_is_left_alone() -> None:
    model, name = fresh(), "model.layers.1.self_attn.gate"
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    model.get_parameter(name).data.fill_(9.0)
    torch.manual_seed(1)
    initialise(model, [name])
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
