"""Tiny random models for tests: sizes that agree in nothing, gates between open and closed, norms that are not zero."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from oracle import random_weights
from torch import Tensor, nn

from gemma10m.config import MEMORY_KINDS, KeyValueFormat, MemoryKind, ModelConfig, ReadingConfig
from gemma10m.memory import KINDS as MEMORIES
from gemma10m.memory.interludes import Interludes
from gemma10m.memory.matrix import Memories
from gemma10m.memory.state import LayerState, State
from gemma10m.models.decoder import Decoder, Logits

KINDS = cast(tuple[MemoryKind, ...], MEMORY_KINDS)
CLOSING: tuple[MemoryKind, ...] = (
    "linear",
    "delta",
    "gated",
    "added",
    "state-vector",
    "window",
    "heavy",
)  # whose segments close
REMEMBERING: tuple[MemoryKind, ...] = ("linear", "delta", "gated")


def tiny_config(**changes: Any) -> ModelConfig:
    sizes: dict[str, Any] = dict(
        hidden_size=14, layers=2, heads=4, kv_heads=2, head_size=6, feed_forward_size=20, vocabulary=37, has_gates=True
    )
    return ModelConfig(**(sizes | changes))


def tiny_model(
    kind: MemoryKind,
    *,
    segment: int = 5,
    carry: int = 0,
    sinks: int = 0,
    kv: KeyValueFormat = "float",
    beta: float | None = None,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    **sizes: Any,
) -> Decoder:
    """Return a model that reads as told, in float64 unless another type is asked for.

    beta: every memory gate's (None: random ones in [-2, 2]); sizes: of ModelConfig.
    """
    parts = {
        "has_write_gates": kind == "gated",
        "has_state_vectors": kind == "state-vector",
        "added_rank": 3 if kind == "added" else 0,
    }
    config = tiny_config(**(parts | sizes))
    weights = random_weights(config, seed)
    for name, weight in weights.items():
        if beta is not None and name.endswith("self_attn.gate"):
            weight.fill_(beta)
    model = Decoder(config, ReadingConfig(memory=kind, segment=segment, carry=carry, sinks=sinks, kv=kv))
    model.load_state_dict(weights, strict=True)
    return model.to(dtype).eval()


def random_ids(model: Decoder, length: int, batch: int = 1, seed: int = 0) -> Tensor:
    """Return ids (B, S), int64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(model.config.vocabulary, (batch, length), generator=generator)


def changed(model: Decoder, ids: Tensor, place: int) -> Tensor:
    """Return the same ids but for one token."""
    other = ids.clone()
    other[:, place] = (other[:, place] + 1) % model.config.vocabulary
    return other


@torch.no_grad()
def read_cut(
    model: Decoder, ids: Tensor, cuts: Iterable[int] = (), state: State | None = None, logits: Logits = "all"
) -> tuple[Tensor, State]:
    """Read the ids in calls that end at the cuts; return the calls' logits side by side, and the last state."""
    if state is None:
        state = model.empty_state(ids.shape[0])
    found = []
    for part in ids.tensor_split(sorted(cuts), dim=1):
        some, state = model(part, state, logits=logits)
        found.append(some)
    return torch.cat(found, dim=1), state


def written(
    kind: MemoryKind,
    memory: Tensor,
    normaliser: Tensor | None,
    keys: Tensor,
    values: Tensor,
    write_gates: Tensor | None,
    interludes: Interludes | None = None,
) -> Memories:
    """Return what a memory makes of closed segments. memory (B, K, E, E), keys and values (B, K, G, N, E)."""
    state = LayerState(memory=memory) if normaliser is None else LayerState(memory=memory, normaliser=normaliser)
    found = MEMORIES[kind].write(state, keys, values, write_gates, interludes)
    assert found is not None
    return found


def named_tensors(state: State) -> dict[str, Tensor]:
    return {f"{number}.{name}": tensor for number, layer in enumerate(state.layers) for name, tensor in layer.tensors()}


def assert_same_state(found: State, expected: State) -> None:
    """Bit for bit."""
    assert found.position == expected.position
    left, right = named_tensors(found), named_tensors(expected)
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert tensor.dtype == right[name].dtype, name
        assert torch.equal(tensor, right[name]), name


def assert_close_state(found: State, expected: State, tolerance: float = 1e-10) -> None:
    """To within `tolerance` of each tensor's largest number."""
    assert found.position == expected.position
    left, right = named_tensors(found), named_tensors(expected)
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert (tensor.dtype, tensor.shape) == (right[name].dtype, right[name].shape), name
        if tensor.numel():
            largest = max(1.0, float(right[name].abs().max()))
            assert (tensor - right[name]).abs().max() <= tolerance * largest, name


def copy_of(state: State) -> State:
    return state.map(Tensor.clone)


@torch.no_grad()
def outputs_of(module: nn.Module, model: Decoder, ids: Tensor) -> Tensor:
    """Return what a module of the model gives for each token of a document that is read in one call."""
    seen: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output)

    handle = module.register_forward_hook(keep)
    model(ids, model.empty_state(ids.shape[0]), logits="all")
    handle.remove()
    return torch.cat(seen, dim=1)


def difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


def gradient_of_embeddings(model: Decoder, ids: Tensor) -> Tensor:
    """Return the gradient of the last token's logits by each embedding (S, D): zero where a token was not read."""
    embedded: list[Tensor] = []

    def keep(_module: object, _inputs: object, output: Tensor) -> None:
        output.retain_grad()
        embedded.append(output)

    model.zero_grad()
    handle = model.model.embed_tokens.register_forward_hook(keep)
    logits, _ = model(ids, model.empty_state(), logits="last")
    handle.remove()
    logits.pow(2).sum().backward()
    assert embedded[0].grad is not None
    return embedded[0].grad[0]
