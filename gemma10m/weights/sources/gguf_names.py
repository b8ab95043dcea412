"""Translate GGUF's tensor names into those of Hugging Face's checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gemma10m.errors import ModelError
from gemma10m.gguf_file import GgufTensor
from gemma10m.strict_json import quote

EMBEDDING = "token_embd.weight"
HEAD = "output.weight"
ROPE_FACTORS = "rope_freqs.weight"  # read into the config: a checkpoint of Hugging Face's has no such tensor

_MODEL = {EMBEDDING: "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", HEAD: "lm_head.weight"}
_GEMMA4_MODEL = {
    "per_layer_token_embd.weight": "model.embed_tokens_per_layer.weight",
    "per_layer_model_proj.weight": "model.per_layer_model_projection.weight",
    "per_layer_proj_norm.weight": "model.per_layer_projection_norm.weight",
}
_BLOCK = re.compile(r"blk\.(0|[1-9][0-9]{0,5})\.([a-z_]+)\.(weight|bias)")
_COMMON = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TWO_NORMS = {"ffn_norm": "post_attention_layernorm"}
_FOUR_NORMS = {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
_GEMMA4 = _FOUR_NORMS | {
    "inp_gate": "per_layer_input_gate",
    "proj": "per_layer_projection",
    "post_norm": "post_per_layer_input_norm",
    "layer_output_scale": "layer_scalar",
}
_PARTS = {"gemma2": _FOUR_NORMS, "gemma3": _FOUR_NORMS, "gemma4": _GEMMA4}
_WITHOUT_SUFFIX = ("layer_scalar",)  # a number, not a module's weight


def hugging_face_names(architecture: str, tensors: Mapping[str, GgufTensor], path: object) -> dict[str, GgufTensor]:
    """Return the tensors by their names in a checkpoint. Raises ModelError for an unknown one."""
    parts = _COMMON | _PARTS.get(architecture, _TWO_NORMS)
    whole = _MODEL | (_GEMMA4_MODEL if architecture == "gemma4" else {})
    named: dict[str, GgufTensor] = {}
    for name, tensor in tensors.items():
        if name == ROPE_FACTORS:
            continue
        found = whole.get(name) or _block_name(name, parts)
        if found is None:
            raise ModelError(
                f"{path} has the tensor {quote(name)}, which no {architecture} model has",
                hint="adapters, projectors and mixtures of experts are not read: use the language model itself",
            )
        named[found] = tensor
    return named


def _block_name(name: str, parts: Mapping[str, str]) -> str | None:
    match = _BLOCK.fullmatch(name)
    part = parts.get(match[2]) if match else None
    if not match or not part:
        return None
    return f"model.layers.{match[1]}.{part}" + ("" if part in _WITHOUT_SUFFIX else f".{match[3]}")
