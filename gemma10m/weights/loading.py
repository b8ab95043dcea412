"""Load a model by its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.adapters.peft_folder import Adapter
from gemma10m.config import FORMATS, QUANTISED, ReadingConfig, computed_in
from gemma10m.errors import ModelError, UsageError
from gemma10m.folders import demo_folder, expanded
from gemma10m.models.decoder import Decoder
from gemma10m.regular_file import is_closed
from gemma10m.weights.adapting import adapted_fingerprint, find_adapter, with_adapter
from gemma10m.weights.checkpoint import Checkpoint, open_checkpoint
from gemma10m.weights.downloads import find_downloaded
from gemma10m.weights.options import closed_gate_warning, resolve_reading
from gemma10m.weights.packaged import PACKAGED, packaged_path
from gemma10m.weights.packed_copy import copy_path, packed_once
from gemma10m.weights.quantising import prepare
from gemma10m.weights.tensors import load_weights, telling_what_is_needed


def load_model(
    path: str | Path,
    device: str = "cpu",
    dtype: str = "float32",
    memory: str | None = None,
    segment: int | None = None,
    carry: int | None = None,
    sinks: int | None = None,
    adapter: str | Path | None = "none",
    kv: str | None = None,
) -> Decoder:
    """Return a model ready to read and answer.

    path: a checkpoint folder, a GGUF file, a downloaded name, "small", "large", "chat" or "demo". device: "cpu",
    "cuda" or "auto". dtype: "float32", "bfloat16", or "int8" and "int4" for packed weights. The rest, in tokens: None
    for what the checkpoint says, else the defaults. adapter: a LoRA adapter's folder, "none", or None for the packaged
    one if the model has one. kv: how kept keys and values are stored, "float" (the default), "int8" or "int4".
    `model.warnings` says what a user should know. Raises UsageError, ModelError or OutOfMemoryError.
    """
    if dtype not in FORMATS:
        raise UsageError(f"dtype must be one of {', '.join(FORMATS)}, found {dtype!r}")
    place = resolve_device(device)
    checkpoint = open_checkpoint(resolve_model(path))
    found = find_adapter(adapter, checkpoint)
    checkpoint = with_adapter(checkpoint, found)
    reading = resolve_reading(checkpoint, memory=memory, segment=segment, carry=carry, sinks=sinks, kv=kv)
    return load_checkpoint(checkpoint, reading, place, dtype, found)


def load_checkpoint(
    checkpoint: Checkpoint,
    reading: ReadingConfig,
    device: str,
    dtype: str,
    adapter: Adapter | None = None,
    trains: bool = False,
) -> Decoder:
    """Load the model of an open checkpoint, with the adapter merged.

    device: "cpu" or "cuda"; dtype: one of `config.FORMATS`. trains: keep the layers as `add_lora` needs them.
    Raises UsageError for packed weights that are to be trained, and for those on a GPU without bfloat16.
    """
    _refuse_quantised(device, dtype, trains)
    wide = getattr(torch, computed_in(dtype))
    with torch.device("meta"):
        model = Decoder(checkpoint.config, reading)
    prepare(model, dtype, checkpoint.stored_bits)
    load = partial(load_weights, checkpoint, device=device, dtype=wide, number_format=dtype)
    copy = copy_path(checkpoint, adapter, device, dtype)
    weights = packed_once(copy, f"{checkpoint.fingerprint} {adapter and adapter.fingerprint}", load) if copy else load()
    if adapter and adapter.memory:
        weights |= {name: tensor.to(device) for name, tensor in adapter.memory.tensors.items()}
    model.load_state_dict(weights, strict=True, assign=True)
    model.name, model.fingerprint = checkpoint.name, adapted_fingerprint(checkpoint, adapter, reading.memory)
    gates = [tensor for name, tensor in weights.items() if name.endswith("self_attn.gate")]
    model.warnings = (*checkpoint.notes, *_warnings(gates, reading, device))
    if device == "cpu" and not trains:
        model.add_norm_offsets()
    if model.gains_by_fusing(device) and not trains:
        del weights, gates  # a layer's own are free once it is fused
        with telling_what_is_needed(checkpoint, device, dtype):
            model.fuse()
        if device == "cuda":
            torch.cuda.empty_cache()  # the parts are smaller than the next layer's whole, so torch would keep them
    return model.requires_grad_(False).eval()


def _refuse_quantised(device: str, dtype: str, trains: bool) -> None:
    """Raise UsageError for a quantised format that cannot be trained, or not be computed with on this GPU."""
    if dtype not in QUANTISED:
        return
    if trains:
        raise UsageError(f"{dtype} weights cannot be trained", hint="use --dtype bfloat16 or float32")
    if device == "cuda" and gpu_dtype() != "bfloat16":
        raise UsageError(
            f"{dtype} weights need a GPU that computes in bfloat16 (Ampere or later), and this one does not",
            hint="use --dtype float32, or --device cpu",
        )


def gpu_dtype() -> str:
    """Return the dtype to compute in on torch's current GPU: float32 on cards before Ampere, which emulate bfloat16."""
    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"


