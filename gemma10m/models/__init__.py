"""Every architecture that can be read, by its model_type, has one object in `ARCHITECTURES`."""

from __future__ import annotations

from gemma10m.config import ModelConfig
from gemma10m.models import gemma, gemma2, gemma3, gemma3n, gemma4, llama, megalodon, qwen2, qwen3
from gemma10m.models.architecture import Architecture

_ALL: tuple[Architecture, ...] = (
    gemma.ARCHITECTURE,
    gemma2.ARCHITECTURE,
    gemma3.ARCHITECTURE,
    gemma3n.ARCHITECTURE,
    gemma4.ARCHITECTURE,
    llama.ARCHITECTURE,
    megalodon.ARCHITECTURE,
    qwen2.ARCHITECTURE,
    qwen3.ARCHITECTURE,
)
ARCHITECTURES: dict[str, Architecture] = {kind: one for one in _ALL for kind in one.model_types}


def architecture_of(config: ModelConfig) -> Architecture:
    """Return the architecture that a config says it is of."""
    return next(one for one in _ALL if one.name == config.architecture)
