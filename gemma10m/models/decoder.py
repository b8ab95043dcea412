"""A decoder reads chunk by chunk: ids and state in, logits and state out. Its config says what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, cast

import torch
from torch import Tensor, nn

from gemma10m.config import OWN, ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.memory.interludes import Interludes
from gemma10m.memory.runs import Runs
from gemma10m.memory.state import LayerState, Layout, State
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.models.altup import AltUpLayer, joined, projections, spread
from gemma10m.models.attention import Attention
from gemma10m.models.blocks import Layer, PreNormLayer, SandwichNormLayer, ScaledLayer
from gemma10m.models.chunk import Chunk
from gemma10m.models.growing import GrowingKeys
from gemma10m.models.layer_inputs import LayerInputs, table
from gemma10m.models.layers import FeedForward, RMSNorm
from gemma10m.models.megalodon_layer import MegalodonLayer, RopeFrequencies
from gemma10m.models.mixer import Mixer
from gemma10m.models.quantised import Matrix, QuantisedLinear, numbers_of, product, quantised_modules, rows_of
from gemma10m.models.rope import AngleTables
from gemma10m.models.shared_attention import SharedAttention
from gemma10m.models.timestep_norm import TimestepNorm
from gemma10m.models.vector_attention import StateVectorAttention

Logits = Literal["all", "last", "none"]
MOST_TIES = 64  # likeliest tokens of a row that are computed again; more are the work of damaged weights


def make_mixer(config: ModelConfig, reading: ReadingConfig, layer: int) -> Mixer:
    spec = config.attention_of(layer)
    kind: type[Attention] = Attention
    if spec.source is not None:
        kind = SharedAttention
    elif spec.window is None and config.has_state_vectors:
        kind = StateVectorAttention
    elif spec.window is None and config.added_rank:
        kind = AddedMemoryAttention
    mixer = kind(config, spec, reading)
    if any(other.source == layer for other in config.attention):
        mixer.lends_as = layer
    return mixer


def make_layer(config: ModelConfig, reading: ReadingConfig, number: int) -> Layer:
    if config.megalodon:
        return MegalodonLayer(config, number)
    mixer = make_mixer(config, reading, number)
    if config.streams > 1:
        return AltUpLayer(config, mixer, number)
    if config.layer_scalars:
        return ScaledLayer(config, mixer, number)
    return (SandwichNormLayer if config.post_norms else PreNormLayer)(config, mixer, number)


class Backbone(nn.Module):
    def __init__(self, config: ModelConfig, reading: ReadingConfig) -> None:
        super().__init__()
        self.embed_tokens = table(config.vocabulary, config.hidden_size)
        if config.layer_input_size:
            width = config.layers * config.layer_input_size
            self.embed_tokens_per_layer = table(config.layer_input_rows or config.vocabulary, width)
            self.per_layer_model_projection = nn.Linear(config.hidden_size, width, bias=False)
            self.per_layer_projection_norm = RMSNorm(config.layer_input_size, config.norm_eps, config.norm_offset)
        if config.streams > 1:
            self.altup_projections, self.altup_unembed_projections = projections(config), projections(config)
        self.layers = nn.ModuleList([make_layer(config, reading, number) for number in range(config.layers)])
        self.norm: RMSNorm | TimestepNorm
        if config.megalodon:
            self.rope, self.norm = RopeFrequencies(config), TimestepNorm(config)
        else:
            self.norm = RMSNorm(config.hidden_size, config.norm_eps, config.norm_offset)
        self.scaled_embedding, self.last_owner = config.scaled_embedding, config.last_owner
        self.has_layer_inputs, self.has_streams = config.layer_input_size > 0, config.streams > 1

    def forward(self, ids: Tensor, state: State, chunk: Chunk, wanted: int) -> tuple[Tensor, tuple[LayerState, ...]]:
        x, added, states = self.embedded(ids), None, []
        chunk.layer_inputs = self._layer_inputs(ids, x)
        if self.has_streams:
            x = spread(x, self.altup_projections)
        for number, layer in enumerate(self.layers):
            layer_state = state.layers[number]
            # Nothing but the head and layers without keys and values of their own reads the output of the last layer
            # that has some: tokens without logits stop at these.
            needed = ids.shape[1] if number < self.last_owner else wanted
            if needed or number <= self.last_owner:
                x, added, layer_state = layer(x, added, layer_state, chunk, needed)
            states.append(layer_state)
        if self.has_streams:
            x = joined(x, self.altup_unembed_projections)
        if isinstance(self.norm, TimestepNorm):
            x, statistics = self.norm(x, state.layers[-1], chunk, wanted)
            return x, (*states, statistics)
        return self.norm.after(x, added)[1], tuple(states)

    def _layer_inputs(self, ids: Tensor, embedded: Tensor) -> LayerInputs | None:
        if not self.has_layer_inputs:
            return None
        rows, projection = self.embed_tokens_per_layer.weight, self.per_layer_model_projection.weight
        there = ids.to(rows.device)  # once for all layers: a GPU waits for it
        known = torch.where(there < rows.shape[0], there, 0)
        return LayerInputs(known, embedded, rows, projection, self.per_layer_projection_norm)

    def embedded(self, ids: Tensor) -> Tensor:
        x: Tensor = self.embed_tokens(ids)  # (..., D)
        if not self.scaled_embedding:
            return x
        # The root is rounded to the weights' dtype, as the published model was trained.
        return x * torch.tensor(x.shape[-1] ** 0.5, dtype=x.dtype)


class Decoder(nn.Module):
    """Map ids and a state to logits and the next state. Its tensors have the names that published checkpoints use."""

    name: str = ""
    fingerprint: str = ""
    warnings: tuple[str, ...] = ()
    quantised: str | None = None  # the weights' format where that is no float type
    is_fused = False

    def __init__(self, config: ModelConfig, reading: ReadingConfig) -> None:
        super().__init__()
        _check_reading(config, reading)
        self.config, self.reading = config, reading
        self._angles = AngleTables()
        self.model = Backbone(config, reading)
        if not config.tied_head:
            self.lm_head = nn.Linear(config.hidden_size, config.vocabulary, bias=False)

    def gains_by_fusing(self, device: str) -> bool:
        """Tell if `fuse` helps: floats on a GPU, packed weights on a CPU, whose floats stay a mapped file's pages."""
        return (device == "cuda") != bool(self.quantised)

    def fuse(self) -> None:
        """Join each layer's q, k and v weights into one tensor, and its gate and up; for inference only, and once."""
        self.is_fused = True
        for module in self.model.modules():
            if isinstance(module, Mixer | FeedForward):
                module.fuse()

    def add_norm_offsets(self) -> None:
        """Add the norms' offsets to their weights once, as kernels do by themselves; for inference on a CPU only."""
        for module in self.model.modules():
            if isinstance(module, RMSNorm):
                module.add_offset()

    @property
    def device(self) -> torch.device:
        return numbers_of(self.model.embed_tokens).device

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of activations, keys and values."""
        return numbers_of(self.model.embed_tokens).dtype

    @property
    def number_format(self) -> str:
        """Return how the weights are kept: the dtype's name, "int8" or "int4"."""
        return self.quantised or str(self.dtype).removeprefix("torch.")

    @property
    def mixers(self) -> tuple[Mixer, ...]:
        """Return what keeps a state, in the order of the state's layers: one in each, and Megalodon's last norm."""
        mixers = tuple(cast(Layer, layer).mixer for layer in self.model.layers)
        return (*mixers, self.model.norm) if isinstance(self.model.norm, Mixer) else mixers

    def layout(self, position: int, batch: int = 1) -> tuple[Layout, ...]:
        """Return the names, dtypes and shapes of each layer's state after `position` tokens."""
        return tuple(mixer.layout(position, batch, self.dtype) for mixer in self.mixers)

    def empty_state(self, batch: int = 1) -> State:
        """Return the state before the first token, for `batch` documents side by side."""
        layers = [
            {name: torch.zeros(shape, dtype=dtype, device=self.device) for name, (dtype, shape) in layout.items()}
            for layout in self.layout(0, batch)
        ]
        return State(tuple(LayerState(**tensors) for tensors in layers), position=0)

    def skip_to(self, state: State, position: int) -> State:
        """Return the state to read on from at a later position, where nothing before `first_needed` matters."""
        pairs = zip(self.mixers, state.layers, strict=True)
        return State(tuple(mixer.skip_to(layer, position) for mixer, layer in pairs), position)

    def rewind(self, state: State, tokens: int) -> State | None:
        """Return the state `tokens` tokens ago, inside the open segment: no memory holds anything of them yet.

        Returns None if a layer can only go back by the whole open segment.
        """
        if not tokens:
            return state
        layers = [
            mixer.rewind(layer, state.position, tokens) for mixer, layer in zip(self.mixers, state.layers, strict=True)
        ]
        found = tuple(layer for layer in layers if layer is not None)
        return State(found, state.position - tokens) if len(found) == len(layers) else None

    def first_needed(self, position: int) -> int:
        """Return the first token on which the state after `position` tokens depends, sinks aside.

        It is 0 for a model with a memory. Computed from the last layer down: a layer's kept keys, and the keys seen by
        tokens whose output the layer above needs.
        """
        first = position
        for mixer in reversed(self.mixers):
            seen = mixer.first_seen(first) if first < position else position
            first = min(mixer.first_kept(position), seen)
        return first

    def forward(
        self, ids: Tensor, state: State, logits: Logits = "all", runs: Runs | None = None
    ) -> tuple[Tensor, State]:
        """Read one chunk.

        ids (B, S) int64, S >= 1; state from `empty_state` or an earlier call, unchanged by this one. runs: where many
        ranks read side by side: ids are then this rank's run, and the states those before and after the round.
        Returns logits (B, S, V), (B, 1, V) or (B, 0, V) for logits="all", "last" or "none", and the new state. The last
        token's are at least float32, and the likeliest of them are apart (`_product_apart`). With "none" the tokens are
        a document's: `added` memory is written with them and recalls nothing for them.
        Raises UsageError for ids or a state that do not fit the model.
        """
        self._check(ids, state)
        wanted = {"all": ids.shape[1], "last": 1, "none": 0}
        if logits not in wanted:
            raise UsageError(f"logits must be one of {', '.join(wanted)}, found {logits!r}")
        hidden, state = self.hidden(ids, state, wanted[logits], runs=runs)
        return (self._last(hidden) if logits == "last" else self.head(hidden)), state

    def hidden(
        self,
        ids: Tensor,
        state: State,
        wanted: int,
        interludes: Interludes | None = None,
        runs: Runs | None = None,
    ) -> tuple[Tensor, State]:
        """Return the last `wanted` tokens' normalised hidden states (B, wanted, D); training passes `interludes`.

        wanted: all S tokens, 1 or 0. Raises UsageError for another number.
        """
        if wanted not in (0, 1, ids.shape[1]):
            raise UsageError(f"hidden states are given for all {ids.shape[1]} tokens, the last or none, not {wanted}")
        if self.config.megalodon and self.reading.memory != OWN:
            return self._forgetting(ids, state, wanted)
        start = state.position if runs is None else runs.round.run(runs.rank).start
        chunk = Chunk(start, ids.shape[1], self.device, self.dtype, interludes, runs, self._angles, wanted > 0)
        hidden, layers = self.model(ids.to(self.device), state, chunk, wanted)
        return hidden, State(layers, start + ids.shape[1] if runs is None else runs.round.end)

    @property
    def can_grow(self) -> bool:
        """Tell if `growing` and `next` can read a token."""
        return all(mixer.can_grow for mixer in self.mixers)

    def growing(self, state: State) -> dict[Mixer, GrowingKeys]:
        """Return what layers attend to in the state's open segment, which must have room for more than one token."""
        chunk = Chunk(state.position, 1, self.device, self.dtype, angles=self._angles)
        pairs = zip(self.mixers, state.layers, strict=True)
        found = {mixer: mixer.growing(layer, chunk) for mixer, layer in pairs}
        return {mixer: keys for mixer, keys in found.items() if keys is not None}

    def next(self, ids: Tensor, state: State, growing: Mapping[Mixer, GrowingKeys], position: int) -> Tensor:
        """Return the last logits (B, 1, V) as `forward` does, for one token ids (B, 1) at a position.

        growing: that of the state, which this changes; with the tokens since then, all of them in the open segment.
        """
        chunk = Chunk(position, 1, self.device, self.dtype, angles=self._angles, growing=growing)
        return self._last(self.model(ids.to(self.device), state, chunk, 1)[0])

    def _forgetting(self, ids: Tensor, state: State, wanted: int) -> tuple[Tensor, State]:
        """Return what `hidden` returns where nothing is carried over: each segment is read as the document's first."""
        segment, outputs, empty = self.reading.segment, [], self.empty_state(ids.shape[0])
        cuts = tuple(range(-state.position % segment, ids.shape[1], segment))
        for part in ids.to(self.device).tensor_split(cuts, dim=1):
            place, count = state.position % segment, part.shape[1]
            if count:
                chunk = Chunk(place, count, self.device, self.dtype, angles=self._angles)
                hidden, layers = self.model(part, state if place else empty, chunk, count)
                outputs.append(hidden)
                state = State(layers, state.position + count)
        return torch.cat(outputs, dim=1)[:, ids.shape[1] - wanted :], state

    def head(self, hidden: Tensor) -> Tensor:
        return self._capped(product(self._head_matrix, hidden))  # (B, wanted, V)

    def _last(self, hidden: Tensor) -> Tensor:
        return self._capped(_product_apart(hidden, self._head_matrix))  # (B, 1, V)

    @property
    def _head_matrix(self) -> Matrix:
        return self.model.embed_tokens if self.config.tied_head else self.lm_head  # (V, D)

    def _capped(self, logits: Tensor) -> Tensor:
        cap = self.config.logit_cap
        return logits if cap is None else torch.tanh(logits / cap) * cap

    def _check(self, ids: Tensor, state: State) -> None:
        if ids.dim() != 2 or ids.dtype != torch.int64 or not ids.numel():
            found = f"{tuple(ids.shape)} {ids.dtype}"
            raise UsageError(f"ids must be (batch, tokens) int64 with at least one token, found {found}")
        if ids.device.type == "cpu" and not (int(ids.min()) >= 0 and int(ids.max()) < self.config.vocabulary):
            found = f"{int(ids.min())} to {int(ids.max())}"
            raise UsageError(f"ids must lie in [0, {self.config.vocabulary}), found {found}")
        expected = self.layout(state.position, ids.shape[0])
        layers = tuple(layer.layout for layer in state.layers)
        if layers != expected:
            raise UsageError(
                f"the state does not fit this model: found {_described(layers)}, expected {_described(expected)}",
                hint="use the state that this model's own calls returned",
            )


