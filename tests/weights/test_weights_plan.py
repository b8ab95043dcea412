import weakref

import pytest
import torch
from checkpoints import tiny_gemma
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.models.decoder import Decoder
from gemma10m.weights.loading import load_model
from gemma10m.weights.plan import memory_plan

GEMMA_2B = ModelConfig(2048, 18, 8, 1, 256, 16384, 256000, has_gates=True)


def parameters_of(memory):
    return {
        "has_write_gates": memory == "gated",
        "has_state_vectors": memory == "state-vector",
        "added_rank": 3 if memory == "added" else 0,
    }


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("extra", [{}, {"write_gates": True}, {"state_vectors": True}], ids=str)
def test_weights_are_the_loaded_parameters(tmp_path, dtype, extra):
    model = load_model(tiny_gemma(tmp_path, gates=0.0, **extra), dtype=dtype)
    plan = memory_plan(model.config, model.reading, getattr(torch, dtype), segments=1)
    assert plan.weights == sum(parameter.nbytes for parameter in model.parameters())


@settings(max_examples=30)
@given(
    memory=st.sampled_from(["linear", "delta", "gated", "state-vector", "window"]),
    segment=st.integers(2, 9),
    carried_segments=st.integers(0, 3),
    sinks=st.integers(0, 2),
    kv_heads=st.sampled_from([1, 2, 4]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_state_is_what_a_model_holds_right_before_a_segment_closes(
    memory, segment, carried_segments, sinks, kv_heads, dtype
):
    config = ModelConfig(12, 2, 4, kv_heads, 6, 10, 17, has_gates=True, **parameters_of(memory))
    reading = ReadingConfig(memory, segment, carried_segments * segment, sinks)
    model = Decoder(config, reading).to(dtype).requires_grad_(False)
    ids = torch.zeros(1, (carried_segments + 3) * segment - 1, dtype=torch.int64)
    _, before = model(ids, model.empty_state(), logits="none")
    _, closed = model(ids[:, :1], before, logits="none")
    plan = memory_plan(config, reading, dtype, segments=1)
    assert plan.state == before.nbytes > closed.nbytes
    assert plan.state_per_token == 0


@pytest.mark.parametrize("sinks", [0, 3])
def test_full_memory_grows_with_the_document(sinks):
    config = ModelConfig(12, 2, 4, 2, 6, 10, 17)
    reading = ReadingConfig("full", 8, 0, sinks)
    plan = memory_plan(config, reading, torch.float32, segments=1)
    model = Decoder(config, reading).requires_grad_(False)
    _, state = model(torch.zeros(1, 50, dtype=torch.int64), model.empty_state(), logits="none")
    assert state.nbytes == plan.state + 50 * plan.state_per_token


def test_gemma_2b_in_bfloat16():
    plan = memory_plan(GEMMA_2B, ReadingConfig("linear", 2048, 2048, 4), torch.bfloat16, segments=8)
    assert plan.weights == 2 * 2_506_172_416 + 4 * 144
    keys_and_values = 18 * 1024 * (2048 + 2047 + 4)
    assert plan.state == keys_and_values + 4 * 1_184_256
    assert plan.total == plan.weights + plan.state + plan.activations
    assert 0.5e9 < plan.activations < 3e9


def test_activations_grow_with_the_stretch():
    plans = [memory_plan(GEMMA_2B, ReadingConfig("linear", 2048, 0, 0), torch.bfloat16, n) for n in (1, 2, 8)]
    assert plans[0].activations < plans[1].activations < plans[2].activations
    assert len({plan.state for plan in plans}) == 1


class LiveBytes(TorchDispatchMode):
    """Follow the storages that operators return, until they are freed."""

    def __init__(self, known):
        super().__init__()
        self.live = self.peak = 0
        self.followed = {tensor.untyped_storage()._cdata for tensor in known}

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        for tensor in tree_iter(result):
            if isinstance(tensor, torch.Tensor):
                self.follow(tensor.untyped_storage())
        return result

    def follow(self, storage):
        key, size = storage._cdata, storage.nbytes()
        if key in self.followed:
            return
        self.followed.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self.forget, key, size)

    def forget(self, key, size):
        self.followed.discard(key)
        self.live -= size


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kv_heads", "feed_forward"), [(1, 1024), (8, 64)], ids=["feed-forward", "attention"])
@pytest.mark.parametrize("memory", ["window", "linear", "gated", "state-vector"])
def test_activations_are_right_to_a_factor_of_two(memory, kv_heads, feed_forward, dtype):
    config = ModelConfig(128, 2, 8, kv_heads, 32, feed_forward, 101, has_gates=True, **parameters_of(memory))
    reading = ReadingConfig(memory, 128, 128, 4)
    model = Decoder(config, reading).to(dtype).requires_grad_(False)
    ids = torch.zeros(1, 3 * 128, dtype=torch.int64)
    _, state = model(ids, model.empty_state(), logits="none")
    held = [tensor for layer in state.layers for _, tensor in layer.tensors()]
    with LiveBytes([*model.parameters(), *held, ids]) as measured:
        model(ids, state, logits="last")
    planned = memory_plan(config, reading, dtype, segments=3).activations
    assert planned / 2 < measured.peak < planned * 2
