"""Check every kernel at Gemma-2B's sizes, then compare its bytes/s with a copy in the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.bench.ceiling import copy_rate
from gemma10m.bench.timing import device_seconds, spread
from gemma10m.config import ModelConfig
from gemma10m.errors import UsageError
from gemma10m.kernels import reference

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 2**-7}  # of the largest number
CHECKED, SEGMENTS_CHECKED = 512, 16  # tokens of a segment, and segments, when results are compared


@dataclass(frozen=True)
class KernelCase:
    name: str  # of the function in `ops` and in `reference`
    arguments: tuple[Any, ...]

    def run(self) -> tuple[Tensor, ...]:
        found = getattr(ops, self.name)(*self.arguments)
        return found if isinstance(found, tuple) else (found,)

    def run_reference(self) -> object:
        return getattr(reference, self.name)(*self.arguments)

    def expected(self) -> tuple[Tensor, ...]:
        """Compute by the reference, in float32 whatever the arguments are."""
        wide = [
            value.float() if isinstance(value, Tensor) and value.is_floating_point() else value
            for value in self.arguments
        ]
        found = getattr(reference, self.name)(*wide)
        return found if isinstance(found, tuple) else (found,)


def kernel_cases(
    config: ModelConfig, dtype: torch.dtype, device: str, segment: int, segments: int
) -> Iterator[KernelCase]:
    """Return a case or two of each kernel, for a stretch of random numbers."""
    heads, kv_heads, size = config.heads, config.kv_heads, config.head_size
    tokens, wide = segment * segments, torch.float32

    def normal(*shape: int, of: torch.dtype = dtype) -> Tensor:
        return torch.randn(*shape, device=device).to(of)

    both = normal(tokens, 2 * config.feed_forward_size)  # (rows, 2F)
    for gated in ("geglu", "swiglu"):
        yield KernelCase(gated, tuple(both.chunk(2, dim=-1)))
    x, weight = normal(tokens, config.hidden_size), normal(config.hidden_size)
    yield KernelCase("rms_norm", (x, weight, config.norm_eps))
    yield KernelCase("add_rms_norm", (x, normal(*x.shape), weight, config.norm_eps))
    for bits in (4, 8):
        columns, group = config.hidden_size * bits // 4, 32
        packed = torch.randint(
            256, (-(-config.feed_forward_size // ops.PACKED_ROWS), columns, ops.PACKED_ROWS // 2), device=device
        )
        steps = normal(config.hidden_size // group, packed.shape[0] * ops.PACKED_ROWS, 1)
        scales = torch.cat((steps, normal(*steps.shape)), dim=2)
        if bits == 8:  # its upper four bits count 16 times, and 8 is taken off them alone
            scales = torch.cat((16 * steps * steps.new_tensor((1, 0)), steps * steps.new_tensor((1, 8))))
        yield KernelCase("packed_linear", (x[:1], packed.to(torch.uint8), scales))
    queries = normal(1, tokens, heads, size).transpose(1, 2)  # (B, H, S, E)
    angles = torch.rand(tokens, size // 2, device=device).repeat(1, 2)  # (S, E)
    yield KernelCase("rotate", (queries, angles.cos(), angles.sin()))
    keys, values = (normal(1, kv_heads, segments, segment, size) for _ in range(2))  # (B, K, G, N, E)
    normalisers = 100 * torch.rand(1, kv_heads, segments, size, device=device)  # (B, K, G, E)
    write_gates = torch.rand(1, kv_heads, segments, segment, device=device)  # (B, K, G, N)
    yield KernelCase("linear_update", (keys, values))
    yield KernelCase("delta_decay", (keys, normalisers))
    yield KernelCase("gated_update", (keys, values, write_gates))
    matrices = normal(1, kv_heads, segments, size, size, of=wide) / size**0.5  # (B, K, G, E, E)
    yield KernelCase("scan", (matrices[:, :, 0], matrices, matrices))
    local = normal(1, segments, heads, segment, size).transpose(1, 2)  # (B, H, G, N, E)
    asked, gate = queries.unflatten(2, (segments, segment)), normal(heads, of=wide)
    yield KernelCase("mix", (local, asked, matrices, None, gate))
    yield KernelCase("mix", (local, asked, matrices, normalisers, gate))


def check_kernels(config: ModelConfig, device: str) -> dict[str, float]:
    """Return each kernel's largest difference from its reference, relative, in the worse of both dtypes.

    Raises UsageError for a kernel that is wrong: it is not timed, and neither is a model that uses it.
    """
    worst: dict[str, float] = {}
    for dtype, tolerance in TOLERANCES.items():
        for case in kernel_cases(config, dtype, device, CHECKED, SEGMENTS_CHECKED):
            with torch.inference_mode():
                apart = max(map(_apart, case.run(), case.expected()))
            if not apart <= tolerance:
                raise UsageError(f"not timed: {case.name} in {dtype} is {apart:.1e} off, more than {tolerance:.1e}")
            worst[case.name] = max(worst.get(case.name, 0.0), apart)
    return worst


def _apart(found: Tensor, expected: Tensor) -> float:
    return float((found.float() - expected).abs().max() / expected.abs().max().clamp(min=1.0))


def measure_kernels(
    config: ModelConfig, dtype: torch.dtype, device: str, segment: int, segments: int
) -> Iterator[dict[str, object]]:
    """Return a row per kernel: milliseconds of it and of its reference, and its bytes/s over a copy's."""
    apart, copying = check_kernels(config, device), copy_rate(device)
    for case in kernel_cases(config, dtype, device, segment, segments):
        moved = _nbytes(case.arguments) + _nbytes(case.run())
        milliseconds = _milliseconds(case.run, device)
        rate = 1e3 * moved / milliseconds["median"]
        yield {
            "kernel": case.name,
            "backend": ops.BACKEND,
            "dtype": str(dtype).removeprefix("torch."),
            "tokens": segment * segments,
            "off_by": apart[case.name],
            "milliseconds": milliseconds,
            "reference_milliseconds": _milliseconds(case.run_reference, device),
            "bytes": moved,
            "bytes_per_second": rate,
            "copy_bytes_per_second": copying,
            "of_copy": rate / copying,
        }


def _milliseconds(call: Callable[[], object], device: str) -> dict[str, float]:
    with torch.inference_mode():
        return spread([1e3 * found for found in device_seconds(call, device, 10)])


def _nbytes(values: tuple[Any, ...]) -> int:
    """Count the bytes of the tensors' numbers, each once, whatever lies between them."""
    return sum(value.numel() * value.itemsize for value in values if isinstance(value, Tensor))