def _check_reading(config: ModelConfig, reading: ReadingConfig) -> None:
    """Refuse a memory that the layers have no place for. Raises UsageError."""
    # Megalodon read as `window` forgets at the end of each chunk: what its state is worth is measured against that.
    own = (OWN, "window") if config.megalodon else ()
    if reading.memory not in own and (config.megalodon or reading.memory == OWN):
        raise UsageError(
            f"a {config.architecture} model cannot be read with {reading.memory} memory",
            hint=f"{OWN} memory is for architectures that carry a state by themselves, and for no others",
        )
    if config.megalodon and reading.kv != "float":
        raise UsageError(
            f"a {config.architecture} model cannot be read with kv {reading.kv}",
            hint="leave it out: a chunk's keys and values are forgotten with the chunk",
        )


def without_memory(model: Decoder) -> Decoder:
    """Return the same weights, uncopied and without gradient, read with the same window and carry and no memory."""
    with torch.device("meta"):
        bare = Decoder(model.config, replace(model.reading, memory="window"))
    for name, module in quantised_modules(model).items():
        bare.set_submodule(name, module)
    bare.load_state_dict(model.state_dict(), strict=True, assign=True)
    bare.name, bare.fingerprint, bare.quantised = model.name, model.fingerprint, model.quantised
    return bare.requires_grad_(False).eval()


