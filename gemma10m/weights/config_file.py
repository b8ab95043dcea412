"""config.json of a Gemma 1 checkpoint, in the spellings of transformers 4 and 5, with our own keys for the memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from gemma10m.config import MEMORY_KINDS, MemoryKind, ModelConfig
from gemma10m.errors import ConfigError, ModelError
from gemma10m.strict_json import quote
from gemma10m.weights.files import read_json_object

# The head size is never derived from the others: Gemma 7B's heads are wider than hidden_size / heads.
_REQUIRED = {
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_size": "head_dim",
    "feed_forward_size": "intermediate_size",
    "vocabulary": "vocab_size",
}
_OPTIONAL = {"context": "max_position_embeddings", "rope_theta": "rope_theta", "norm_eps": "rms_norm_eps"}
_KEYS = _REQUIRED | _OPTIONAL

# Published files say "gelu", yet every Gemma was trained with the tanh approximation.
_ACTIVATIONS = ("gelu", "gelu_pytorch_tanh", None)


class StatedReading(TypedDict):
    """What config.json says about reading; None where it is silent. Lengths in tokens."""

    memory: MemoryKind | None
    segment: int | None
    carry: int | None
    sinks: int | None


@dataclass(frozen=True)
class ConfigFile:
    config: ModelConfig  # without what only the tensors tell: gates, state vectors, a head of its own
    reading: StatedReading
    tied: bool | None  # tie_word_embeddings; None where silent


def read_config(folder: Path) -> ConfigFile:
    """Raises ModelError for another architecture and ConfigError with every problem of the numbers."""
    said: dict[str, Any] = read_json_object(folder, "config.json")
    if said.get("model_type") != "gemma":
        raise ModelError(
            f"{folder / 'config.json'} has the model_type {quote(said.get('model_type'))}, 'gemma' expected",
            hint="only Gemma 1 shapes (2b, 7b) are read today",
        )
    problems = [*_architecture_problems(said), *_rope_problems(said), *_reading_problems(said)]
    config = _model_config(said, problems)
    reading = StatedReading(
        memory=said.get("memory"), segment=_segment(said), carry=said.get("carry"), sinks=said.get("sinks")
    )
    return ConfigFile(config, reading, said.get("tie_word_embeddings"))


def _model_config(said: dict[str, Any], problems: list[str]) -> ModelConfig:
    """The shape; ModelConfig's own problems join `problems`, in the words of the file."""
    missing = [key for key in _REQUIRED.values() if key not in said]
    problems = [f"{key} is missing" for key in missing] + problems
    values = {field: said.get(key) for field, key in _REQUIRED.items()}
    values |= {field: said[key] for field, key in _OPTIONAL.items() if said.get(key) is not None}
    if (theta := _rope(said).get("rope_theta")) is not None:
        values["rope_theta"] = theta
    try:
        config = ModelConfig(**{field: _plain(field, value) for field, value in values.items()})
    except ConfigError as error:
        translated = [_in_file_words(problem) for problem in error.problems]
        problems += [problem for problem in translated if problem.split(" ")[0] not in missing]
    if problems:
        raise ConfigError(problems, hint="compare config.json with the one the model was published with")
    return config


def _plain(field: str, value: Any) -> Any:
    """Numbers as the field declares them (10000 and 10000.0 are one theta); quotes whatever is no number."""
    if type(value) is int:
        return float(value) if field in ("rope_theta", "norm_eps") else value
    return value if type(value) is float else quote(value)


def _in_file_words(problem: str) -> str:
    field, _, rest = problem.partition(" ")
    return f"{_KEYS[field]} {rest}"


def _architecture_problems(said: dict[str, Any]) -> Iterator[str]:
    for key in ("hidden_act", "hidden_activation"):
        if said.get(key) not in _ACTIVATIONS:
            yield f"{key} must be gelu or gelu_pytorch_tanh, found {quote(said[key])}"
    for key in ("attention_bias", "use_bidirectional_attention"):
        if said.get(key) not in (None, False):
            yield f"{key} must be false, found {quote(said[key])}"
    if type(said.get("tie_word_embeddings")) not in (bool, type(None)):
        yield f"tie_word_embeddings must be true or false, found {quote(said['tie_word_embeddings'])}"


def _rope(said: dict[str, Any]) -> dict[str, Any]:
    parameters = said.get("rope_parameters")
    return parameters if isinstance(parameters, dict) else {}


def _rope_problems(said: dict[str, Any]) -> Iterator[str]:
    """Only plain rotary embedding is read: both spellings may say so, neither may say anything else."""
    for key, known in (("rope_scaling", {"type", "rope_type"}), ("rope_parameters", {"rope_type", "rope_theta"})):
        value = said.get(key)
        if value is None:
            continue
        if not isinstance(value, dict) or not value.keys() <= known or not _is_default_rope(value):
            yield f"{key} must be null or of type default, found {quote(value)}"
    new, old = _rope(said).get("rope_theta"), said.get("rope_theta")
    if new is not None and old is not None and new != old:
        yield f"rope_theta is {quote(old)}, but {quote(new)} in rope_parameters"


def _is_default_rope(value: dict[str, Any]) -> bool:
    return all(value.get(name) in (None, "default") for name in ("type", "rope_type"))


def _reading_problems(said: dict[str, Any]) -> Iterator[str]:
    if said.get("memory") not in (None, *MEMORY_KINDS):
        yield f"memory must be one of {', '.join(MEMORY_KINDS)}, found {quote(said['memory'])}"
    for key, least in (("segment_size", 1), ("segment", 1), ("carry", 0), ("sinks", 0)):
        value = said.get(key)
        if value is not None and not (type(value) is int and least <= value < 2**31):
            yield f"{key} must be a whole number of tokens, at least {least}, found {quote(value)}"
    if None not in (said.get("segment_size"), said.get("segment")) and said["segment_size"] != said["segment"]:
        yield f"segment_size is {quote(said['segment_size'])}, but segment {quote(said['segment'])}"


def _segment(said: dict[str, Any]) -> Any:
    return said["segment_size"] if said.get("segment_size") is not None else said.get("segment")
