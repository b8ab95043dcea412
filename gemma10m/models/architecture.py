"""An architecture says how its config.json is read and what its files call the tensors of the text model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from gemma10m.config import ModelConfig
from gemma10m.models.config_reader import ConfigReader


def _tied(said: ConfigReader) -> bool | None:
    return said.flag("tie_word_embeddings")


@dataclass(frozen=True)
class Architecture:
    name: str  # ModelConfig.architecture
    model_types: tuple[str, ...]  # of config.json
    read: Callable[[ConfigReader], ModelConfig]
    ties_head: bool = True  # where config.json is silent
    prefixes: tuple[tuple[str, str], ...] = ()  # how files that hold more than text begin names, and what we call that
    other_parts: tuple[str, ...] = ()  # how the names of what is not text begin
    text_parts: Mapping[str, str] = field(default_factory=dict)  # model types of files with more than text, of its text
    tied: Callable[[ConfigReader], bool | None] = _tied  # if the head is the embedding; None where the file is silent
    write: Callable[[ModelConfig], dict[str, Any]] | None = None  # config.json of a model trained here; None: Gemma's
    always_prefixed: bool = False  # files have all names as `prefixes` say, and none as we do
    words: Mapping[str, str] = field(default_factory=dict)  # ModelConfig's names in the words of config.json
    unused_when_sharing: tuple[str, ...] = ()  # what files may hold in layers without keys and values of their own

    def own_name(self, name: str) -> str | None:
        """Return our name of a file's tensor, or None for one outside the text model."""
        if name.startswith(self.other_parts):
            return None
        for theirs, ours in self.prefixes:
            if name.startswith(theirs):
                return ours + name.removeprefix(theirs)
        return name

    def file_name(self, name: str) -> str:
        """Return the name that files have for one of our tensors."""
        for theirs, ours in self.prefixes if self.always_prefixed else ():
            if name.startswith(ours):
                return theirs + name.removeprefix(ours)
        return name


class Shape(TypedDict):
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward_size: int
    vocabulary: int
    context: int
    norm_eps: float


def read_shape(said: ConfigReader, **defaults: Any) -> Shape:
    """Read the sizes that every architecture states; `defaults` by their names in config.json."""
    hidden = said.count("hidden_size", defaults.get("hidden_size"))
    heads = said.count("num_attention_heads", defaults.get("num_attention_heads"))
    return Shape(
        hidden_size=hidden,
        layers=said.count("num_hidden_layers", defaults.get("num_hidden_layers")),
        heads=heads,
        kv_heads=said.count("num_key_value_heads", defaults.get("num_key_value_heads")),
        head_size=said.count("head_dim", defaults.get("head_dim")),
        feed_forward_size=said.count("intermediate_size", defaults.get("intermediate_size")),
        vocabulary=said.count("vocab_size", defaults.get("vocab_size")),
        context=said.count("max_position_embeddings", defaults.get("max_position_embeddings", 8192)),
        norm_eps=said.number("rms_norm_eps", defaults.get("rms_norm_eps", 1e-6)),
    )
