"""`heavy` memory: against a loop over tokens, a needle that a window loses, and a budget that is never exceeded."""

from __future__ import annotations

import pytest
import torch
from models import (
    assert_close_state,
    assert_same_state,
    changed,
    difference,
    outputs_of,
    random_ids,
    read_cut,
    tiny_config,
    tiny_model,
)
from oracle import random_weights
from torch import Tensor

from gemma10m import ops
from gemma10m.config import AttentionSpec, MemoryKind, ReadingConfig, Rope
from gemma10m.models.attention import Attention
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.models.rope import cos_sin_at
from gemma10m.weights.plan import memory_plan


def turned(x: Tensor, place: int) -> Tensor:
    """Rotate x (E) to a place."""
    cos, sin = cos_sin_at(torch.tensor([place]), x.shape[0], Rope(), torch.float64)
    return ops.rotate(x.view(1, 1, 1, -1), cos, sin).flatten()


def test_a_model_with_state_vectors_may_keep_what_is_attended_to_instead() -> None:
    plain, with_vectors = (tiny_model("heavy", segment=4, carry=4, has_state_vectors=has) for has in (False, True))
    ids = random_ids(plain, 29)
    with_vectors.load_state_dict(with_vectors.state_dict() | plain.state_dict())
    assert torch.equal(read_cut(with_vectors, ids)[0], read_cut(plain, ids)[0])


def slow_attention(mixer: Attention, x: Tensor, reading: ReadingConfig) -> Tensor:
    """Attend token by token as docs/architecture.md says, for one document x (1, S, D) -> (S, H E)."""
    queries, keys, values = (part[0] for part in mixer._project(x, x.shape[1]))
    segment, carry, sinks = reading.segment, reading.carry, reading.sinks
    out = torch.zeros(x.shape[1], queries.shape[0], queries.shape[2], dtype=torch.float64)
    for head in range(keys.shape[0]):
        heavy, scores = list[int](), [0.0] * x.shape[1]
        for start in range(0, x.shape[1], segment):
            window = max(0, start - carry)
            places = {token: token for token in range(window, start + segment)}
            places |= {token: window - len(heavy) + rank for rank, token in enumerate(heavy)}
            if window:
                places |= {token: window - len(heavy) - sinks + token for token in range(sinks)}
            given = dict.fromkeys(range(x.shape[1]), 0.0)
            for query in range(start, min(start + segment, x.shape[1])):
                seen = [token for token in places if token <= query]
                for asking in (2 * head, 2 * head + 1):
                    asked = turned(queries[asking, query], query)
                    products = torch.stack([asked @ turned(keys[head, token], places[token]) for token in seen])
                    weights = torch.softmax(products * 6**-0.5, dim=0)
                    out[query, asking] = weights @ values[head, seen]
                    for token, weight in zip(seen, weights.tolist(), strict=True):
                        given[token] += weight
            scores = [score + given[token] for token, score in enumerate(scores)]
            leaving = range(window, max(0, start + segment - carry))
            candidates = sorted({*heavy, *leaving} - set(range(sinks)))
            heavy = sorted(sorted(candidates, key=lambda token: -scores[token])[:carry])
    return out.flatten(1)


@torch.no_grad()
@pytest.mark.parametrize(("segment", "carry", "sinks"), [(4, 4, 2), (3, 6, 0), (5, 5, 5)])
def test_the_layer_is_that_of_a_loop_over_tokens(segment: int, carry: int, sinks: int) -> None:
    model = tiny_model("heavy", segment=segment, carry=carry, sinks=sinks, layers=1)
    ids, mixer = random_ids(model, 38), model.mixers[0]
    assert isinstance(mixer, Attention)
    x = outputs_of(model.model.layers[0].input_layernorm, model, ids)
    expected = mixer.o_proj(slow_attention(mixer, x, model.reading))
    assert difference(outputs_of(mixer, model, ids)[0], expected) <= 1e-10


def model_that_looks_for_token_0(kind: MemoryKind) -> Decoder:
    """Return a layer whose queries all ask for the token 0, wherever it is."""
    spec = AttentionSpec(4, 2, 6, Rope(turned=0))
    config = tiny_config(layers=1, has_gates=False, attention=(spec,))
    model = Decoder(config, ReadingConfig(kind, segment=8, carry=8, sinks=2)).double().eval()
    layer = model.model.layers[0]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(parameter.numel()))
        embedding, attention = model.model.embed_tokens.weight, layer.self_attn
        embedding[:, :2] = torch.tensor([0.0, 5.0])
        embedding[0] = 0.0
        embedding[0, 0] = 5.0
        attention.q_proj.weight.zero_()
        attention.q_proj.weight[::6, 1] = 5.0
        attention.k_proj.weight.zero_()
        attention.k_proj.weight[::6, 0] = 5.0
    return model.requires_grad_(False)


