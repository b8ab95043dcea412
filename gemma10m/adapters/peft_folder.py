"""Read and write adapters in PEFT's layout: adapter_config.json and adapter_model.safetensors.

A file of our own beside them, gemma10m.json, says which weights they were trained on and how far refusing is moved;
a memory may be there, too (adapters/added_memory.py), or alone.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gemma10m.adapters.about import NOTHING_KNOWN, AboutAnswers
from gemma10m.adapters.added_memory import AddedMemoryWeights, read_added_memory
from gemma10m.adapters.lora import MOST_SCALE, LoraConfig, LowRankUpdate, Updates
from gemma10m.atomic_file import atomic_file
from gemma10m.errors import ModelError
from gemma10m.regular_file import is_closed, read_regular, reason, refuse_irregular
from gemma10m.strict_json import quote, strict_json
from gemma10m.tensor_bytes import safetensors_bytes

CONFIG, TENSORS, ABOUT = "adapter_config.json", "adapter_model.safetensors", "gemma10m.json"
PREFIX = "base_model.model."
SIDES = ("lora_A", "lora_B")
LARGEST_JSON = 1 << 20  # bytes
MOST_BIAS = 100.0  # logits further apart leave the other token no chance
MOST_PASSAGES = 1000
FILE_DTYPES = ("F32", "BF16", "F16")
# What PEFT can do beside plain LoRA: the values that each field has without it.
PLAIN: dict[str, tuple[Any, ...]] = {
    "bias": ("none", None),
    "use_dora": (False, None),
    "fan_in_fan_out": (False, None),
    "modules_to_save": (None, []),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
    "layer_replication": (None,),
    "lora_bias": (False, None),
    "use_rslora": (True, False, None),
    # The others change the base's weights before they are trained, and PEFT does so again when it loads them.
    "init_lora_weights": (True, False, None, "gaussian", "orthogonal", "eva"),
    "alora_invocation_tokens": (None,),  # no update before them
    "trainable_token_indices": (None,),
    "target_parameters": (None, []),
    "use_qalora": (False, None),
    "use_bdlora": (False, None),
    "arrow_config": (None,),
    "kasa_config": (None,),
    "monteclora_config": (None,),
}


@dataclass(frozen=True)
class Adapter:
    path: Path
    updates: Updates  # by the names in the file
    about: AboutAnswers
    fingerprint: str  # of all but the memory, which has one of its own
    memory: AddedMemoryWeights | None = None


def read_adapter(folder: Path) -> Adapter:
    """Read an adapter. Raises ModelError for a damaged one and for what is not plain LoRA."""
    if is_closed(folder):
        raise ModelError(f"{folder} cannot be read: permission denied", "name a folder that you may read")
    memory, about = read_added_memory(folder), read_about(folder)
    if memory and not (folder / CONFIG).exists():
        return Adapter(folder, {}, about, _fingerprint({}, 1.0, about), memory)
    said = _json(folder / CONFIG)
    scale, rank = _scale(folder, said)
    tensors = _tensors(folder / TENSORS)
    updates = _updates(folder / TENSORS, tensors, scale, rank)
    return Adapter(folder, updates, about, _fingerprint(tensors, scale, about), memory)


def write_adapter(folder: Path, updates: Updates, config: LoraConfig, about: AboutAnswers, base_name: str) -> None:
    """Write an adapter in bfloat16. Raises DiskError."""
    tensors: dict[str, Tensor] = {}
    for name, update in updates.items():
        module = PREFIX + name.removesuffix(".weight")
        tensors[f"{module}.lora_A.weight"] = update.down.to("cpu", torch.bfloat16).contiguous()
        tensors[f"{module}.lora_B.weight"] = update.up.to("cpu", torch.bfloat16).contiguous()
    said = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "target_modules": list(config.modules),
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
    }
    for path, data in (
        (folder / TENSORS, safetensors_bytes(tensors, {"format": "pt"})),
        (folder / CONFIG, (json.dumps(said, indent=1) + "\n").encode()),
        (folder / ABOUT, (json.dumps(asdict(about), indent=1) + "\n").encode()),
    ):
        with atomic_file(path) as file:
            file.write(data)


def _scale(folder: Path, said: dict[str, Any]) -> tuple[float, int]:
    if said.get("peft_type") != "LORA":
        raise _damaged(folder / CONFIG, f"peft_type is {quote(said.get('peft_type'))}, 'LORA' expected")
    for name, plain in PLAIN.items():
        if said.get(name) not in plain:
            raise ModelError(
                f"{folder / CONFIG} asks for {name} {quote(said[name])}, which is not supported",
                hint="use an adapter of plain LoRA, or merge it into its model with PEFT",
            )
    rank, alpha = said.get("r"), said.get("lora_alpha")
    if type(rank) is not int or rank < 1 or isinstance(alpha, bool) or not isinstance(alpha, int | float):
        raise _damaged(folder / CONFIG, f"r is {quote(rank)} and lora_alpha {quote(alpha)}")
    scale = alpha / (math.sqrt(rank) if said.get("use_rslora") else rank)
    if not 0 < scale <= MOST_SCALE:
        raise _damaged(folder / CONFIG, f"r {rank} and lora_alpha {quote(alpha)} scale its updates by {scale:g}")
    return scale, rank


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        refuse_irregular(path)
        with safe_open(path, framework="pt", device="cpu") as file:
            names = file.offset_keys()
            for name in names:
                if (dtype := file.get_slice(name).get_dtype()) not in FILE_DTYPES:
                    raise _damaged(
                        path, f"{quote(name)} has the dtype {dtype}, one of {', '.join(FILE_DTYPES)} expected"
                    )
            return {name: file.get_tensor(name) for name in names}
    except OSError as error:
        raise _damaged(path, reason(error)) from error
    except SafetensorError as error:
        raise _damaged(path, str(error)) from error


def _updates(path: Path, tensors: dict[str, Tensor], scale: float, rank: int) -> dict[str, LowRankUpdate]:
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        module, _, side = name.removesuffix(".weight").removeprefix(PREFIX).rpartition(".")
        if side not in SIDES or not name.endswith(".weight"):
            raise _damaged(path, f"{quote(name)} is no tensor of an adapter")
        if tensor.dim() != 2 or tensor.shape[SIDES.index(side)] != rank:
            raise _damaged(path, f"{quote(name)} has the shape {list(tensor.shape)}, and the rank is {rank}")
        if not bool(tensor.isfinite().all()):
            raise _damaged(path, f"{quote(name)} holds numbers that are not finite")
        sides = found.setdefault(f"{module}.weight", {})
        if side in sides:
            raise _damaged(path, f"it holds {quote(name)} twice, once without {PREFIX!r}")
        sides[side] = tensor.float()
    for name, sides in found.items():
        if len(sides) != len(SIDES):
            raise _damaged(path, f"one of the two tensors for {quote(name)} is missing")
    if not found:
        raise _damaged(path, "it holds no tensor")
    return {name: LowRankUpdate(sides["lora_A"], sides["lora_B"], scale) for name, sides in found.items()}


def read_about(folder: Path) -> AboutAnswers:
    """Return what our own file in the folder says; without one nothing is known. Raises ModelError."""
    path = folder / ABOUT
    if not path.is_file():
        return NOTHING_KNOWN
    said = _json(path)
    try:
        about = AboutAnswers(**said)
    except TypeError as error:
        raise _damaged(path, "it has fields that are not known") from error
    if not isinstance(about.base, str) or not isinstance(about.data, str) or type(about.reads_passages) is not bool:
        raise _damaged(path, "a field has the wrong type")
    if type(about.passages) is not int or not 0 <= about.passages <= MOST_PASSAGES:
        raise _damaged(path, f"passages must be from 0 to {MOST_PASSAGES}")
    biases = (about.refusal_bias, about.strict_bias)
    if not all(type(bias) in (int, float) and abs(bias) <= MOST_BIAS for bias in biases):
        raise _damaged(path, f"its biases must be numbers from {-MOST_BIAS:g} to {MOST_BIAS:g}")
    return replace(about, refusal_bias=float(about.refusal_bias), strict_bias=float(about.strict_bias))


def _fingerprint(tensors: dict[str, Tensor], scale: float, about: AboutAnswers) -> str:
    digest = hashlib.sha256(json.dumps([scale, asdict(about)]).encode())
    digest.update(safetensors_bytes(dict(sorted(tensors.items())), {}))
    return digest.hexdigest()


def _json(path: Path) -> dict[str, Any]:
    try:
        said = strict_json(read_regular(path, LARGEST_JSON).decode())
    except (OSError, ValueError) as error:
        raise _damaged(path, reason(error)) from error
    if not isinstance(said, dict):
        raise _damaged(path, "it is no JSON object")
    return said


def _damaged(path: Path, why: str) -> ModelError:
    return ModelError(f"{path} cannot be used as an adapter: {why}", hint="name a folder in PEFT's layout, undamaged")
