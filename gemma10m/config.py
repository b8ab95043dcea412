"""Configurations are frozen. Every bound is checked when one is made; all problems come in one error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeGuard, get_args

from gemma10m.errors import ConfigError

OWN: Literal["own"] = "own"  # memory of an architecture whose state is its own: nothing else can be asked of it
MemoryKind = Literal["linear", "delta", "gated", "added", "state-vector", "window", "heavy", "full", "own"]
MEMORY_KINDS: tuple[str, ...] = tuple(kind for kind in get_args(MemoryKind) if kind != OWN)  # what a user may ask for
WITHOUT_SEGMENTS = ("full",)  # the document is one segment, which never closes
KeyValueFormat = Literal["float", "int8", "int4"]
KV_FORMATS: tuple[str, ...] = get_args(KeyValueFormat)
KV_GROUP = 64  # tokens whose quantised keys have one scale for each channel
Activation = Literal["gelu_tanh", "silu"]
DTYPES = ("float32", "bfloat16")
QUANTISED = ("int8", "int4")  # weights alone: what they are multiplied with is bfloat16
FORMATS = (*DTYPES, *QUANTISED)

DEFAULT_SEGMENT = 2048
MOST_ADDED_RANK = 1024
DEFAULT_SINKS = 4


def computed_in(number_format: str) -> str:
    """Return the dtype of activations, keys and values of a model whose weights have this format."""
    return "bfloat16" if number_format in QUANTISED else number_format


def _is_integer(value: object) -> bool:
    return type(value) is int  # bool is an int in Python; a config must not say true where a count is due


def _is_size(value: object) -> bool:
    return type(value) is int and 0 < value < 2**31


def is_positive_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


@dataclass(frozen=True)
class Rope:
    """Describe a rotary embedding (arXiv 2104.09864): frequency i of E/2 is theta**(-2i/E) over its factor."""

    theta: float = 10000.0
    factors: tuple[float, ...] = ()  # one for every frequency, or a single one for all; () leaves them as they are
    turned: int | None = None  # pairs that are rotated, the first ones; None: all (Gemma 4 leaves three quarters)


@dataclass(frozen=True)
class AttentionSpec:
    """Describe one layer's attention. Layers of one model may differ in all of it."""

    heads: int  # H
    kv_heads: int  # K
    head_size: int  # E
    rope: Rope = Rope()
    window: int | None = None  # keys that a token sees, itself included; None for a layer that sees everything
    scale: float | None = None  # what scores are multiplied with; None for 1 / sqrt(E)
    score_cap: float | None = None  # c tanh(score / c) before the mask (Gemma 2)
    query_key_norm: bool = False  # RMS norm of each head's queries and keys: Gemma 3 and Qwen 3
    projection_bias: bool = False  # of queries, keys and values (Qwen 2.5)
    value_norm: bool = False  # RMS norm of each head's values, without weights (Gemma 3n and 4)
    key_is_value: bool = False  # values are the keys' projection, before their norm (Gemma 4)
    source: int | None = None  # the layer whose keys and values are attended to (Cross-Layer Attention); None: its own

    @property
    def query_size(self) -> int:
        return self.heads * self.head_size

    @property
    def kv_size(self) -> int:
        return self.kv_heads * self.head_size

    @property
    def score_scale(self) -> float:
        return self.head_size**-0.5 if self.scale is None else self.scale

    def problems(self) -> Iterator[str]:
        sizes = ("heads", "kv_heads", "head_size", "window")
        for name in sizes:
            value = getattr(self, name)
            if not (_is_integer(value) and 0 < value < 2**31) and not (name == "window" and value is None):
                yield f"{name} must be a positive integer, found {value!r}"
        numbers = {"rope_theta": self.rope.theta, "scale": self.scale, "score_cap": self.score_cap}
        numbers |= {f"rope factor {i}": factor for i, factor in enumerate(self.rope.factors)}
        for name, number in numbers.items():
            if number is not None and not is_positive_number(number):
                yield f"{name} must be a positive number, found {number!r}"
        if not all(_is_integer(n) and n > 0 for n in (self.heads, self.kv_heads, self.head_size)):
            return
        if self.heads % self.kv_heads:
            yield f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})"
        if self.head_size % 2:
            yield f"head_size ({self.head_size}) must be even: rotary embedding turns pairs"
        elif len(self.rope.factors) not in (0, 1, self.head_size // 2):
            yield f"rope factors must be 1 or {self.head_size // 2}, found {len(self.rope.factors)}"
        elif self.rope.turned is not None and not 0 <= self.rope.turned <= self.head_size // 2:
            yield f"rotated pairs must be 0 to {self.head_size // 2}, found {self.rope.turned!r}"


@dataclass(frozen=True)
class MegalodonSpec:
    """Describe what Megalodon's layers have beside heads and sizes (arXiv 2404.08801), in its released code's words."""

    z_dim: int  # H * E: queries and keys of all heads
    value_dim: int  # H * I
    cema_ndim: int = 16  # J
    chunk_size: int = 2048  # tokens that attend to each other
    norm_num_groups: int = 32  # Y
    swiglu: bool = False  # silu(fc1 x) * fc3 x in the feed-forward; else silu(fc1 x)
    rescale_nffn: bool = False  # what a feed-forward adds is multiplied with learned numbers

    def problems(self, model: ModelConfig) -> Iterator[str]:
        sizes = ("z_dim", "value_dim", "cema_ndim", "chunk_size", "norm_num_groups")
        wrong = [name for name in sizes if not _is_size(getattr(self, name))]
        yield from (f"{name} must be a positive integer, found {getattr(self, name)!r}" for name in wrong)
        if wrong or not _is_size(model.heads) or not _is_size(model.hidden_size):
            return
        if self.z_dim != model.heads * model.head_size:
            yield f"z_dim ({self.z_dim}) must be a multiple of heads ({model.heads})"
        if self.value_dim % model.heads:
            yield f"value_dim ({self.value_dim}) must be a multiple of heads ({model.heads})"
        if model.hidden_size % self.norm_num_groups or model.hidden_size == self.norm_num_groups:
            found = f"hidden_size is {model.hidden_size} and norm_num_groups {self.norm_num_groups}"
            yield f"norm_num_groups must divide hidden_size into groups of two numbers or more, {found}"


@dataclass(frozen=True)
class ModelConfig:
    """Describe a checkpoint's shape (letters of docs/architecture.md: D, L, H, K, E, F, V); defaults are Gemma 1's.

    heads, kv_heads, head_size and rope_theta hold for every layer, unless `attention` has a specification for each.
    """

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
    has_gates: bool = False  # self_attn.gate, [1, H, 1, 1] per layer that sees everything
    has_write_gates: bool = False  # self_attn.write_gate.{weight, bias}
    has_state_vectors: bool = False  # self_attn.state_vector.{first, up.weight, down.weight, down.bias}
    has_kv_norms: bool = False  # kv_layernorm.weight of layers with keys and values of their own
    added_rank: int = 0  # of the low-rank parts of self_attn.added_memory; 0: there is none
    tied_head: bool = True
    architecture: str = "gemma"  # a key of models.ARCHITECTURES
    attention: tuple[AttentionSpec, ...] = ()  # one a layer; (): as the fields above say
    feed_forward_sizes: tuple[int, ...] = ()  # one a layer where they differ; (): feed_forward_size in all
    layer_input_size: int = 0  # U, of an embedding that each layer has for itself (Gemma 3n and 4); 0: there is none
    layer_input_rows: int = 0  # of that embedding's table where it is shorter than the vocabulary; 0: as long
    streams: int = 1  # A residual streams, one of which goes through attention: AltUp of Gemma 3n
    laurel_rank: int = 0  # of a low-rank path beside attention, LAuReL of Gemma 3n; 0: there is none
    activation_sparsity: tuple[float, ...] = ()  # one a layer: the share of a feed-forward's gates that is cut off
    layer_scalars: bool = False  # layers multiply what they hand on with a number of their own (Gemma 4)
    activation: Activation = "gelu_tanh"
    norm_offset: float = 1.0  # added to the weights of RMS norms: 1 in Gemma, 0 elsewhere
    post_norms: bool = False  # RMS norms of what attention and feed-forward add, too: Gemma 2 and 3
    scaled_embedding: bool = True  # the embedding is multiplied with sqrt(D)
    logit_cap: float | None = None  # c tanh(logit / c) (Gemma 2)
    megalodon: MegalodonSpec | None = None  # layers of moving averages and chunks, instead of attention alone

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems, hint="compare config.json with the one the model was published with")

    def _problems(self) -> Iterator[str]:
        for name in ("hidden_size", "layers", "feed_forward_size", "vocabulary", "context"):
            value = getattr(self, name)
            if not (_is_integer(value) and 0 < value < 2**31):
                yield f"{name} must be a positive integer, found {value!r}"
        if not (_is_integer(self.added_rank) and 0 <= self.added_rank <= MOST_ADDED_RANK):
            yield f"added_rank must be a whole number from 0 to {MOST_ADDED_RANK}, found {self.added_rank!r}"
        for name in ("norm_eps", "logit_cap"):
            value = getattr(self, name)
            if not is_positive_number(value) and not (name == "logit_cap" and value is None):
                yield f"{name} must be a positive number, found {value!r}"
        for name, least in (("layer_input_size", 0), ("layer_input_rows", 0), ("streams", 1), ("laurel_rank", 0)):
            value = getattr(self, name)
            if not (_is_integer(value) and least <= value < 2**31):
                yield f"{name} must be a whole number, at least {least}, found {value!r}"
        if self.has_kv_norms and (self.has_state_vectors or self.added_rank or self.streams > 1):
            yield "layers with a norm for keys and values cannot have state vectors, an added memory or streams"
        yield from self._list_problems()
        yield from self._source_problems()
        if self.megalodon:
            yield from self.megalodon.problems(self)
        specs = dict.fromkeys((self._uniform, *self.attention))
        yield from dict.fromkeys(problem for spec in specs for problem in spec.problems())

    def _list_problems(self) -> Iterator[str]:
        """Check what is given for each layer."""
        for name in ("attention", "feed_forward_sizes", "activation_sparsity"):
            if (given := len(getattr(self, name))) not in (0, self.layers):
                yield f"{name} must be given for {self.layers} layers, found {given}"
        if odd := [share for share in self.activation_sparsity if not 0 <= share < 1]:
            yield f"activation_sparsity must be from 0 to below 1, found {odd[0]!r}"
        if wrong := [size for size in self.feed_forward_sizes if not (_is_integer(size) and 0 < size < 2**31)]:
            yield f"feed_forward_sizes must be positive integers, found {wrong[0]!r}"

    def _source_problems(self) -> Iterator[str]:
        if self.has_state_vectors and self.shares:
            yield "layers with state vectors cannot attend to the keys and values of other layers"
        for layer, spec in enumerate(self.attention):
            if spec.source is None:
                continue
            if not (_is_integer(spec.source) and 0 <= spec.source < layer):
                yield f"layer {layer} must take keys and values of an earlier layer, found {spec.source!r}"
                continue
            owner = self.attention[spec.source]
            if owner.source is not None:
                yield f"layer {layer} takes keys and values of layer {spec.source}, which has none of its own"
            elif replace(spec, heads=owner.heads, scale=owner.scale, score_cap=owner.score_cap, source=None) != owner:
                yield f"layer {layer} takes keys and values of layer {spec.source}, whose attention is of another shape"

    @property
    def shares(self) -> bool:
        """Tell if layers attend to the keys and values of others."""
        return any(spec.source is not None for spec in self.attention)

    @property
    def last_owner(self) -> int:
        """Return the last layer with keys and values of its own: those after it leave nothing in the state.

        Megalodon's last norm, which counts as a layer here, leaves its statistics in it.
        """
        if self.megalodon:
            return self.layers
        return max((layer for layer, spec in enumerate(self.attention) if spec.source is None), default=self.layers - 1)

    @property
    def own_reading(self) -> ReadingConfig | None:
        """Return how a model with a state of its own reads: the one way it can. None for one that has none."""
        return None if self.megalodon is None else ReadingConfig(OWN, segment=self.megalodon.chunk_size)

    @property
    def _uniform(self) -> AttentionSpec:
        return AttentionSpec(self.heads, self.kv_heads, self.head_size, Rope(self.rope_theta))

    def attention_of(self, layer: int) -> AttentionSpec:
        """Return the specification of a layer's attention, layers counted from 0."""
        return self.attention[layer] if self.attention else self._uniform

    def feed_forward_of(self, layer: int) -> int:
        """Return the width F of a layer's feed-forward, layers counted from 0."""
        return self.feed_forward_sizes[layer] if self.feed_forward_sizes else self.feed_forward_size

    def feed_forward_flops(self, layer: int) -> int:
        """Count the FLOPs of a token's products with the weights of a layer's feed-forward."""
        matrices = 3 if self.megalodon is None or self.megalodon.swiglu else 2
        return 2 * matrices * self.hidden_size * self.feed_forward_of(layer)

    def sparsity_of(self, layer: int) -> float:
        return self.activation_sparsity[layer] if self.activation_sparsity else 0.0

    @property
    def widest_feed_forward(self) -> int:
        return max(self.feed_forward_sizes, default=self.feed_forward_size)

    @property
    def query_size(self) -> int:
        return self.heads * self.head_size

    @property
    def kv_size(self) -> int:
        return self.kv_heads * self.head_size


