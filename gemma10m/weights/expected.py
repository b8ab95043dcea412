"""The tensors a Gemma 1 checkpoint must hold: names and shapes in the letters of the design."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gemma10m.config import ModelConfig
from gemma10m.errors import ModelError
from gemma10m.strict_json import quote
from gemma10m.weights.headers import TensorEntry

Shape = tuple[int, ...]

HEAD = "lm_head.weight"

# Gates near 0 or 1 and the memory's writes need more than bfloat16's eight bits; they are a few kB.
_STAYS_FLOAT32 = (
    "self_attn.gate",
    "self_attn.write_gate.weight",
    "self_attn.write_gate.bias",
    "self_attn.state_vector.first",
)
_SHOWN = 5
_MIXED = "config.json and the weights must come from the same model"


def stays_float32(name: str) -> bool:
    return name.endswith(_STAYS_FLOAT32)


def outer_shapes(config: ModelConfig) -> dict[str, Shape]:
    table = (config.vocabulary, config.hidden_size)  # (V, D)
    shapes: dict[str, Shape] = {"model.embed_tokens.weight": table, "model.norm.weight": (config.hidden_size,)}
    return shapes if config.tied_head else shapes | {HEAD: table}


def layer_shapes(config: ModelConfig) -> dict[str, Shape]:
    """One layer's tensors, without the `model.layers.i.` in front."""
    D, F = config.hidden_size, config.feed_forward_size
    shapes: dict[str, Shape] = {
        "self_attn.q_proj.weight": (config.query_size, D),
        "self_attn.k_proj.weight": (config.kv_size, D),
        "self_attn.v_proj.weight": (config.kv_size, D),
        "self_attn.o_proj.weight": (D, config.query_size),
        "mlp.gate_proj.weight": (F, D),
        "mlp.up_proj.weight": (F, D),
        "mlp.down_proj.weight": (D, F),
        "input_layernorm.weight": (D,),
        "post_attention_layernorm.weight": (D,),
    }
    if config.has_gates:
        shapes["self_attn.gate"] = (1, config.heads, 1, 1)
    if config.has_write_gates:
        shapes["self_attn.write_gate.weight"] = (config.kv_heads, D)
        shapes["self_attn.write_gate.bias"] = (config.kv_heads,)
    if config.has_state_vectors:
        shapes["self_attn.state_vector.first"] = (D,)
        shapes["self_attn.state_vector.up.weight"] = (D, 2 * D)
        shapes["self_attn.state_vector.down.weight"] = (2 * D, D)
        shapes["self_attn.state_vector.down.bias"] = (2 * D,)
    return shapes


def check_tensors(config: ModelConfig, tensors: Mapping[str, TensorEntry]) -> None:
    """Raises one ModelError that lists every missing, unexpected and misshapen tensor."""
    if config.layers > len(tensors):  # before a name is made for each of a billion layers
        raise ModelError(
            f"config.json says {config.layers:,} layers, but the files hold {len(tensors):,} tensors", _MIXED
        )
    expected = outer_shapes(config)
    for index in range(config.layers):
        expected |= {f"model.layers.{index}.{name}": shape for name, shape in layer_shapes(config).items()}
    faults = {
        "missing": [name for name in expected if name not in tensors],
        "unexpected": [quote(name) for name in tensors if name not in expected],
        "of another shape": [
            f"{name}: found {list(tensors[name].shape)}, expected {list(shape)}"
            for name, shape in expected.items()
            if name in tensors and tensors[name].shape != shape
        ],
    }
    if any(faults.values()):
        told = "; ".join(f"{len(names):,} {fault} ({_some(names)})" for fault, names in faults.items() if names)
        raise ModelError(f"the tensors do not fit config.json: {told}", _MIXED)


def _some(items: Iterable[str]) -> str:
    listed = list(items)
    more = f", and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
