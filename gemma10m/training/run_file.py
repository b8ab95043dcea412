"""Keep what a run needs to resume in one file: trained weights, AdamW's moments, and what the run says of itself.

The file is replaced whole, so that a crash at any moment leaves one step's numbers and never a mix of two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from gemma10m.atomic_file import write_bytes
from gemma10m.errors import StateError
from gemma10m.strict_json import quote, strict_json
from gemma10m.tensor_bytes import all_finite, safetensors_bytes

RUN = "run.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq")

Tensors = dict[str, Tensor]


def run_tensors(parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.AdamW) -> Tensors:
    """Return the parameters, their moments and their step counts, by the names that they have in the file."""
    tensors: Tensors = {}
    for name, parameter in parameters.items():
        # On the CPU, because a run is saved when the GPU's memory is full, too.
        tensors[f"weight.{name}"] = parameter.detach().cpu().contiguous()
        kept = optimizer.state.get(parameter, {})
        tensors[f"step.{name}"] = kept.get("step", torch.zeros(()))
        for moment in MOMENTS:
            empty = torch.zeros_like(parameter, device="cpu", requires_grad=False)
            tensors[f"{moment}.{name}"] = kept[moment].cpu().contiguous() if moment in kept else empty
    return tensors


def restore_tensors(
    parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.AdamW, tensors: Mapping[str, Tensor]
) -> None:
    """Set the parameters and the optimiser to what `run_tensors` returned."""
    for name, parameter in parameters.items():
        with torch.no_grad():
            parameter.copy_(tensors[f"weight.{name}"])
        # AdamW counts a parameter's own steps, on the CPU: one without a gradient has made fewer.
        if (step := tensors[f"step.{name}"]) > 0:
            moments = {moment: tensors[f"{moment}.{name}"].to(parameter.device) for moment in MOMENTS}
            optimizer.state[parameter] = {"step": step, **moments}


def are_finite(tensors: Mapping[str, Tensor]) -> bool:
    return all(map(all_finite, tensors.values()))


def write_run(path: Path, about: Mapping[str, object], tensors: Mapping[str, Tensor]) -> None:
    """Replace the file. about: what JSON can hold. Raises DiskError; the file of before is then as it was."""
    write_bytes(path, safetensors_bytes(tensors, {"run": json.dumps(about)}))


def read_run(path: Path, file_format: str) -> tuple[dict[str, Any], Tensors]:
    """Return what the run says of itself, and its tensors. Raises StateError for a damaged file or another format."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = strict_json((file.metadata() or {})["run"])
            if about["format"] != file_format:
                raise cannot_resume(path, f"it has the format {quote(about['format'])}, {file_format!r} expected")
            tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise cannot_resume(path, str(error)) from error
    return about, tensors


def check_tensors(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise StateError unless the file's tensors are finite and have the names, dtypes and shapes of those expected."""
    wanted = {name: (tensor.dtype, tensor.shape) for name, tensor in expected.items()}
    found = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise cannot_resume(path, f"its tensor {name} is {found.get(name)}, expected {wanted.get(name)}")
        if not all_finite(tensors[name]):
            raise cannot_resume(path, f"its tensor {name} holds numbers that are not finite")


def cannot_resume(path: Path, why: str) -> StateError:
    """Return the error that says why a run cannot be resumed."""
    return StateError(f"{path} cannot be resumed: {why}", hint="train into another folder")
