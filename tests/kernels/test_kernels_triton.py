"""Every kernel through Triton's interpreter against its reference: odd sizes, strides, outputs poisoned first."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from rounding import assert_as_exact
from torch import Tensor

pytest.importorskip("triton")

from gemma10m.kernels import compiled, reference

assert compiled.INTERPRETED, "conftest.py sets TRITON_INTERPRET before Triton is imported"

# exp(-x) of the sigmoid may be infinite: 1 / (1 + inf) is the 0 it should be, but numpy tells.
INFINITE = pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning")
WEIGHTS = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
EPS = 1e-6


@pytest.fixture(autouse=True)
def _poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill new tensors with NaN, which stays where a kernel does not write."""
    empty = torch.empty

    def poisoned(*size: Any, **options: Any) -> Tensor:
        return empty(*size, **options).fill_(math.nan)

    monkeypatch.setattr(torch, "empty", poisoned)


def normal(*shape: int, seed: int, dtype: torch.dtype = torch.float32, scale: float = 1.0) -> Tensor:
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


def widened(*arguments: Any) -> list[Any]:
    return [value.double() if isinstance(value, Tensor) and value.is_floating_point() else value for value in arguments]


def check(name: str, *arguments: Any) -> None:
    """Check that a kernel's error is at most twice the reference's on the same numbers, by the float64 reference.

    In bfloat16 the reference rounds between its steps, where a kernel rounds once; the interpreter cuts off instead.
    """
    kernel, function = getattr(compiled, name), getattr(reference, name)
    results = (kernel(*arguments), function(*arguments), function(*widened(*arguments)))
    found, expected, truth = (result if isinstance(result, tuple) else (result,) for result in results)
    for mine, theirs, exact in zip(found, expected, truth, strict=True):
        assert_as_exact(mine, theirs, exact)


# --- the layer's parts ------------------------------------------------------------------------------------------------


@INFINITE
@WEIGHTS
@pytest.mark.parametrize(("rows", "size"), [(1, 1), (3, 7), (5, 1025), (2, 2048)])
def test_geglu(rows: int, size: int, dtype: torch.dtype) -> None:
    check("geglu", normal(rows, size, seed=1, dtype=dtype, scale=3), normal(rows, size, seed=2, dtype=dtype))


@INFINITE
@WEIGHTS
@pytest.mark.parametrize(("rows", "size"), [(1, 1), (3, 7), (5, 1025), (2, 2048)])
def test_swiglu(rows: int, size: int, dtype: torch.dtype) -> None:
    check("swiglu", normal(rows, size, seed=1, dtype=dtype, scale=3), normal(rows, size, seed=2, dtype=dtype))


@WEIGHTS
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_norms_add_their_offset(offset: float, dtype: torch.dtype) -> None:
    x, added = normal(3, 130, seed=1, dtype=dtype), normal(3, 130, seed=2, dtype=dtype)
    weight = normal(130, seed=3, dtype=dtype)
    check("rms_norm", x, weight, EPS, offset)
    check("add_rms_norm", x, added, weight, EPS, offset)


def test_geglu_of_the_halves_of_one_product() -> None:
    gate, up = normal(2, 3, 74, seed=3).chunk(2, dim=-1)
    assert gate.stride(1) == 74
    check("geglu", gate, up)


@INFINITE
def test_geglu_of_large_numbers() -> None:
    gate = torch.tensor([[-1e4, -30.0, 30.0, 1e4]])
    check("geglu", gate, torch.ones(1, 4))


@WEIGHTS
@pytest.mark.parametrize(("rows", "size"), [(1, 1), (3, 7), (4, 48), (2, 2048)])
def test_rms_norms(rows: int, size: int, dtype: torch.dtype) -> None:
    x, added = normal(2, rows, size, seed=1, dtype=dtype, scale=4), normal(2, rows, size, seed=2, dtype=dtype)
    weight = normal(size, seed=3, dtype=dtype)
    check("rms_norm", x, weight, EPS)
    check("add_rms_norm", x, added, weight, EPS)
    check("add_rms_norm", x[:, -1:], added[:, -1:], weight, EPS)


