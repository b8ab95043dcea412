"""Read config.json in the spellings of transformers 4 and 5, with our own keys for the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from gemma10m.config import MEMORY_KINDS, MemoryKind, ModelConfig
from gemma10m.errors import ConfigError, ModelError
from gemma10m.models import ARCHITECTURES
from gemma10m.models.architecture import Architecture
from gemma10m.models.config_reader import ConfigReader
from gemma10m.models.kv_sharing import with_sources
from gemma10m.strict_json import quote

_PUBLISHED = "compare config.json with the one the model was published with"
# ModelConfig's names in the words of the file, for what it finds by itself.
_KEYS = {
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_size": "head_dim",
    "layers": "num_hidden_layers",
    "feed_forward_size": "intermediate_size",
    "vocabulary": "vocab_size",
    "context": "max_position_embeddings",
    "norm_eps": "rms_norm_eps",
}


class StatedReading(TypedDict):
    """Hold what config.json says about reading, in tokens; None where it says nothing."""

    memory: MemoryKind | None
    segment: int | None
    carry: int | None
    sinks: int | None


@dataclass(frozen=True)
class ConfigFile:
    config: ModelConfig  # without what only the tensors tell: gates, state vectors, a head of its own
    reading: StatedReading
    tied: bool | None  # tie_word_embeddings; None where silent


def parse_config(said: Mapping[str, Any]) -> ConfigFile:
    """Return the model that a config.json describes.

    Raises ModelError for an architecture that is not read and ConfigError with every problem of its fields.
    """
    kind = said.get("model_type")
    architecture = ARCHITECTURES.get(kind) if isinstance(kind, str) else None
    if architecture is None:
        raise ModelError(
            f"config.json has the model_type {quote(kind)}, one of {', '.join(ARCHITECTURES)} expected",
            hint="choose a model of one of these architectures",
        )
    reader = ConfigReader(text_part(said, architecture))
    tied = architecture.tied(reader)
    reader.problems += _reading_problems(said)
    reading = StatedReading(
        memory=said.get("memory"), segment=_segment(said), carry=said.get("carry"), sinks=said.get("sinks")
    )
    config = _model_config(architecture, reader)
    ties = architecture.ties_head if tied is None else tied
    return ConfigFile(replace(config, tied_head=ties), reading, tied)


def text_part(said: Mapping[str, Any], architecture: Architecture) -> Mapping[str, Any]:
    """Return the fields of the text model, which files of models that see images keep in an object of their own."""
    kind = said["model_type"]
    expected = architecture.text_parts.get(kind)
    if expected is None:
        return said
    text = said.get("text_config")
    if not isinstance(text, dict) or text.get("model_type", expected) != expected:
        raise ModelError(
            f"config.json of a {kind} must have a text_config for {expected}, found {quote(text)}", _PUBLISHED
        )
    outer = {key: said[key] for key in ("tie_word_embeddings", "quantization_config") if key in said}
    return outer | {"model_type": expected} | text


def _model_config(architecture: Architecture, reader: ConfigReader) -> ModelConfig:
    try:
        config = with_sources(architecture.read(reader), reader)
    except ConfigError as error:
        if not reader.problems:
            words = _KEYS | dict(architecture.words)
            reader.problems += [_in_file_words(problem, words) for problem in error.problems]
    if reader.problems:
        raise ConfigError(reader.problems, hint=_PUBLISHED)
    return config


def _in_file_words(problem: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\b(" + "|".join(words) + r")\b", lambda found: words[found[1]], problem)


def _reading_problems(said: Mapping[str, Any]) -> Iterator[str]:
    if said.get("memory") not in (None, *MEMORY_KINDS):
        yield f"memory must be one of {', '.join(MEMORY_KINDS)}, found {quote(said['memory'])}"
    for key, least in (("segment_size", 1), ("segment", 1), ("carry", 0), ("sinks", 0)):
        value = said.get(key)
        if value is not None and not (type(value) is int and least <= value < 2**31):
            yield f"{key} must be a whole number of tokens, at least {least}, found {quote(value)}"
    if None not in (said.get("segment_size"), said.get("segment")) and said["segment_size"] != said["segment"]:
        yield f"segment_size is {quote(said['segment_size'])}, but segment {quote(said['segment'])}"


def _segment(said: Mapping[str, Any]) -> Any:
    return said["segment_size"] if said.get("segment_size") is not None else said.get("segment")