def multiplies_packed() -> bool:
    """Tell if this processor has a kernel for packed weights; without one they are slower than floats."""
    return ops.has_torchs_layout()


def _warnings(gates: list[Tensor], reading: ReadingConfig, device: str) -> Iterator[str]:
    if warning := closed_gate_warning(gates or None, reading):
        yield warning
    lacks = ops.what_triton_lacks() if device == "cuda" and ops.BACKEND == "reference" else None
    if lacks and not os.environ.get("GEMMA10M_BACKEND"):
        yield f"{lacks}: the GPU computes with plain PyTorch, which is slower"


def resolve_model(name_or_path: str | Path, tell: Callable[[str], None] = lambda sentence: None) -> Path:
    """Return the folder or GGUF file of "demo", a packaged model, an existing path, or a downloaded model.

    `tell` gets a sentence with the licence of a packaged model that is used for the first time. Raises ModelError.
    """
    if name_or_path == "demo":
        return demo_folder()
    path, name = expanded(name_or_path), str(name_or_path)
    if name in PACKAGED:
        return packaged_path(PACKAGED[name], tell)
    if is_closed(path):
        raise ModelError(f"{path} cannot be read: permission denied", hint="name a folder or a file that you may read")
    if os.path.isdir(path) or (os.path.isfile(path) and path.suffix == ".gguf"):
        return path
    if os.path.exists(path):
        raise ModelError(
            f"{path} is neither a folder nor a .gguf file",
            hint="name the folder that holds config.json and the weights",
        )
    if "://" in name or path.suffix == ".gguf":
        what = "is a URL" if "://" in name else "does not exist"
        raise ModelError(f"{name} {what}", hint="download the file, and name where it is on this machine")
    folder = find_downloaded(name)
    if folder is None:
        if name.startswith(("/", "./", "../", "~")):
            raise ModelError(f"{name} does not exist", hint="name a GGUF file or a folder that holds config.json")
        repository = name if "/" in name else "ORGANISATION/NAME"
        raise ModelError(
            f"{name} is neither a path, a downloaded model nor one of {', '.join(('demo', *PACKAGED))}",
            hint=f"run `gemma10m download {repository}` first, or name a GGUF file or a folder that holds config.json",
        )
    return folder


def resolve_device(device: str) -> str:
    """Return "cpu", or "cuda" for torch's current GPU, which "cuda:N" makes the one of that number."""
    kind, _, number = device.partition(":")
    if device not in ("cpu", "cuda", "auto") and not (kind == "cuda" and number.isascii() and number.isdigit()):
        hint = "Apple's GPUs are not used yet" if kind == "mps" else ""
        raise UsageError(f"device must be cpu, cuda, cuda:N or auto, found {device!r}", hint=hint)
    has_cuda = torch.cuda.is_available()
    if kind == "cuda" and not has_cuda:
        raise UsageError(
            f"device {device} was asked for, but PyTorch finds no CUDA GPU", hint="use --device cpu or auto"
        )
    if number:
        count = torch.cuda.device_count()
        if int(number) >= count:
            raise UsageError(f"there is no GPU {number}: PyTorch finds {count}, counted from 0")
        torch.cuda.set_device(int(number))
    return "cuda" if has_cuda and kind != "cpu" else "cpu"