def _described(layers: tuple[Layout, ...]) -> str:
    shapes = {name: shape for layer in layers[:1] for name, (_, shape) in layer.items()}
    dtypes = sorted({str(dtype).removeprefix("torch.") for layer in layers for dtype, _ in layer.values()})
    return f"{len(layers)} layers of {shapes} in {' and '.join(dtypes)}"


def _product_apart(hidden: Tensor, matrix: Matrix) -> Tensor:
    """Return logits (B, 1, V), of which the highest are those of the float32 product.

    bfloat16 keeps eight bits of a product: of 2,048 tokens of a novel 99 have more than one likeliest next token for
    Gemma 3 270M, and 42 another one than the float32 product says. CUDA's product of floats can be float32, and that
    of packed weights is left as it is; elsewhere those of the highest that are equal are computed again. They stay
    above all others.
    """
    if hidden.dtype.itemsize >= torch.float32.itemsize:
        return product(matrix, hidden)
    if hidden.device.type == "cuda":  # finding the equal ones would wait for the device
        if isinstance(matrix, QuantisedLinear):
            return product(matrix, hidden).float()
        exact: Tensor = torch.mm(hidden.flatten(0, 1), matrix.weight.T, out_dtype=torch.float32)
        return exact.view(*hidden.shape[:2], -1)
    logits = product(matrix, hidden).float()
    highest = logits == logits.amax(-1, keepdim=True)
    if not len(logits) < int(highest.count_nonzero()) <= MOST_TIES * len(logits):
        return logits
    rows, tokens, ids = highest.nonzero(as_tuple=True)
    return logits.index_put((rows, tokens, ids), (hidden[rows, tokens].float() * rows_of(matrix, ids).float()).sum(-1))
