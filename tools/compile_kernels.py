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
from functools import partial
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from gemma10m.bench.kernels import kernel_cases
from gemma10m.bench.shape import SHAPES
from gemma10m.config import ModelConfig
from gemma10m.kernels import compiled
from gemma10m.training.recipe import demo_config
from gemma10m.training.start import DEMO_VOCABULARY

CARDS = (80, 86, 89, 90, 120)
CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
POINTERS = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.uint8: "*u8"}
OPTIONS = ("num_warps", "num_stages")


@dataclass(frozen=True)
class Launch:
    kernel: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]

    def source(self) -> ASTSource:
        names = self.kernel.arg_names
        values = dict(zip(names[: len(self.arguments)], self.arguments, strict=True))
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


def calls(config: ModelConfig, dtype: torch.dtype, segment: int) -> Iterator[Callable[[], object]]:
    for case in kernel_cases(config, dtype, "cpu", segment, 2):
        yield partial(getattr(compiled, case.name), *case.arguments)


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
    for model, dtype, segment in (("gemma-2b", torch.bfloat16, 2048), ("demo", torch.float32, 64)):
        config = SHAPES[model] if model in SHAPES else demo_config(DEMO_VOCABULARY)
        for call in calls(config, dtype, segment):
            for launch in recorded(call):
                for card in CARDS:
                    row = measure(launch, card) | {"model": model, "dtype": str(dtype).removeprefix("torch.")}
                    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
