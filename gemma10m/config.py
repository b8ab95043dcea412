"""Frozen configurations. Every bound is checked when one is made; all problems come in one error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, get_args

from gemma10m.errors import ConfigError

MemoryKind = Literal["linear", "delta", "gated", "state-vector", "window", "full"]
MEMORY_KINDS: tuple[str, ...] = get_args(MemoryKind)
DTYPES = ("float32", "bfloat16")

DEFAULT_SEGMENT = 2048
DEFAULT_SINKS = 4


def _is_integer(value: object) -> bool:
    return type(value) is int  # bool is an int in Python; a config must not say true where a count is due


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a Gemma 1 checkpoint (letters of the design: D, L, H, K, E, F, V)."""

    hidden_size: int  # D
    layers: int  # L
    heads: int  # H
    kv_heads: int  # K
    head_size: int  # E
    feed_forward_size: int  # F
    vocabulary: int  # V
    context: int = 8192  # tokens the checkpoint was trained on at a time
    rope_theta: float = 10000.0
    norm_eps: float = 1e-6
    has_gates: bool = False  # self_attn.gate, [1, H, 1, 1] per layer
    has_write_gates: bool = False  # self_attn.write_gate.{weight, bias}
    has_state_vectors: bool = False  # self_attn.state_vector.{first, up.weight, down.weight, down.bias}
    tied_head: bool = True

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems, hint="compare config.json with the one the model was published with")

    def _problems(self) -> Iterator[str]:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and not (_is_integer(value) and 0 < value < 2**31):
                yield f"{field.name} must be a positive integer, found {value!r}"
            elif field.type == "float" and not (isinstance(value, int | float) and 0 < value < float("inf")):
                yield f"{field.name} must be a positive number, found {value!r}"
        if not all(_is_integer(n) and n > 0 for n in (self.heads, self.kv_heads, self.head_size)):
            return
        if self.heads % self.kv_heads:
            yield f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})"
        if self.head_size % 2:
            yield f"head_size ({self.head_size}) must be even: rotary embedding turns pairs"

    @property
    def query_size(self) -> int:
        return self.heads * self.head_size

    @property
    def kv_size(self) -> int:
        return self.kv_heads * self.head_size

    @property
    def flops_per_token(self) -> int:
        """Matrix-product FLOPs a token costs without the head (2 per weight)."""
        attention = self.hidden_size * (2 * self.query_size + 2 * self.kv_size)
        return 2 * self.layers * (attention + 3 * self.hidden_size * self.feed_forward_size)


@dataclass(frozen=True)
class ReadingConfig:
    """How a model reads: part of the model, never a tuning knob. Lengths in tokens."""

    memory: MemoryKind = "window"
    segment: int = DEFAULT_SEGMENT  # N
    carry: int = 0  # C
    sinks: int = 0

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems, hint="see the notation table in docs/architecture.md")

    def _problems(self) -> Iterator[str]:
        if self.memory not in MEMORY_KINDS:
            yield f"memory must be one of {', '.join(MEMORY_KINDS)}, found {self.memory!r}"
        lengths = (("segment", 1), ("carry", 0), ("sinks", 0))
        wrong = [name for name, least in lengths if not self._is_length(name, least)]
        for name in wrong:
            yield f"{name} must be a whole number of tokens, found {getattr(self, name)!r}"
        if wrong:
            return
        if self.carry % self.segment:
            yield f"carry ({self.carry}) must be 0 or a multiple of the segment ({self.segment})"
        if self.sinks > self.segment:
            yield f"sinks ({self.sinks}) must fit in one segment ({self.segment})"

    def _is_length(self, name: str, least: int) -> bool:
        value = getattr(self, name)
        return _is_integer(value) and least <= value < 2**31
