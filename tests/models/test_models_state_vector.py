"""`state-vector` memory: what is its own among the kinds. Logits and cuts are compared where every kind's are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models import (
    assert_same_state,
    changed,
    difference,
    gradient_of_embeddings,
    named_tensors,
    random_ids,
    read_cut,
    tiny_config,
    tiny_model,
)
from oracle import oracle_vectors, random_weights
from torch import Tensor

from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.models.vector_attention import StateVector

MODEST = settings(max_examples=25)


def vectors(state: State) -> Tensor:
    """Return the state vectors (L, B, D)."""
    found = [layer["state_vector"] for layer in state.layers]
    return torch.stack([vector for vector in found if vector is not None])


def with_vector(state: State, number: int, vector: Tensor) -> State:
    layers = list(state.layers)
    layers[number] = layers[number].replace(state_vector=vector)
    return replace(state, layers=tuple(layers))


# --- against the oracle -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("cuts", [(), range(1, 23), (4, 9, 10, 20)], ids=["at once", "one by one", "ragged"])
def test_the_vectors_of_every_layer_are_the_oracles(kv_heads: int, cuts: tuple[int, ...]) -> None:
    model = tiny_model("state-vector", carry=5, sinks=2, layers=3, kv_heads=kv_heads)
    ids = random_ids(model, 23)
    _, state = read_cut(model, ids, cuts, logits="none")
    expected = oracle_vectors(model.state_dict(), model.config, model.reading, ids[0].tolist())
    assert vectors(state).dtype == torch.float64
    torch.testing.assert_close(vectors(state)[:, 0].double(), torch.stack(expected), atol=1e-10, rtol=0)


def test_a_token_without_logits_still_counts_in_the_last_layers_vector() -> None:
    model = tiny_model("state-vector", layers=1)
    ids = random_ids(model, 10)
    _, silent = read_cut(model, ids, logits="none")
    _, spoken = read_cut(model, ids)
    _, other = read_cut(model, changed(model, ids, 2), logits="none")
    assert_same_state(silent, spoken)
    assert difference(vectors(silent), vectors(other)) > 1e-4


# --- what a segment sees ----------------------------------------------------------------------------------------------


def test_an_open_segment_does_not_move_the_vector() -> None:
    model = tiny_model("state-vector")
    ids = random_ids(model, 14)
    _, closed = read_cut(model, ids[:, :10])
    _, opened = read_cut(model, ids[:, 10:], state=closed)
    assert torch.equal(vectors(closed), vectors(opened))
    assert not any(layer["output_mean"].any() for layer in closed.layers if layer.get("output_mean") is not None)
    assert all(layer["output_mean"].any() for layer in opened.layers if layer.get("output_mean") is not None)


def test_before_a_segment_has_closed_the_learned_vector_is_seen() -> None:
    model = tiny_model("state-vector")
    ids = random_ids(model, 4)
    before, state = read_cut(model, ids)
    assert not vectors(state).any()
    with torch.no_grad():
        model.model.layers[0].self_attn.state_vector.first.neg_()
    assert difference(read_cut(model, ids)[0], before) > 1e-3


@pytest.mark.parametrize("layer", [0, 1])
def test_every_token_of_a_segment_sees_the_vector_of_its_layer(layer: int) -> None:
    model = tiny_model("state-vector")
    _, state = read_cut(model, random_ids(model, 10))
    ids = random_ids(model, 5, seed=1)
    vector = state.layers[layer]["state_vector"]
    assert vector is not None
    before, _ = read_cut(model, ids, state=state)
    after, _ = read_cut(model, ids, state=with_vector(state, layer, -vector))
    assert ((after - before).abs().amax(-1) > 1e-4).all()


def test_only_the_vector_joins_segments_that_share_no_window() -> None:
    """The third segment knows nothing of the first if the same tokens are read with `window` memory."""
    model = tiny_model("state-vector", layers=1)
    local = Decoder(model.config, replace(model.reading, memory="window"))
    local.load_state_dict(model.state_dict(), strict=True)
    ids = random_ids(model, 15)
    for reader, moved in ((model, True), (local, False)):
        before, after = (read_cut(reader, some)[0][:, 10:] for some in (ids, changed(model, ids, 1)))
        assert (difference(before, after) > 1e-6) == moved


def test_memory_gates_do_not_weigh_it() -> None:
    """The softmax weighs the vector against the tokens: a closed gate changes nothing."""
    open_gates, closed = (tiny_model("state-vector", beta=beta) for beta in (5.0, -100.0))
    ids = random_ids(open_gates, 12)
    assert torch.equal(read_cut(open_gates, ids)[0], read_cut(closed, ids)[0])


# --- bounds -----------------------------------------------------------------------------------------------------------


@MODEST
@given(scale=st.sampled_from([0.0, 1e-3, 1.0, 1e3]), seed=st.integers(0, 999))
def test_an_update_never_leaves_the_unit_cube(scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    update = StateVector(ModelConfig(5, 1, 1, 1, 2, 3, 7))
    for parameter in update.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * scale
    vector = torch.rand(3, 5, generator=generator) * 2 - 1
    for _ in range(40):
        vector = update(vector, torch.randn(3, 5, generator=generator) * scale)
        assert vector.isfinite().all()
        assert vector.abs().max() <= 1


def test_a_first_vector_of_any_size_is_forgotten_gate_by_gate() -> None:
    update = StateVector(ModelConfig(5, 1, 1, 1, 2, 3, 7))
    for parameter in update.parameters():
        parameter.data.zero_()  # u = 1/2, c = 0
    vector = torch.full((1, 5), 1e6)
    for _ in range(3):
        vector = update(vector, torch.ones(1, 5))
    assert torch.equal(vector, torch.full((1, 5), 1e6 / 8))


def test_the_state_stays_bounded_over_thousands_of_segments() -> None:
    model = tiny_model("state-vector", segment=2, layers=1)
    logits, state = read_cut(model, random_ids(model, 2 * 3000), [2001], logits="last")
    assert logits.isfinite().all()
    assert vectors(state).abs().max() <= 1
    assert vectors(state).std() > 0.01


def test_a_bfloat16_model_keeps_its_vector_in_float32() -> None:
    model = tiny_model("state-vector", dtype=torch.bfloat16)
    logits, state = read_cut(model, random_ids(model, 23), [7])
    assert logits.dtype == torch.bfloat16
    for name, tensor in named_tensors(state).items():
        kept = name.split(".")[1] in ("state_vector", "output_mean")
        assert tensor.dtype == (torch.float32 if kept else torch.bfloat16), name
    assert not torch.equal(vectors(state), vectors(state).bfloat16().float())


# --- training ---------------------------------------------------------------------------------------------------------


def test_gradients_reach_the_tokens_of_closed_segments_and_every_parameter() -> None:
    model = tiny_model("state-vector", layers=2, has_gates=False)
    gradient = gradient_of_embeddings(model, random_ids(model, 18))
    assert gradient.isfinite().all()
    assert (gradient.abs().amax(-1) > 0).all()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_a_gradient_in_float64_is_that_of_differences() -> None:
    update = StateVector(ModelConfig(3, 1, 1, 1, 2, 3, 7)).double()
    generator = torch.Generator().manual_seed(1)
    for parameter in update.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    vector, mean = (torch.randn(2, 3, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(update, (vector, mean))


def test_zero_outputs_and_a_zero_vector_have_finite_gradients() -> None:
    update = StateVector(ModelConfig(3, 1, 1, 1, 2, 3, 7))
    vector, mean = torch.zeros(1, 3, requires_grad=True), torch.zeros(1, 3, requires_grad=True)
    update(vector, mean).sum().backward()
    assert vector.grad is not None
    assert vector.grad.isfinite().all()
    assert mean.grad is not None
    assert mean.grad.isfinite().all()


def test_parameters_are_there_for_any_memory_and_used_by_one() -> None:
    config = tiny_config(has_state_vectors=True)
    readings = [ReadingConfig(memory=kind, segment=5) for kind in ("window", "state-vector")]
    window, model = (Decoder(config, reading) for reading in readings)
    assert window.state_dict().keys() == model.state_dict().keys() == random_weights(config, 0).keys()
    assert window.empty_state().layers[0].get("state_vector") is None
    assert model.empty_state().layers[0].get("state_vector") is not None