@WEIGHTS
@pytest.mark.parametrize(("tokens", "size"), [(1, 2), (17, 6), (33, 64)])
def test_rotate(tokens: int, size: int, dtype: torch.dtype) -> None:
    angles = normal(tokens, size // 2, seed=1).repeat(1, 2)
    heads = normal(2, tokens, 3 * size + 1, seed=2, dtype=dtype)[..., : 3 * size].unflatten(-1, (3, size)).mT
    heads = heads.mT.transpose(1, 2)  # as a product leaves them: a head's tokens lie apart
    assert heads.stride(2) > size
    check("rotate", heads, angles.cos(), angles.sin())
    check("rotate", heads.contiguous(), angles.cos(), angles.sin())


# --- memory -----------------------------------------------------------------------------------------------------------


def stretch(batch: int, heads: int, segments: int, length: int, size: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Return keys and values (B, K, G, N, E) as views of longer buffers, and write gates (B, K, G, N)."""
    buffers = (normal(batch, heads, 3 + segments * length, size, seed=seed, dtype=dtype) for seed in (1, 2))
    keys, values = (buffer[:, :, 3:].unflatten(2, (segments, length)) for buffer in buffers)
    return keys, values, torch.sigmoid(normal(batch, heads, segments, length, seed=3))


SHAPES = pytest.mark.parametrize("shape", [(1, 1, 1, 1, 2), (2, 1, 3, 7, 6), (1, 2, 2, 40, 16), (1, 1, 2, 33, 66)])


@WEIGHTS
@SHAPES
def test_linear_update(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    keys, values, _ = stretch(*shape, dtype=dtype)
    check("linear_update", keys, values)


@WEIGHTS
@SHAPES
def test_delta_decay(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    keys, _, _ = stretch(*shape, dtype=dtype)
    normaliser = normal(*shape[:3], shape[4], seed=4).abs() * 20
    normaliser[:, :, 0] = 0  # nothing was written before the document's first segment
    check("delta_decay", keys, normaliser)


@WEIGHTS
@SHAPES
def test_gated_update(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    check("gated_update", *stretch(*shape, dtype=dtype))


def test_gated_update_of_one_token_again_and_again() -> None:
    """L is all ones then; its powers reach 3e8, which a Neumann series would not survive in float32."""
    key, values = normal(1, 1, 1, 1, 16, seed=1).expand(-1, -1, -1, 64, -1), normal(1, 1, 1, 64, 16, seed=2)
    gates = torch.ones(1, 1, 1, 64)
    check("gated_update", key, values, gates)


@SHAPES
def test_scan(shape: tuple[int, ...]) -> None:
    batch, heads, segments, _, size = shape
    memory, gain = normal(batch, heads, size, size, seed=1), normal(batch, heads, segments, size, size, seed=2)
    decay = normal(batch, heads, segments, size, size, seed=3, scale=size**-0.5)
    check("scan", memory, decay, gain)
    check("scan", memory, None, gain)


@WEIGHTS
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize(
    ("batch", "heads", "kv_heads", "segments", "queries", "size"),
    [(1, 1, 1, 1, 1, 2), (2, 4, 2, 3, 5, 6), (1, 8, 1, 2, 33, 16), (1, 2, 1, 1, 40, 66)],
)
def test_mix(
    batch: int, heads: int, kv_heads: int, segments: int, queries: int, size: int, normalised: bool, dtype: torch.dtype
) -> None:
    projected = normal(batch, segments * queries, heads * size, seed=1, dtype=dtype)
    asked = projected.unflatten(-1, (heads, size)).transpose(1, 2).unflatten(2, (segments, queries))
    local = normal(batch, segments, heads, queries, size, seed=2, dtype=dtype).transpose(1, 2)
    memory = normal(batch, kv_heads, segments + 1, size, size, seed=3)[:, :, 1:]
    normaliser = normal(batch, kv_heads, segments + 1, size, seed=4).abs()[:, :, 1:] if normalised else None
    check("mix", local, asked, memory, normaliser, normal(heads, seed=5))


def test_mix_of_an_empty_memory_is_local_attention() -> None:
    local = normal(1, 2, 1, 3, 16, seed=1)
    empty = torch.zeros(1, 1, 1, 16, 16)
    gate = torch.zeros(2)
    for normaliser in (None, torch.zeros(1, 1, 1, 16)):
        found = compiled.mix(local, normal(1, 2, 1, 3, 16, seed=2), empty, normaliser, gate)
        assert torch.equal(found, 0.5 * local[:, :, 0].transpose(1, 2).flatten(2))


# --- which one runs ---------------------------------------------------------------------------------------------------


def test_every_kernel_has_a_reference_of_its_name() -> None:
    kernels: dict[str, Callable[..., Any]] = {
        name: getattr(compiled, name) for name in compiled.__all__ if name.islower()
    }
    assert len(kernels) == 11
    for name, kernel in kernels.items():
        arguments = kernel.__code__.co_varnames[: kernel.__code__.co_argcount]
        twin = getattr(reference, name).__code__
        assert arguments == twin.co_varnames[: twin.co_argcount], name
