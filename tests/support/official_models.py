"""Build transformers' official models at tiny random sizes and save them as checkpoint folders.

Every size is chosen so that a wrong detail shows: heads times head size is not the hidden size, query heads are
grouped, documents are several sliding windows long, scale, soft caps, epsilon and rotary bases are not the defaults,
norms and biases are not at their first values. test_models_official.py measures that each of them shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode
from transformers import (
    CONFIG_MAPPING,
    AutoModelForImageTextToText,
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3Config,
    Gemma3ForCausalLM,
    Gemma3ForConditionalGeneration,
    Gemma3nForCausalLM,
    Gemma3nTextConfig,
    Gemma3TextConfig,
    Gemma4ForCausalLM,
    Gemma4TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from gemma10m.config import ModelConfig

VOCABULARY = 61
TOKENS = 70  # more than five of the longest sliding windows
WEIGHTS = "model.safetensors"


def official_gemma(config: ModelConfig, attention: str) -> GemmaForCausalLM:
    """Return transformers' Gemma 1 of our model's shape, with random weights."""
    return GemmaForCausalLM(
        GemmaConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.hidden_size,
            intermediate_size=config.feed_forward_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            head_dim=config.head_size,
            hidden_act="gelu_pytorch_tanh",
            rms_norm_eps=config.norm_eps,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            attn_implementation=attention,
        )
    )


@dataclass(frozen=True)
class Official:
    config_class: Callable[..., PreTrainedConfig]
    model_class: Callable[[PreTrainedConfig], PreTrainedModel]
    sizes: dict[str, Any]

    def config(self, **changes: Any) -> PreTrainedConfig:
        common = dict(vocab_size=VOCABULARY, intermediate_size=40, rms_norm_eps=1e-3, max_position_embeddings=512)
        tokens = dict(bos_token_id=2, eos_token_id=1, pad_token_id=0)
        config = self.config_class(**(common | tokens | self.sizes | changes))
        config._attn_implementation = "eager"
        return config


def _heads(hidden: int, heads: int, kv_heads: int, head_size: int | None) -> dict[str, Any]:
    sizes = dict(hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv_heads)
    return sizes if head_size is None else sizes | dict(head_dim=head_size)


def _rope(theta: float, kind: str = "default", **scaling: Any) -> dict[str, Any]:
    return dict(rope_theta=theta, rope_type=kind) | scaling


# Wavelengths of 6, 18 and 50 tokens and more: the first is kept, the second blended, the others are divided.
LLAMA3_ROPE = _rope(
    500.0, "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32
)
_LOCAL, _GLOBAL = "sliding_attention", "full_attention"
GEMMA2 = _heads(24, 4, 2, 10) | dict(
    num_hidden_layers=4,
    sliding_window=8,
    layer_types=[_LOCAL, _GLOBAL] * 2,
    query_pre_attn_scalar=24,
    attn_logit_softcapping=3.0,
    final_logit_softcapping=1.5,
    rope_parameters=_rope(500.0),
)
GEMMA3 = _heads(24, 4, 2, 10) | dict(
    num_hidden_layers=7,
    sliding_window=12,
    layer_types=[_LOCAL, _LOCAL, _GLOBAL, _LOCAL, _LOCAL, _GLOBAL, _LOCAL],
    sliding_window_pattern=3,
    query_pre_attn_scalar=24,
    rope_parameters={_GLOBAL: _rope(20000.0, "linear", factor=8.0), _LOCAL: _rope(300.0)},
)
GEMMA4 = _heads(24, 4, 2, 10) | dict(
    num_hidden_layers=6,
    sliding_window=12,
    layer_types=[_LOCAL, _LOCAL, _GLOBAL] * 2,
    global_head_dim=16,
    final_logit_softcapping=1.5,
    hidden_size_per_layer_input=0,
    rope_parameters={
        _GLOBAL: _rope(20000.0, "proportional", partial_rotary_factor=0.25),
        _LOCAL: _rope(300.0),
    },
)
GEMMA3N = _heads(24, 4, 2, 6) | dict(
    num_hidden_layers=6,
    sliding_window=12,
    layer_types=[_LOCAL, _LOCAL, _GLOBAL] * 2,
    num_kv_shared_layers=3,
    final_logit_softcapping=1.5,
    intermediate_size=[40, 40, 40, 36, 36, 40],
    vocab_size_per_layer_input=VOCABULARY - 4,
    hidden_size_per_layer_input=6,
    altup_num_inputs=3,
    laurel_rank=5,
    activation_sparsity_pattern=[0.6, 0.6, 0.0, 0.8, 0.0, 0.0],
    rope_parameters={_GLOBAL: _rope(20000.0), _LOCAL: _rope(300.0)},
)
# As E2B: the last layers attend to what earlier ones keep, have twice as wide feed-forwards, and all an own embedding.
GEMMA4_SHARING = GEMMA4 | dict(
    num_kv_shared_layers=3,
    use_double_wide_mlp=True,
    hidden_size_per_layer_input=6,
    vocab_size_per_layer_input=VOCABULARY,
)
# As 31B: keys are values, and layers that see everything have fewer heads for them.
GEMMA4_ONE_PROJECTION = GEMMA4 | dict(attention_k_eq_v=True, num_global_key_value_heads=1)
OFFICIAL = {
    "gemma": Official(
        GemmaConfig, GemmaForCausalLM, _heads(24, 4, 1, 10) | dict(num_hidden_layers=3, rope_parameters=_rope(1000.0))
    ),
    "gemma2": Official(Gemma2Config, Gemma2ForCausalLM, GEMMA2),
    "gemma3_text": Official(Gemma3TextConfig, Gemma3ForCausalLM, GEMMA3),
    "gemma3n_text": Official(Gemma3nTextConfig, Gemma3nForCausalLM, GEMMA3N),
    "gemma4_text": Official(Gemma4TextConfig, Gemma4ForCausalLM, GEMMA4),
    "gemma4_text, sharing": Official(Gemma4TextConfig, Gemma4ForCausalLM, GEMMA4_SHARING),
    "gemma4_text, keys as values": Official(Gemma4TextConfig, Gemma4ForCausalLM, GEMMA4_ONE_PROJECTION),
    "llama": Official(
        LlamaConfig, LlamaForCausalLM, _heads(24, 4, 2, 12) | dict(num_hidden_layers=3, rope_parameters=LLAMA3_ROPE)
    ),
    "llama, linear scaling": Official(
        LlamaConfig,
        LlamaForCausalLM,
        _heads(24, 4, 4, 6) | dict(num_hidden_layers=3, rope_parameters=_rope(1000.0, "linear", factor=4.0)),
    ),
    "qwen2": Official(
        Qwen2Config,
        Qwen2ForCausalLM,
        _heads(24, 4, 2, None) | dict(num_hidden_layers=3, rope_parameters=_rope(5000.0)),
    ),
    "qwen3": Official(
        Qwen3Config, Qwen3ForCausalLM, _heads(24, 4, 2, 10) | dict(num_hidden_layers=3, rope_parameters=_rope(5000.0))
    ),
    "smollm2": Official(
        LlamaConfig,
        LlamaForCausalLM,
        _heads(36, 9, 3, 4) | dict(num_hidden_layers=3, rope_parameters=_rope(800.0), tie_word_embeddings=True),
    ),
}


UNSCALED = ("gemma3n_text", "gemma4_text")  # scores are products of norms, and divided by nothing


def official_model(name: str, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """Return the model in float32 with eager attention; `changes` replace fields of its configuration."""
    official = OFFICIAL[name]
    return _with_random_weights(official.model_class(official.config(**changes)), seed)


def multimodal_model(seed: int = 0) -> PreTrainedModel:
    """Return Gemma 3 with a vision tower beside the text model."""
    vision = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28)
    text = OFFICIAL["gemma3_text"].config().to_dict()
    config = Gemma3Config(
        text_config=text, vision_config=vision | dict(patch_size=14), mm_tokens_per_image=4, image_token_id=VOCABULARY
    )
    config._attn_implementation = "eager"
    return _with_random_weights(Gemma3ForConditionalGeneration(config), seed)


# What Gemma 4 sees and hears with, of each kind: a tower of one layer, and an embedding.
SEES = {
    "gemma4": _heads(16, 2, 2, 8)
    | dict(intermediate_size=16, num_hidden_layers=1, patch_size=4, position_embedding_size=16),
    "gemma4_unified": dict(patch_size=4, mm_embed_dim=16, mm_posemb_size=8, output_proj_dims=24),
}
HEARS = {
    "gemma4": dict(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        subsampling_conv_channels=(4, 4),
        output_proj_dims=16,
    ),
    "gemma4_unified": {},
}


def gemma4_with_pictures(kind: str, seed: int = 0) -> PreTrainedModel:
    """Return Gemma 4 with what it sees and hears with beside the text model; kind: "gemma4" or "gemma4_unified"."""
    name = "gemma4_text, sharing" if kind == "gemma4" else "gemma4_text, keys as values"
    text = OFFICIAL[name].config().to_dict() | {"model_type": f"{kind}_text"}
    config = CONFIG_MAPPING[kind](text_config=text, vision_config=SEES[kind], audio_config=HEARS[kind])
    config._attn_implementation = "eager"
    return _with_random_weights(AutoModelForImageTextToText.from_config(config), seed)


@torch.no_grad()
def _with_random_weights(model: PreTrainedModel, seed: int) -> PreTrainedModel:
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if "norm" in name:
            weight.add_(0.3 * noise)  # around 0 or 1, whichever the architecture starts from
            if name.endswith("q_norm.weight") and model.config.model_type in UNSCALED:
                weight.mul_(0.5)
        elif name.endswith("bias"):
            weight.copy_(0.5 * noise)
        else:
            # Queries and keys are enlarged so that attention is far from even and the soft caps bite.
            gain = 2.5 if name.endswith(("q_proj.weight", "k_proj.weight")) else 1.0
            weight.copy_(gain * noise / weight.shape[-1] ** 0.5)
    for name, number in model.named_buffers():
        if name.endswith("layer_scalar"):
            number.copy_(1 + 0.3 * torch.randn(number.shape, generator=generator))
    return model.eval()


def save(model: PreTrainedModel, folder: Path, **changes: Any) -> Path:
    """Write config.json and model.safetensors; `changes` replace fields of config.json. Returns the folder."""
    model.save_pretrained(folder)
    rewrite_config(folder, lambda said: said | changes)
    return folder


def rewrite_config(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")


def rewrite_tensors(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / WEIGHTS).items()}
    save_file(change(tensors), folder / WEIGHTS, metadata={"format": "pt"})


def old_spelling(said: dict[str, Any]) -> dict[str, Any]:
    """Return a config.json in the words of transformers 4, which nearly every published file is written in."""
    said = dict(said)
    said["torch_dtype"] = said.pop("dtype")
    if said["model_type"] == "gemma4_text":
        return _as_gemma4_was_published(said)
    rope = said.pop("rope_parameters")
    if _GLOBAL in rope:
        said["rope_local_base_freq"] = rope[_LOCAL]["rope_theta"]
        rope = rope[_GLOBAL]
    said["rope_theta"] = rope["rope_theta"]
    scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
    said["rope_scaling"] = None if scaling["rope_type"] == "default" else scaling
    if said["model_type"] != "gemma3n_text":
        said.pop("layer_types", None)
    if said["model_type"] == "gemma3_text":
        said["sliding_window_pattern"] = said.pop("_sliding_window_pattern")
    if said["model_type"] == "gemma":
        said |= dict(hidden_act="gelu", hidden_activation=None)
    elif said["model_type"].startswith("gemma"):
        said |= dict(hidden_act="gelu_pytorch_tanh", cache_implementation="hybrid")
    if said["model_type"].startswith("gemma"):
        del said["tie_word_embeddings"]  # transformers 4 did not write what is the architecture's default
    elif said.get("head_dim") == said["hidden_size"] // said["num_attention_heads"]:
        del said["head_dim"]
    return said


def _as_gemma4_was_published(said: dict[str, Any]) -> dict[str, Any]:
    whole = next(iter(said.pop("per_layer_config").values()))
    heads = whole.get("num_key_value_heads")
    return said | dict(global_head_dim=whole["head_dim"], num_global_key_value_heads=heads)


# --- float64 ----------------------------------------------------------------------------------------------------------


class Float64(TorchFunctionMode):
    """Inside this mode, what is written to be computed in float32 (norms, angles, softmax) is computed in float64."""

    def __enter__(self) -> Any:
        self.default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)  # of tensors that are made of Python's numbers
        return super().__enter__()

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        torch.set_default_dtype(self.default)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.float:
            func = Tensor.double
        named = {name: _widened(value) for name, value in (kwargs or {}).items()}
        return func(*map(_widened, args), **named)


def _widened(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


def in_float64(model: PreTrainedModel) -> PreTrainedModel:
    """Return the same weights in a model whose angles were made in float64; run it inside `Float64()`."""
    with Float64():
        wide = type(model)(model.config).double()
    wide.load_state_dict(model.state_dict(), strict=True)
    return wide.eval()


@torch.no_grad()
def official_logits(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Return (B, S, V): what follows each token."""
    logits: Tensor = model(input_ids=ids, use_cache=False).logits
    return logits


def true_logits(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Return the official implementation's (B, S, V), computed in float64 from beginning to end."""
    wide = in_float64(model)
    with Float64():
        return official_logits(wide, ids)


def random_ids(batch: int = 2, tokens: int = TOKENS, seed: int = 0) -> Tensor:
    """Return (B, S) int64."""
    return torch.randint(VOCABULARY, (batch, tokens), generator=torch.Generator().manual_seed(seed))
