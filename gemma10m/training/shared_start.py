"""Turn a model into one whose layers share keys and values: the start of a training by self-distillation.

Owners keep their projections. Layers that attend to an owner's values expect their own: the linear map that makes these
of those, as well as it can on some text, goes into their output projection, which sees no other values.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from gemma10m.atomic_file import write_bytes, write_json
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.memory import KINDS
from gemma10m.models import ARCHITECTURES
from gemma10m.models.attention import Attention
from gemma10m.models.chunk import Chunk
from gemma10m.models.decoder import Decoder
from gemma10m.models.sharing_groups import kv_source_layers, sharing_groups
from gemma10m.tensor_bytes import safetensors_bytes
from gemma10m.training.teacher import Teacher
from gemma10m.weights.checkpoint import Checkpoint
from gemma10m.weights.config_file import text_part
from gemma10m.weights.expected import EMBEDDING, loaded_dtype
from gemma10m.weights.loading import load_checkpoint
from gemma10m.weights.options import resolve_reading
from gemma10m.weights.tensors import load_weights

WHOLE = ReadingConfig("full", segment=1)  # segments never close: a stage's documents are of one length
MOST_FITTED = 4096  # tokens of text
ANY_LENGTH = 2**40  # tokens
RIDGE = 1e-3  # of the mean square of the owner's values


class Unshared(Teacher):
    """Read as the student does, with a memory if that has one, which needs no context as long as the document."""

    def __init__(self, model: Decoder) -> None:
        self.model = model.requires_grad_(False).eval()

    @property
    def context(self) -> int:
        return ANY_LENGTH if KINDS[self.model.reading.memory].closes else super().context


def training_reading(checkpoint: Checkpoint) -> ReadingConfig:
    """Return how documents are read: with a memory if the checkpoint has one, else as a whole. Raises ConfigError."""
    return resolve_reading(checkpoint) if checkpoint.config.has_gates else WHOLE


def shared_model(checkpoint: Checkpoint, config: ModelConfig) -> Decoder:
    """Return the checkpoint's model with the sharing of `config`, in float32 on the CPU. Raises ModelError."""
    with torch.device("meta"):
        model = Decoder(config, training_reading(checkpoint))
    weights = load_weights(checkpoint, device="cpu", dtype=torch.float32)
    # The optimiser writes into them, and what was loaded may be a view of the checkpoint's file.
    kept = {name: weights[name].clone() for name in model.state_dict()}
    model.load_state_dict(kept, strict=True, assign=True)
    return model


def unshared(checkpoint: Checkpoint, device: str, dtype: str, student: Decoder) -> Unshared:
    """Return the checkpoint's own model as a teacher, with the student's weights where these are not trained.

    Raises ModelError.
    """
    model = load_checkpoint(checkpoint, student.reading, device, dtype, trains=True)
    for name, weight in student.named_parameters():
        if not weight.requires_grad:
            owner, _, own_name = name.rpartition(".")
            setattr(model.get_submodule(owner), own_name, weight)
    return Unshared(model)


@torch.no_grad()
def fit_outputs(shared: Decoder, teacher: Unshared, ids: Tensor) -> None:
    """Put the map from an owner's values to a layer's own into the output projection; ids (1, S) of some text."""
    values = values_of(teacher.model, ids[:, : min(MOST_FITTED, teacher.context)])
    for owner, *sharing in sharing_groups(shared.config):
        for layer in sharing:
            output = cast(Attention, shared.mixers[layer]).o_proj.weight
            maps = _best_maps(values[owner], values[layer]).to(output)
            heads = output.unflatten(1, (len(maps), -1, maps.shape[1]))  # (D, K, H / K, E)
            output.copy_(torch.einsum("dkhe,kfe->dkhf", heads, maps).flatten(1))


def values_of(model: Decoder, ids: Tensor) -> list[Tensor]:
    """Return the values of each layer (K, S, E); ids (1, S)."""
    chunk = Chunk(0, ids.shape[1], model.device, model.dtype)
    mixers = [cast(Attention, mixer) for mixer in model.mixers]
    before = [mixer.lends_as for mixer in mixers]
    for layer, mixer in enumerate(mixers):
        mixer.lends_as = layer
    model.model(ids.to(model.device), model.empty_state(), chunk, 0)
    for mixer, lends_as in zip(mixers, before, strict=True):
        mixer.lends_as = lends_as
    return [chunk.lent[layer].values[0] for layer in range(model.config.layers)]


def _best_maps(owned: Tensor, wanted: Tensor) -> Tensor:
    """Return the maps (K, E, E) with owned @ map nearest to wanted, both (K, S, E), by ridge regression."""
    owned, wanted = owned.double(), wanted.double()
    gram = owned.mT @ owned  # (K, E, E)
    ridge = RIDGE * gram.diagonal(dim1=1, dim2=2).mean(1)  # (K)
    eye = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    maps: Tensor = torch.linalg.solve(gram + ridge.clamp_min(1e-12).view(-1, 1, 1) * eye, owned.mT @ wanted)
    return maps


def save_shared(model: Decoder, checkpoint: Checkpoint, folder: Path) -> None:
    """Write config.json and model.safetensors. Raises DiskError.

    Weights are written in bfloat16 where the checkpoint's are in bfloat16 or quantised, else in float32.
    """
    in_file = checkpoint.tensors[EMBEDDING].dtype
    dtype = torch.float32 if in_file in ("F32", "F16") else torch.bfloat16
    said = checkpoint.source.config()
    own = dict(text_part(said, ARCHITECTURES[said["model_type"]]))
    own |= {"kv_source_layers": kv_source_layers(model.config), "torch_dtype": str(dtype).removeprefix("torch.")}
    write_json(folder / "config.json", {key: value for key, value in own.items() if key != "dtype"})
    named = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    tensors = {name: tensor.to(loaded_dtype(name, dtype)).contiguous() for name, tensor in named.items()}
    write_bytes(folder / "model.safetensors", safetensors_bytes(tensors, {"format": "pt"}))
