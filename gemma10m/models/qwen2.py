"""Read Qwen 2 and Qwen 2.5 (arXiv 2412.15115): Llama with biases of queries, keys and values."""

from __future__ import annotations

from gemma10m.config import ModelConfig
from gemma10m.models.architecture import Architecture
from gemma10m.models.config_reader import ConfigReader
from gemma10m.models.llama import read_llama_like


def read(said: ConfigReader) -> ModelConfig:
    return read_llama_like(said, "qwen2", projection_bias=True)


ARCHITECTURE = Architecture(name="qwen2", model_types=("qwen2",), read=read, ties_head=False)
