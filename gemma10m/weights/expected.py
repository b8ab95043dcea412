"""Compare a checkpoint's tensors with those of its model, built on the meta device."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch

from gemma10m.adapters.added_memory import PART
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import ModelError
from gemma10m.models import architecture_of
from gemma10m.models.decoder import Decoder
from gemma10m.strict_json import quote
from gemma10m.weights.headers import COUNT, TensorEntry

HEAD = "lm_head.weight"
EMBEDDING = "model.embed_tokens.weight"
LAYER_TABLE = "model.embed_tokens_per_layer.weight"  # a chunk needs a few rows of it, and it is half of Gemma 4 E2B

# Gates near 0 or 1 and the memory's writes need more than bfloat16's eight bits; they are a few kB.
_STAYS_FLOAT32 = (
    "self_attn.gate",
    "self_attn.write_gate.weight",
    "self_attn.write_gate.bias",
    "self_attn.state_vector.first",
    ".cema.alpha",
    ".cema.delta",
    ".cema.theta",
    ".cema.gamma",
    ".cema.omega",
    ".prior_mean",
    ".prior_logv",
    ".rope.freqs",
)
_SHOWN = 5
_MIXED = "config.json and the weights must come from the same model"


def stays_float32(name: str) -> bool:
    return name.endswith(_STAYS_FLOAT32) or PART in name


def loaded_dtype(name: str, dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of a tensor in a model whose weights are of `dtype`."""
    if name.endswith(COUNT):
        return torch.int64
    return torch.float32 if stays_float32(name) else dtype


def loaded_device(name: str, device: str) -> str:
    """Return the device of a tensor in a model on `device`: what is looked up by the row stays in main memory."""
    return "cpu" if name == LAYER_TABLE else device


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the model by name."""
    with torch.device("meta"):
        model = Decoder(config, ReadingConfig())
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def check_tensors(config: ModelConfig, tensors: Mapping[str, TensorEntry]) -> None:
    """Compare all tensors. Raises one ModelError that lists every missing, unexpected and misshapen tensor."""
    if config.layers > len(tensors):  # before a name is made for each of a billion layers
        without = "" if EMBEDDING in tensors else f", and none is {EMBEDDING}"
        raise ModelError(
            f"config.json says {config.layers:,} layers, but the files hold {len(tensors):,} tensors{without}", _MIXED
        )
    _check_sizes(config, tensors)
    expected = expected_shapes(config)
    in_file = architecture_of(config).file_name
    faults = {
        "missing": [in_file(name) for name in expected if name not in tensors],
        "unexpected": [quote(in_file(name)) for name in tensors if name not in expected],
        "of another shape": [
            f"{in_file(name)}: found {list(tensors[name].shape)}, expected {list(shape)}"
            for name, shape in expected.items()
            if name in tensors and tensors[name].shape != shape
        ],
    }
    if any(faults.values()):
        told = "; ".join(f"{len(names):,} {fault} ({_some(names)})" for fault, names in faults.items() if names)
        raise ModelError(f"the tensors do not fit config.json: {told}", _MIXED)


def _check_sizes(config: ModelConfig, tensors: Mapping[str, TensorEntry]) -> None:
    """Refuse a matrix with more numbers than all files together: shapes alone may overflow. Raises ModelError."""
    held = sum(math.prod(entry.shape) for entry in tensors.values())
    widths = {"vocab_size": config.vocabulary, "intermediate_size": config.widest_feed_forward}
    widths |= {"altup_num_inputs": config.streams, "laurel_rank": config.laurel_rank}
    own_rows = (config.layer_input_rows or config.vocabulary) * config.layer_input_size
    widths["vocab_size_per_layer_input * hidden_size_per_layer_input"] = own_rows * config.layers // config.hidden_size
    if config.megalodon:
        widths |= {"value_dim": config.megalodon.value_dim, "cema_ndim": config.megalodon.cema_ndim}
    for layer in range(config.layers if config.attention else 1):
        widths["num_attention_heads * head_dim"] = config.attention_of(layer).query_size
        for name, width in widths.items():
            if width * config.hidden_size > held:
                raise ModelError(
                    f"config.json says {name} {width:,} and hidden_size {config.hidden_size:,}, whose matrix has more "
                    f"numbers than the {held:,} that the files hold",
                    _MIXED,
                )


def _some(items: Iterable[str]) -> str:
    listed = list(items)
    more = f", and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