@pytest.mark.parametrize("place", [3, 17, 100])
def test_a_needle_that_every_token_looks_for_outlives_the_window(place: int) -> None:
    models = {kind: model_that_looks_for_token_0(kind) for kind in ("heavy", "window")}
    ids = torch.randint(1, 37, (1, 200), generator=torch.Generator().manual_seed(0))
    ids[0, place] = 0
    without = changed(models["heavy"], ids, place)
    seen = {kind: difference(read_cut(m, ids)[0][:, -1], read_cut(m, without)[0][:, -1]) for kind, m in models.items()}
    assert seen["window"] == 0
    assert seen["heavy"] > 1e-3


def test_a_token_that_nobody_attends_to_is_given_up() -> None:
    model = model_that_looks_for_token_0("heavy")
    ids = torch.randint(1, 37, (1, 200), generator=torch.Generator().manual_seed(0))
    ids[0, [20, 30, 40, 50, 60, 70, 80, 90]] = 0  # as many needles as are kept
    other = changed(model, ids, 21)
    assert difference(read_cut(model, ids)[0][:, -1], read_cut(model, other)[0][:, -1]) == 0


def model_of(second: AttentionSpec, sinks: int = 3) -> Decoder:
    """Return random weights for an ordinary first layer and the given second one."""
    config = tiny_config(has_gates=False, attention=(AttentionSpec(4, 2, 6), second))
    model, weights = Decoder(config, ReadingConfig("heavy", 4, 8, sinks)), random_weights(config, 0)
    model.load_state_dict({name: weights[name] for name in model.state_dict()}, strict=True)
    return model.double().requires_grad_(False).eval()


LOCAL, SHARING = AttentionSpec(4, 2, 6, window=7), AttentionSpec(4, 2, 6, source=0)


@pytest.mark.parametrize("second", [AttentionSpec(4, 2, 6), LOCAL, SHARING], ids=["alike", "local", "sharing"])
def test_any_cut_gives_the_same(second: AttentionSpec) -> None:
    model = model_of(second)
    ids = random_ids(model, 45, batch=2)
    expected, expected_state = read_cut(model, ids)
    for cuts in (range(1, 45), [4, 8, 12, 40], [5, 17, 18, 31]):
        found, state = read_cut(model, ids, cuts)
        assert difference(found, expected) <= 1e-10
        assert_close_state(state, expected_state)
    last, state = read_cut(model, ids, logits="last")
    assert difference(last[:, -1], expected[:, -1]) <= 1e-10
    assert_same_state(state, expected_state)


def test_layers_that_share_keys_see_the_kept_tokens() -> None:
    model = model_of(SHARING, sinks=0)
    ids = random_ids(model, 18)
    _, state = read_cut(model, ids)
    seen = outputs_of(model.mixers[1], model, ids)
    assert state.layers[0]["heavy_keys"].shape[2] == 8
    assert not list(state.layers[1].tensors())
    bare = without_memory(model)
    assert difference(seen, outputs_of(bare.mixers[1], bare, ids)) > 1e-6


def test_no_more_than_the_budget_is_kept() -> None:
    model = tiny_model("heavy", segment=4, carry=8, sinks=3)
    ids, state, counts = random_ids(model, 80), model.empty_state(), list[int]()
    for part in ids.split(1, dim=1):
        state = read_cut(model, part, state=state)[1]
        counts.append(state.layers[0]["heavy_keys"].shape[2])
        assert counts[-1] == min(8, max(0, (state.position // 4 - 2) * 4 - 3))
    assert max(counts) == 8
    assert counts == sorted(counts)


def test_the_same_bytes_after_few_tokens_and_many() -> None:
    model = tiny_model("heavy", segment=64, carry=64, sinks=2, dtype=torch.float32)
    states = [read_cut(model, random_ids(model, tokens), logits="none")[1] for tokens in (1024 + 63, 8192 + 63)]
    assert states[0].nbytes == states[1].nbytes
    plan = memory_plan(model.config, model.reading, torch.float32, segments=1)
    assert plan.state == states[0].nbytes
    # 2 layers, 2 heads: keys and values of 64 kept, 64 carried, 63 open tokens and 2 sinks; what 128 and 191 received
    assert plan.keys == 2 * 2 * (2 * 6 * (64 + 64 + 63 + 2)) * 4
    assert plan.state - plan.keys == 2 * 2 * (128 + 191) * 4


def test_the_open_segment_is_taken_back_as_a_whole() -> None:
    model = tiny_model("heavy", segment=8, carry=8, sinks=2)
    ids = random_ids(model, 45)
    _, state = read_cut(model, ids)
    assert model.rewind(state, 2) is None
    found = model.rewind(state, 5)
    assert found is not None
    assert_close_state(found, read_cut(model, ids[:, :40])[1])


def test_without_a_carry_it_is_a_window() -> None:
    heavy = tiny_model("heavy", segment=5, carry=0, sinks=2, has_gates=False)
    ids = random_ids(heavy, 33)
    assert difference(read_cut(heavy, ids)[0], read_cut(without_memory(heavy), ids)[0]) <= 1e-10