@dataclass(frozen=True)
class ReadingConfig:
    """Describe how a model reads: part of the model, never a tuning knob. Lengths in tokens."""

    memory: MemoryKind = "window"
    segment: int = DEFAULT_SEGMENT  # N
    carry: int = 0  # C
    sinks: int = 0
    kv: KeyValueFormat = "float"  # of kept keys and values; float: that of the weights

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems, hint="see the notation table in docs/architecture.md")

    def open_tokens(self, position: int) -> int:
        """Count the tokens in the open segment; 0 where segments never close."""
        return position % self.segment if self.memory not in WITHOUT_SEGMENTS else 0

    def said(self) -> dict[str, Any]:
        """Return the fields by name; `kv` only where it is not float, so that older fingerprints and files hold."""
        return {name: value for name, value in asdict(self).items() if name != "kv" or value != "float"}

    def _problems(self) -> Iterator[str]:
        if self.memory not in (*MEMORY_KINDS, OWN):
            yield f"memory must be one of {', '.join(MEMORY_KINDS)}, found {self.memory!r}"
        if self.kv not in KV_FORMATS:
            yield f"kv must be one of {', '.join(KV_FORMATS)}, found {self.kv!r}"
        lengths = (("segment", 1), ("carry", 0), ("sinks", 0))
        wrong = [name for name, least in lengths if not self._is_length(name, least)]
        for name in wrong:
            found = getattr(self, name)
            must = "a whole number of tokens"
            if _is_integer(found):
                must = "less than 2,147,483,648" if found > 0 else f"{dict(lengths)[name]} tokens or more"
            yield f"{name} must be {must}, found {found!r}"
        if wrong:
            return
        if self.carry % self.segment:
            yield f"carry ({self.carry}) must be 0 or a multiple of the segment ({self.segment})"
        if self.sinks > self.segment:
            yield f"sinks ({self.sinks}) must fit in one segment ({self.segment})"
        if self.kv != "float" and self.memory == OWN:
            yield f"kv must be float for {OWN} memory, which forgets keys and values with the chunk, found {self.kv!r}"
        if self.kv != "float" and self.segment > KV_GROUP and self.segment % KV_GROUP:
            yield f"the segment ({self.segment}) must be a multiple of {KV_GROUP}, or shorter, for kv {self.kv}"

    def _is_length(self, name: str, least: int) -> bool:
        value = getattr(self, name)
        return _is_integer(value) and least <= value < 2**31
