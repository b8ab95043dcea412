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


def hugging_face_names(architecture: str, tensors: Mapping[str, GgufTensor], path: object) -> dict[str, GgufTensor]:
    """Return the tensors by their names in a checkpoint. Raises ModelError for an unknown one."""
    parts = _COMMON | (_FOUR_NORMS if architecture in ("gemma2", "gemma3") else _TWO_NORMS)
    named: dict[str, GgufTensor] = {}
    for name, tensor in tensors.items():
        if name == ROPE_FACTORS:
            continue
        found = _MODEL.get(name) or _block_name(name, parts)
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
    return f"model.layers.{match[1]}.{part}.{match[3]}" if match and part else None
