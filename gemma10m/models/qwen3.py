"""Read Qwen 3 (arXiv 2505.09388): Llama with query and key norms, and heads of 128 for any hidden size."""

from __future__ import annotations

from gemma10m.config import ModelConfig
from gemma10m.models.architecture import Architecture
from gemma10m.models.config_reader import ConfigReader
from gemma10m.models.llama import read_llama_like


def read(said: ConfigReader) -> ModelConfig:
    return read_llama_like(said, "qwen3", query_key_norm=True, head_size=128)


ARCHITECTURE = Architecture(name="qwen3", model_types=("qwen3",), read=read, ties_head=False)
