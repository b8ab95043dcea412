"""Compile every kernel for every card at Gemma-2B's and the demo's sizes; a JSON line says what each needs.

Launches are recorded, not run: the wrappers in kernels/ are called with tensors on the CPU.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from gemma10m.kernels import compiled

CARDS = (80, 86, 89, 90, 120)
CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
POINTERS = {torch.float32: "*fp32", torch.bfloat16: "*bf16"}
OPTIONS = ("num_warps", "num_stages")


@dataclass(frozen=True)
class Launch:
    kernel: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]

    def source(self) -> ASTSource:
        names = self.kernel.arg_names
        values = dict(zip(names, self.arguments, strict=False))
        values |= {name: value for name, value in self.named.items() if name not in OPTIONS}
        constants = {names[place]: values[names[place]] for place in self.kernel.constexprs}
        signature = {name: "constexpr" if name in constants else _type(values[name]) for name in names}
        aligned = [place for place, name in enumerate(names) if name not in constants and _is_aligned(values[name])]
        return ASTSource(
            self.kernel,
            signature,
            {(names.index(name),): value for name, value in constants.items()},
            {(place,): [["tt.divisibility", 16]] for place in aligned},
        )

    def options(self) -> dict[str, Any]:
        return {name: value for name, value in self.named.items() if name in OPTIONS}


def _is_aligned(value: object) -> bool:
    return isinstance(value, torch.Tensor) or (type(value) is int and value % 16 == 0)


def _type(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return POINTERS[value.dtype]
    return "fp32" if isinstance(value, float) else "i32"


def recorded(call: Callable[[], object]) -> list[Launch]:
    launches: list[Launch] = []

    def record(self: Any, *arguments: Any, grid: object, warmup: object, **named: Any) -> None:
        launches.append(Launch(self, arguments, named))

    run = JITFunction.run
    JITFunction.run = record
    try:
        call()
    finally:
        JITFunction.run = run
    return launches


def calls(dtype: torch.dtype, size: int, length: int, hidden: int) -> Iterator[Callable[[], object]]:
    """Every kernel once. size: E, length: N, hidden: D; eight query heads to one K/V head, two segments."""

    def zeros(*shape: int, of: torch.dtype = dtype) -> torch.Tensor:
        return torch.zeros(*shape, dtype=of)

    wide = torch.float32
    keys, gates = zeros(1, 1, 2, length, size), zeros(1, 1, 2, length, of=wide)
    matrices, normalisers = zeros(1, 1, 2, size, size, of=wide), zeros(1, 1, 2, size, of=wide)
    queries, turns = zeros(1, 8, 2, length, size), zeros(length, size, of=wide)
    yield lambda: compiled.geglu(zeros(length, hidden), zeros(length, hidden))
    yield lambda: compiled.rms_norm(zeros(length, hidden), zeros(hidden), 1e-6)
    yield lambda: compiled.add_rms_norm(zeros(length, hidden), zeros(length, hidden), zeros(hidden), 1e-6)
    yield lambda: compiled.rotate(keys[:, 0], turns, turns)
    yield lambda: compiled.linear_update(keys, keys)
    yield lambda: compiled.delta_decay(keys, normalisers)
    yield lambda: compiled.gated_update(keys, keys, gates)
    yield lambda: compiled.scan(matrices[:, :, 0], matrices, matrices)
    yield lambda: compiled.mix(queries, queries, matrices, None, zeros(8, of=wide))
    yield lambda: compiled.mix(queries, queries, matrices, normalisers, zeros(8))


def measure(launch: Launch, card: int) -> dict[str, object]:
    built = triton.compile(launch.source(), target=GPUTarget("cuda", card, 32), options=launch.options())
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(built.asm["cubin"])
        file.flush()
        usage = subprocess.run([CUOBJDUMP, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    used = {name: int(count) for name, count in re.findall(r"(REG|STACK|LOCAL):(\d+)", usage)}
    return {
        "kernel": launch.kernel.__name__,
        "card": card,
        "shared": built.metadata.shared,
        "registers": used["REG"],
        "spilled": used["STACK"] + used["LOCAL"],
    }


def main() -> None:
    for dtype, size, length, hidden in ((torch.bfloat16, 256, 2048, 2048), (torch.float32, 64, 64, 128)):
        for call in calls(dtype, size, length, hidden):
            for launch in recorded(call):
                for card in CARDS:
                    row = measure(launch, card) | {"dtype": str(dtype).removeprefix("torch."), "head_size": size}
                    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
