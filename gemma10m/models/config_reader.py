"""Read the fields of a config.json one by one, and collect what is wrong with them in the words of the file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from gemma10m.config import Rope, is_positive_number
from gemma10m.strict_json import quote

GLOBAL, LOCAL = "full_attention", "sliding_attention"
MOST_LAYERS = 4096  # of a model whose layers differ: one specification is made for each

# Fields of other architectures that change what is computed, and the values that do not.
_NOTHING = (None, False, 0)
_ONE = (None, 1)
FOREIGN: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(
        (
            "num_experts", "num_local_experts", "n_routed_experts", "num_experts_per_tok", "enable_moe_block",
            "quantization_config", "clip_qkv", "no_rope_layers", "attention_chunk_size",
            "hidden_size_per_layer_input", "use_mrope", "attention_k_eq_v", "altup_num_inputs", "laurel_rank",
            "activation_sparsity_pattern", "kv_lora_rank", "mlp_bias", "use_bidirectional_attention",
        ),
        _NOTHING,
    ),
    **dict.fromkeys(
        (
            "partial_rotary_factor", "rotary_pct", "logit_scale", "logits_scaling", "embedding_multiplier",
            "residual_multiplier", "attention_multiplier",
        ),
        _ONE,
    ),
}  # fmt: skip


class ConfigReader:
    def __init__(self, said: Mapping[str, Any]) -> None:
        self.said = said
        self.problems: list[str] = []

    def has(self, key: str) -> bool:
        return self.said.get(key) is not None

    def count(self, key: str, default: int | None = None) -> int:
        """Read a positive whole number; report a problem if it is missing and has no default."""
        value = self.said.get(key)
        if value is None and default is not None:
            return default
        if key not in self.said:
            self.problems.append(f"{key} is missing")
        elif type(value) is not int or not 0 < value < 2**31:
            self.problems.append(f"{key} must be a positive integer, found {quote(value)}")
        else:
            return value
        return 2  # whatever is made of it is not used: the problem is raised

    def number(self, key: str, default: float) -> float:
        return default if not self.has(key) else self._positive(key, self.said[key])

    def optional_number(self, key: str) -> float | None:
        return None if not self.has(key) else self._positive(key, self.said[key])

    def _positive(self, key: str, value: object) -> float:
        if is_positive_number(value):
            return float(value)
        self.problems.append(f"{key} must be a positive number, found {quote(value)}")
        return 1.0

    def flag(self, key: str) -> bool | None:
        """Read true or false, or None if the field is absent."""
        value = self.said.get(key)
        if value is not None and type(value) is not bool:
            self.problems.append(f"{key} must be true or false, found {quote(value)}")
            return None
        return value

    def must_be(self, key: str, allowed: Iterable[object], expected: str) -> None:
        """Report a problem unless the field is absent or has one of the allowed values."""
        value = self.said.get(key)
        if not any(type(value) is type(one) and value == one for one in (None, *allowed)):
            self.problems.append(f"{key} must be {expected}, found {quote(value)}")

    def refuse_foreign(self, known: Iterable[str] = ()) -> None:
        """Refuse fields that change what is computed and that the architecture does not read."""
        for key, neutral in FOREIGN.items():
            value = self.said.get(key)
            is_empty = isinstance(value, list | dict) and not value
            if key not in known and not is_empty and value not in neutral:
                self.problems.append(f"{key} is {quote(value)}, which this program cannot compute")

    def can_list(self, layers: int) -> bool:
        """Tell if there are few enough layers to make a specification for each; report a problem if not."""
        if layers > MOST_LAYERS:
            self.problems.append(f"num_hidden_layers must be at most {MOST_LAYERS:,}, found {layers:,}")
        return layers <= MOST_LAYERS

    def layer_types(self, layers: int, default: Iterable[bool]) -> tuple[bool, ...]:
        """Say for each layer if it has a sliding window."""
        if not self.can_list(layers):
            return ()
        if not self.has("layer_types"):
            return tuple(default)
        found = self.said["layer_types"]
        if not isinstance(found, list) or len(found) != layers or not all(kind in (LOCAL, GLOBAL) for kind in found):
            self.problems.append(f"layer_types must be {GLOBAL} or {LOCAL} for {layers} layers, found {quote(found)}")
            return ()
        return tuple(kind == LOCAL for kind in found)

    # --- rotary embedding ---------------------------------------------------------------------------------------------

    def rope(self, head_size: int, theta: float, *, scalable: bool = True) -> Rope:
        """Read the fields of transformers 4 (rope_theta, rope_scaling) or of 5 (rope_parameters)."""
        stated = self._object("rope_parameters")
        old = self._scaling("rope_scaling", self._object("rope_scaling"), head_size, scalable)
        new = self._scaling("rope_parameters", stated, head_size, scalable)
        if old and new and old != new:
            self.problems.append("rope_scaling and rope_parameters differ")
        return Rope(self._theta(stated, theta), new or old)

    def ropes_by_layer(self, head_size: int, theta: float, local_theta: float) -> tuple[Rope, Rope]:
        """Return the rotary embedding of layers that see everything, and of those with a sliding window (Gemma 3)."""
        stated = self._object("rope_parameters")
        if stated is not None and set(stated) == {GLOBAL, LOCAL}:
            whole, local = (ConfigReader({"rope_parameters": stated[kind]}) for kind in (GLOBAL, LOCAL))
            found = whole.rope(head_size, theta), local.rope(head_size, local_theta)
            self.problems += whole.problems + local.problems
            old = self._scaling("rope_scaling", self._object("rope_scaling"), head_size, True)
            if old and old != found[0].factors:
                self.problems.append("rope_scaling and rope_parameters differ")
            for key in ("rope_theta", "rope_local_base_freq"):
                self.optional_number(key)
            return found
        return self.rope(head_size, theta), Rope(self.number("rope_local_base_freq", local_theta))

    def _theta(self, stated: Mapping[str, Any] | None, default: float) -> float:
        inner = ConfigReader(stated or {})
        new, old = inner.optional_number("rope_theta"), self.optional_number("rope_theta")
        self.problems += inner.problems
        if new is not None and old is not None and new != old:
            self.problems.append(f"rope_theta is {quote(old)}, but {quote(new)} in rope_parameters")
        return new or old or default

    def _object(self, key: str) -> Mapping[str, Any] | None:
        value = self.said.get(key)
        if value is None or isinstance(value, dict):
            return value
        self.problems.append(f"{key} must be an object or null, found {quote(value)}")
        return None

    def _scaling(self, key: str, stated: Mapping[str, Any] | None, head_size: int, scalable: bool) -> tuple[float, ...]:
        """Return the divisor of each frequency, or () for no scaling."""
        if stated is None:
            return ()
        kinds = {stated[name] for name in ("type", "rope_type") if isinstance(stated.get(name), str)}
        odd = any(stated.get(name) is not None and not isinstance(stated[name], str) for name in ("type", "rope_type"))
        kind = next(iter(kinds)) if len(kinds) == 1 else None if kinds or odd else "default"
        read = _SCALINGS.get(kind or "") if scalable or kind == "default" else None
        fields = {name: value for name, value in stated.items() if name not in ("type", "rope_type", "rope_theta")}
        factors = read(fields, head_size, self._theta_in(stated)) if read else None
        if factors is None:
            kinds_read = ", ".join(_SCALINGS) if scalable else "default"
            self.problems.append(f"{key} must be null or of a type that is read ({kinds_read}), found {quote(stated)}")
        return factors or ()

    def _theta_in(self, stated: Mapping[str, Any]) -> float:
        values = (stated.get("rope_theta"), self.said.get("rope_theta"), 10_000.0)
        return next(float(value) for value in values if is_positive_number(value))


def _no_scaling(fields: Mapping[str, Any], head_size: int, theta: float) -> tuple[float, ...] | None:
    return () if not fields else None


def _linear(fields: Mapping[str, Any], head_size: int, theta: float) -> tuple[float, ...] | None:
    """Divide positions by a factor (arXiv 2306.15595)."""
    if fields.keys() != {"factor"} or not is_positive_number(fields["factor"]):
        return None
    return (float(fields["factor"]),)


def _llama3(fields: Mapping[str, Any], head_size: int, theta: float) -> tuple[float, ...] | None:
    """Divide long wavelengths by the factor, keep short ones, and blend in between (Llama 3.1)."""
    names = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    if fields.keys() != set(names) or not all(is_positive_number(fields[name]) for name in names):
        return None
    factor, low, high, context = (float(fields[name]) for name in names)
    if low >= high or head_size > 2**16:
        return None
    turns = [context * theta ** (-2 * pair / head_size) / (2 * math.pi) for pair in range(head_size // 2)]
    shares = [min(1.0, max(0.0, (turn - low) / (high - low))) for turn in turns]
    return tuple(1.0 / ((1.0 - share) / factor + share) for share in shares)


def _stated_factors(fields: Mapping[str, Any], head_size: int, theta: float) -> tuple[float, ...] | None:
    """Return every frequency's factor, as GGUF files hold Llama 3.1's."""
    factors = fields.get("factors")
    if fields.keys() != {"factors"} or not isinstance(factors, list) or not all(map(is_positive_number, factors)):
        return None
    return tuple(float(factor) for factor in factors)


_SCALINGS = {"default": _no_scaling, "linear": _linear, "llama3": _llama3, "llama3_factors": _stated_factors}
