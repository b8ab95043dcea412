"""Give random weights a published shape, to measure a read on this device without a download."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gemma10m.config import KeyValueFormat, MemoryKind, ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.memory import KINDS
from gemma10m.models.decoder import Decoder
from gemma10m.models.quantised import QuantisedLinear, quantised_modules
from gemma10m.weights.config_file import parse_config
from gemma10m.weights.expected import loaded_device, loaded_dtype
from gemma10m.weights.published import PUBLISHED, find_published
from gemma10m.weights.quantising import prepare

SHAPES = {
    "gemma-2b": ModelConfig(2048, 18, 8, 1, 256, 16384, 256000, has_gates=True),
    "gemma-7b": ModelConfig(3072, 28, 16, 16, 256, 24576, 256000, has_gates=True),
}
GATES = (".gate", ".write_gate.weight", ".write_gate.bias")
READING = ReadingConfig(memory="delta", segment=2048, carry=2048, sinks=4)


def published(shape: str, layers: int | None) -> ModelConfig:
    """Return a published shape, with so many layers if they are all alike. Raises UsageError for an unknown one."""
    if shape in SHAPES:
        return replace(SHAPES[shape], layers=layers) if layers else SHAPES[shape]
    entry = find_published(shape)
    if entry is None:
        known = ", ".join((*SHAPES, *(each.repository for each in PUBLISHED)))
        raise UsageError(f"there is no shape {shape!r}", hint=f"known: {known}")
    if layers:
        raise UsageError(f"the layers of {shape} are counted as they are", hint=f"--layers takes {', '.join(SHAPES)}")
    return parse_config(entry.config).config


def reading_with(
    config: ModelConfig, memory: MemoryKind | None, carry: int | None, kv: KeyValueFormat | None = None
) -> ReadingConfig:
    """Return the reading to measure. Raises UsageError for a memory that a published shape has no weights for."""
    if memory and (KINDS[memory].needs_added_memory or KINDS[memory].needs_state_vectors):
        raise UsageError(f"a published shape has no weights for {memory} memory", hint="name a model that has them")
    if config.own_reading:
        return config.own_reading
    kind = memory or (READING.memory if config.has_gates else "window")
    return replace(READING, memory=kind, carry=READING.carry if carry is None else carry, kv=kv or "float")


def random_model(
    config: ModelConfig, reading: ReadingConfig, device: str, dtype: torch.dtype, number_format: str = ""
) -> Decoder:
    """Return a model with random weights in `dtype`, gates in float32; no weight is ever made in another type.

    number_format "int8" or "int4": matrices of random levels, all with one step.
    """
    with torch.device("meta"):
        model = Decoder(replace(config, has_write_gates=KINDS[reading.memory].needs_write_gates), reading)
    prepare(model, number_format or str(dtype).removeprefix("torch."))
    packed = {
        f"{name}.{part}": tensor.to(device)
        for name, matrix in quantised_modules(model).items()
        for part, tensor in _random_levels(matrix).items()
    }
    weights = {
        name: torch.empty(tensor.shape, dtype=loaded_dtype(name, dtype), device=loaded_device(name, device))
        for name, tensor in model.state_dict().items()
        if name not in packed
    }
    for tensor in weights.values():
        _ = torch.nn.init.normal_(tensor, std=0.02) if tensor.is_floating_point() else tensor.zero_()
    model.load_state_dict(weights | packed, strict=True, assign=True)
    model.requires_grad_(False)
    if model.gains_by_fusing(device):
        del weights, packed, tensor
        model.fuse()
    if device == "cuda":
        torch.cuda.empty_cache()
    return model.eval()


def _random_levels(matrix: QuantisedLinear) -> dict[str, Tensor]:
    step = 0.02 / 2 ** (matrix.bits - 2)  # a spread like that of the other weights
    shape, own = matrix.scales.shape, torch.tensor((step, 0.0))
    scales = own.expand(shape)
    if matrix.bits == 8:  # the upper four bits count 16 times; 8 steps are added to what the lower four give
        pairs = own.new_tensor(((16 * step, 0.0), (step, 8 * step)))
        scales = pairs.repeat_interleave(shape[0] // 2, dim=0)[:, None].expand(shape)
    levels = torch.randint(256, matrix.packed.shape, dtype=torch.uint8)
    return {"packed": levels, "scales": scales.bfloat16().contiguous()}


def stock_weights(model: Decoder) -> dict[str, Tensor]:
    """Return what a stock Gemma has as well: all but the gates."""
    return {name: tensor for name, tensor in model.state_dict().items() if not name.endswith(GATES)}
