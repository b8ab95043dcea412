"""Choose each kernel's backend once, here: Triton where there is a CUDA GPU, else plain PyTorch.

GEMMA10M_BACKEND=reference or =triton overrides. Kernels go forward only: with gradients the reference runs.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from gemma10m.errors import UsageError
from gemma10m.kernels import reference
from gemma10m.kernels.block_ema import BLOCK as BLOCK
from gemma10m.kernels.block_ema import complex_ema_in_blocks as complex_ema_in_blocks  # plain PyTorch, on every device
from gemma10m.kernels.reference import complex_ema as complex_ema  # for one token at a time
from gemma10m.kernels.reference import packed_weights as packed_weights  # for rows that are looked up
from gemma10m.kernels.reference import recall as recall  # one product, which torch runs as fast as any kernel
from gemma10m.kernels.reference import rms_norm_of_one as rms_norm_of_one  # of operations that torch has on a CPU
from gemma10m.kernels.reference import unit as unit  # used on its own in training alone
from gemma10m.kernels.reference import wide as wide  # part of this module's functions, and the same everywhere

BACKENDS = ("triton", "reference")
Function = TypeVar("Function", bound=Callable[..., Any])


def can_build_launchers() -> bool:
    """Tell if there is what Triton builds its launchers with: a C compiler, and Python.h, often packaged apart."""
    has_compiler = any((os.environ.get("CC"), shutil.which("gcc"), shutil.which("clang")))
    return has_compiler and Path(sysconfig.get_paths()["include"], "Python.h").is_file()


def what_triton_lacks() -> str | None:
    """Say in half a sentence why a GPU here computes without Triton's kernels; None where it does not."""
    if torch.version.hip is not None:
        return "these kernels do not compile for ROCm"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    return None if can_build_launchers() else "Triton finds no C compiler, or no Python.h (python3-dev in Debian)"


def choose_backend(asked: str, *, has_cuda: bool, interpreted: bool) -> str:
    """Return "triton" or "reference". Raises UsageError if the one asked for cannot run here."""
    if asked and asked not in BACKENDS:
        raise UsageError(f"GEMMA10M_BACKEND must be one of {', '.join(BACKENDS)}, found {asked!r}")
    has_triton = importlib.util.find_spec("triton") is not None and (interpreted or can_build_launchers())
    if asked == "triton" and not (has_triton and (has_cuda or interpreted)):
        raise UsageError(
            "GEMMA10M_BACKEND=triton needs Triton, a C compiler, Python's headers and a CUDA GPU",
            hint="unset GEMMA10M_BACKEND, or set TRITON_INTERPRET=1 to run kernels slowly on the CPU",
        )
    return asked or ("triton" if has_cuda and has_triton else "reference")


BACKEND = choose_backend(
    os.environ.get("GEMMA10M_BACKEND", ""),
    # On ROCm, where torch also calls its device cuda, Triton does not compile these kernels' tf32x3 products.
    has_cuda=torch.cuda.is_available() and torch.version.hip is None,
    interpreted=os.environ.get("TRITON_INTERPRET") == "1",
)


def _choose(function: Function) -> Function:
    """Return the kernel of the reference's name if it can take the tensors, else the reference."""
    if BACKEND == "reference":
        return function
    from gemma10m.kernels import compiled

    kernel = getattr(compiled, function.__name__)

    @functools.wraps(function)
    def chosen(*arguments: Any) -> Any:
        tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
        takes = not torch.is_grad_enabled() and all(
            (tensor.is_cuda or compiled.INTERPRETED) and tensor.dtype in compiled.TYPES for tensor in tensors
        )
        return (kernel if takes else function)(*arguments)

    return cast(Function, chosen)


add_rms_norm = _choose(reference.add_rms_norm)
delta_decay = _choose(reference.delta_decay)
gated_update = _choose(reference.gated_update)
geglu = _choose(reference.geglu)
linear_update = _choose(reference.linear_update)
mix = _choose(reference.mix)
rms_norm = _choose(reference.rms_norm)
rotate = _choose(reference.rotate)
scan = _choose(reference.scan)
swiglu = _choose(reference.swiglu)

PACKED_ROWS = 64  # rows that are packed together, as torch's kernel for processors with AVX-512 has them
FEW = 128  # rows times bits up to which multiplying packed weights is faster than unpacking them first; measured


@functools.cache
def has_torchs_layout() -> bool:
    """Tell if torch's kernel for 4-bit weights on this processor takes rows as they are packed here."""
    rows = torch.arange(PACKED_ROWS, dtype=torch.int32)[:, None].add(torch.arange(32, dtype=torch.int32)) % 16
    packed: Tensor = torch.ops.aten._convert_weight_to_int4pack_for_cpu(rows, 1)
    low, high = rows.to(torch.uint8).T.chunk(2, dim=1)
    return torch.equal(packed.view(1, 32, PACKED_ROWS // 2), (low | high << 4)[None])


def packed_linear(x: Tensor, packed: Tensor, scales: Tensor) -> Tensor:
    """Compute reference.packed_linear: few rows of x by a kernel, many by numbers that exist a part at a time."""
    size, rows = x.shape[-1], x.numel() // x.shape[-1]
    if not rows:
        return x.new_zeros(*x.shape[:-1], scales.shape[1])
    if rows * packed.shape[1] * 4 > FEW * size or torch.is_grad_enabled():
        return reference.packed_linear(x, packed, scales)
    if BACKEND == "triton":
        from gemma10m.kernels import compiled

        if x.is_cuda or compiled.INTERPRETED:
            return compiled.packed_linear(x, packed, scales)
    if not x.is_cpu or x.dtype != torch.bfloat16 or not has_torchs_layout():
        return reference.packed_linear(x, packed, scales)
    columns = x.reshape(rows, size).contiguous()  # one row of each of several documents is a view
    if packed.shape[1] != size:  # 8 bits are 4 and 4
        columns = torch.cat((columns, columns), dim=1)
    found: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
        columns, packed.view(scales.shape[1], -1), columns.shape[1] // scales.shape[0], scales.contiguous()
    )
    return found.view(*x.shape[:-1], -1)
