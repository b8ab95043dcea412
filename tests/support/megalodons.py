"""Tiny random Megalodons whose sizes agree in nothing, as models and as folders in the released code's names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from gemma10m.models import ARCHITECTURES
from gemma10m.models.decoder import Decoder
from gemma10m.weights.config_file import parse_config
from gemma10m.weights.expected import loaded_dtype

CHUNK = 7
SIZES: dict[str, Any] = dict(
    model_type="megalodon",
    num_layers=2,
    model_dim=12,
    z_dim=8,
    value_dim=20,
    num_heads=2,
    ffn_hidden_dim=22,
    cema_ndim=3,
    chunk_size=CHUNK,
    norm_num_groups=3,
    norm_eps=1e-3,
    rope_base=50.0,
    vocab_size=61,
    swiglu=True,
    rescale_nffn=True,
    scale_emb=False,
    share_emb=False,
)
VARIANTS: dict[str, dict[str, Any]] = {
    "swiglu": {},
    "plain": dict(swiglu=False, rescale_nffn=False, scale_emb=True, share_emb=True),
    "one head": dict(num_heads=1, norm_num_groups=6, rescale_nffn=False),
}
UNTRAINED = (".prior_count", ".prior_mean", ".prior_logv", "rope.freqs")
VECTORS = (".omega", ".gamma", ".beta")


def megalodon_weights(said: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Return every tensor of a file, random where it is trained, in the released code's names."""
    config, architecture = parse_config(said).config, ARCHITECTURES["megalodon"]
    assert config.own_reading
    generator, weights = torch.Generator().manual_seed(seed), {}
    for name, tensor in Decoder(config, config.own_reading).state_dict().items():
        in_file = architecture.file_name(name)
        if not in_file.endswith(UNTRAINED):
            noise = torch.randn(tensor.shape, generator=generator)
            is_matrix = tensor.dim() == 2 and not in_file.endswith(VECTORS)
            tensor = noise * tensor.shape[-1] ** -0.5 if is_matrix else 0.5 * noise
        weights[in_file] = tensor.clone()
    return weights


def tiny_megalodon(variant: str = "swiglu", dtype: torch.dtype = torch.float64, **changes: Any) -> Decoder:
    """Return a model in `dtype`, without gradients; `changes` replace fields of its config.json."""
    said = SIZES | VARIANTS[variant] | changes
    config, architecture = parse_config(said).config, ARCHITECTURES["megalodon"]
    assert config.own_reading
    named = {architecture.own_name(name): weight for name, weight in megalodon_weights(said).items()}
    model = Decoder(config, config.own_reading)
    weights = {str(name): weight.to(_dtype(str(name), dtype)) for name, weight in named.items()}
    model.load_state_dict(weights, strict=True, assign=True)
    return model.requires_grad_(False).eval()


def _dtype(name: str, dtype: torch.dtype) -> torch.dtype:
    """Return what a tensor is loaded as; float64 is for tests alone, and for all that is not a count."""
    found = loaded_dtype(name, dtype)
    return dtype if dtype == torch.float64 and found != torch.int64 else found


def save_megalodon(folder: Path, weights: dict[str, Tensor] | None = None, **changes: Any) -> Path:
    """Write config.json and model.safetensors; `changes` replace fields of config.json. Returns the folder."""
    said = SIZES | changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")
    tensors = megalodon_weights(said) if weights is None else weights
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return folder
