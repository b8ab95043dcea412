"""Save a trained model in gemma-2B-10M's layout, or its architecture's own, with what the run needs to resume.

run.safetensors alone says where a run is: the trained weights, AdamW's moments and the position are one file, replaced
whole, so that a crash at any moment leaves one step's numbers and never a mix of two. model.safetensors and config.json
are written from it and are what other commands read.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gemma10m.atomic_file import atomic_file
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import StateError, TrainingError, UsageError
from gemma10m.models import architecture_of
from gemma10m.models.decoder import Decoder
from gemma10m.models.sharing_groups import kv_source_layers
from gemma10m.strict_json import quote, strict_json
from gemma10m.tensor_bytes import safetensors_bytes
from gemma10m.training.parameters import trained
from gemma10m.training.schedule import Position
from gemma10m.training.trainer import Trainer

RUN = "run.safetensors"
FORMAT = "gemma10m.training/1"
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class RunOrigin:
    """Hold what a run was started on; it resumes with the same alone."""

    data: str  # the document's fingerprint
    start: str  # the checkpoint's fingerprint, or "scratch"
    teacher: str  # the teacher's fingerprint, "same", or ""


@dataclass(frozen=True)
class SavedRun:
    origin: RunOrigin
    position: Position
    tensors: dict[str, Tensor]


def save_model(model: Decoder, folder: Path) -> None:
    """Write config.json and model.safetensors. Raises DiskError."""
    in_file = architecture_of(model.config).file_name
    tensors = {in_file(name): tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_json(folder / "config.json", config_json(model.config, model.reading))
    write_bytes(folder / "model.safetensors", safetensors_bytes(tensors, {"format": "pt"}))


def save_run(trainer: Trainer, origin: RunOrigin, folder: Path) -> None:
    """Save everything a run needs to resume from here.

    Raises DiskError, and TrainingError for numbers that are not finite; the file of before is then as it was.
    """
    about = {"format": FORMAT, "origin": asdict(origin), "position": asdict(trainer.position)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _run_tensors(trainer).items()}
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise TrainingError(
            f"the weights of step {trainer.position.step} are no longer finite",
            hint="lower learning_rate or gate_learning_rate in the recipe",
        )
    write_bytes(folder / RUN, safetensors_bytes(tensors, {"run": json.dumps(about)}))


def load_run(folder: Path, trainer: Trainer) -> SavedRun | None:
    """Load the folder's run, checked against the trainer's model, or None without one. Raises StateError."""
    path = folder / RUN
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = strict_json((file.metadata() or {})["run"])
            if about["format"] != FORMAT:
                raise _damaged(path, f"it has the format {quote(about['format'])}, {FORMAT!r} expected")
            tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
        origin, position = RunOrigin(**about["origin"]), Position(**about["position"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    _check(path, tensors, position, trainer)
    return SavedRun(origin, position, tensors)


def restore(trainer: Trainer, saved: SavedRun) -> None:
    """Restore the trainer to where the run was saved."""
    for name, parameter in trained(trainer.model).items():
        with torch.no_grad():
            parameter.copy_(saved.tensors[f"weight.{name}"])
        # AdamW counts a parameter's own steps, on the CPU: one without a gradient has made fewer.
        if (step := saved.tensors[f"step.{name}"]) > 0:
            moments = {moment: saved.tensors[f"{moment}.{name}"].to(parameter.device) for moment in MOMENTS}
            trainer.optimizer.state[parameter] = {"step": step, **moments}
    trainer.go_to(saved.position)


def _run_tensors(trainer: Trainer) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, parameter in trained(trainer.model).items():
        tensors[f"weight.{name}"] = parameter
        kept = trainer.optimizer.state.get(parameter, {})
        tensors[f"step.{name}"] = kept.get("step", torch.zeros(()))
        for moment in MOMENTS:
            # On the CPU, because a run is saved when the GPU's memory is full, too.
            tensors[f"{moment}.{name}"] = kept[moment] if moment in kept else torch.zeros_like(parameter, device="cpu")
    return tensors


def _check(path: Path, tensors: dict[str, Tensor], position: Position, trainer: Trainer) -> None:
    expected = {name: (tensor.dtype, tensor.shape) for name, tensor in _run_tensors(trainer).items()}
    found = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise _damaged(path, f"its tensor {name} is {found.get(name)}, expected {expected.get(name)}")
        if not bool(tensors[name].isfinite().all()):
            raise _damaged(path, f"its tensor {name} holds numbers that are not finite")
    counts = [value for name, value in asdict(position).items() if name != "running_loss"]
    if not all(type(count) is int and count >= 0 for count in counts) or type(position.running_loss) is not float:
        raise _damaged(path, f"it has a position that no run has: {position}")
    if position.stage > len(trainer.recipe.stages):
        raise _damaged(path, f"it is in stage {position.stage + 1} of {len(trainer.recipe.stages)}")


def _damaged(path: Path, why: str) -> StateError:
    return StateError(f"{path} cannot be resumed: {why}", hint="train into another folder")


def write_json(path: Path, value: object) -> None:
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    with atomic_file(path) as file:
        file.write(data)


def config_json(config: ModelConfig, reading: ReadingConfig) -> dict[str, Any]:
    if write := architecture_of(config).write:
        return write(config)
    if config.architecture != "gemma":
        raise UsageError(f"no config.json is written for {config.architecture}", hint="name a shape of gemma")
    return ({"kv_source_layers": kv_source_layers(config)} if config.shares else {}) | {
        "architectures": ["GemmaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": 2,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "head_dim": config.head_size,
        "hidden_act": "gelu_pytorch_tanh",
        "hidden_size": config.hidden_size,
        "intermediate_size": config.feed_forward_size,
        "max_position_embeddings": config.context,
        "model_type": "gemma",
        "num_attention_heads": config.heads,
        "num_hidden_layers": config.layers,
        "num_key_value_heads": config.kv_heads,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "tie_word_embeddings": config.tied_head,
        "torch_dtype": "float32",
        "vocab_size": config.vocabulary,
        "memory": reading.memory,
        "segment_size": reading.segment,
        "carry": reading.carry,
        "sinks": reading.sinks,
    }
