"""Gemma 1 (arXiv 2403.08295) whose attention reads segment by segment: ids and state in, logits and state out."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.memory.interludes import Interludes
from gemma10m.memory.layout import Layout, layer_layout
from gemma10m.memory.state import LayerState, State
from gemma10m.memory.window import plan_stretch
from gemma10m.models.attention import Attention, Stretch
from gemma10m.models.layers import FeedForward, RMSNorm
from gemma10m.models.rotary import cos_sin
from gemma10m.models.state_vector import StateVectorAttention

Logits = Literal["all", "last", "none"]


class Layer(nn.Module):
    def __init__(self, config: ModelConfig, reading: ReadingConfig) -> None:
        super().__init__()
        self.self_attn = (StateVectorAttention if config.has_state_vectors else Attention)(config, reading)
        self.mlp = FeedForward(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.norm_eps)

    def forward(
        self, x: Tensor, added: Tensor | None, state: LayerState, stretch: Stretch, wanted: int
    ) -> tuple[Tensor, Tensor, LayerState]:
        """The residual stream x and what the layer before adds to it, both (B, S, D), None for the first layer.

        -> the last `wanted` tokens' stream and what this layer adds to it, both (B, wanted, D). The state always
        gets the whole stretch. Adding is left to the norm that follows, which reads the sum anyway.
        """
        x, normed = self.input_layernorm.after(x, added)
        attended, state = self.self_attn(normed, state, stretch, wanted)
        if not wanted:
            return attended, attended, state
        x, normed = self.post_attention_layernorm.after(x[:, -wanted:], attended)
        return x, self.mlp(normed), state


class Backbone(nn.Module):
    def __init__(self, config: ModelConfig, reading: ReadingConfig) -> None:
        super().__init__()
        # Embedding's own init brings in torch's compiler when it runs on the meta device: a second at every start.
        table = torch.zeros(config.vocabulary, config.hidden_size)
        self.embed_tokens: nn.Embedding = nn.Embedding.from_pretrained(table, freeze=False)
        self.layers = nn.ModuleList([Layer(config, reading) for _ in range(config.layers)])
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)

    def forward(
        self, ids: Tensor, state: State, stretch: Stretch, wanted: int
    ) -> tuple[Tensor, tuple[LayerState, ...]]:
        x, added, states = self._embedded(ids), None, []
        for number, (layer, layer_state) in enumerate(zip(self.layers, state.layers, strict=True), start=1):
            # The last layer's output is read by the head alone: tokens without logits stop at their keys and values.
            needed = wanted if number == len(self.layers) else ids.shape[1]
            x, added, layer_state = layer(x, added, layer_state, stretch, needed)
            states.append(layer_state)
        return self.norm.after(x, added)[1], tuple(states)

    def first_keys(self, ids: Tensor) -> Tensor:
        layer = cast(Layer, self.layers[0])
        keys: Tensor = layer.self_attn.k_proj(layer.input_layernorm(self._embedded(ids)))  # (..., K * E)
        return keys

    def _embedded(self, ids: Tensor) -> Tensor:
        weight = self.embed_tokens.weight
        # The root is rounded to the weights' dtype, as the published model was trained.
        x: Tensor = self.embed_tokens(ids) * torch.tensor(weight.shape[1] ** 0.5, dtype=weight.dtype)  # (..., D)
        return x


class Gemma(nn.Module):
    """State-dict names are those of the published checkpoints."""

    name: str = ""
    fingerprint: str = ""
    warnings: tuple[str, ...] = ()

    def __init__(self, config: ModelConfig, reading: ReadingConfig) -> None:
        super().__init__()
        self.config, self.reading = config, reading
        self.model = Backbone(config, reading)
        if not config.tied_head:
            self.lm_head = nn.Linear(config.hidden_size, config.vocabulary, bias=False)

    def fuse(self) -> None:
        """Lay each layer's q, k, v weights into one tensor, and its gate and up: for reading alone, and once."""
        for module in self.model.modules():
            if isinstance(module, Attention | FeedForward):
                module.fuse()

    @property
    def device(self) -> torch.device:
        return self.model.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.model.embed_tokens.weight.dtype

    def empty_state(self, batch: int = 1) -> State:
        """The state before the first token, for `batch` documents side by side."""
        layout = self._layout(batch, position=0)
        empty = {name: torch.zeros(shape, dtype=dtype, device=self.device) for name, (dtype, shape) in layout.items()}
        return State(tuple(LayerState(**empty) for _ in range(self.config.layers)), position=0)

    def forward(self, ids: Tensor, state: State, logits: Logits = "all") -> tuple[Tensor, State]:
        """Read one stretch.

        ids (B, S) int64, S >= 1; state from `empty_state` or an earlier call, unchanged by this one.
        Returns logits (B, S, V), (B, 1, V) or (B, 0, V) for logits="all", "last" or "none", and the new state.
        Raises UsageError for ids or a state that do not fit the model.
        """
        self._check(ids, state)
        wanted = {"all": ids.shape[1], "last": 1, "none": 0}
        if logits not in wanted:
            raise UsageError(f"logits must be one of {', '.join(wanted)}, found {logits!r}")
        hidden, state = self.hidden(ids, state, wanted[logits])
        return self.head(hidden), state

    def hidden(
        self, ids: Tensor, state: State, wanted: int, interludes: Interludes | None = None
    ) -> tuple[Tensor, State]:
        """The last `wanted` tokens' normalised hidden states (B, wanted, D); training passes `interludes`.

        wanted: all S tokens, 1 or 0. Raises UsageError for another number.
        """
        if wanted not in (0, 1, ids.shape[1]):
            raise UsageError(f"hidden states are given for all {ids.shape[1]} tokens, the last or none, not {wanted}")
        plan, config = plan_stretch(self.reading, state.position, ids.shape[1]), self.config
        width = plan.carried_before + plan.open_before + plan.tokens
        cos, sin = cos_sin(0, width, config.head_size, config.rope_theta, self.device)  # (W + S, E) each
        stretch = Stretch(plan, cos, sin, interludes)
        hidden, layers = self.model(ids.to(self.device), state, stretch, wanted)
        return hidden, State(layers, state.position + ids.shape[1])

    def first_keys(self, ids: Tensor) -> Tensor:
        """The first layer's keys without positions, which hang on no other token. ids (S) int64 -> (S, K * E)."""
        with torch.inference_mode():
            return self.model.first_keys(ids.to(self.device))

    def head(self, hidden: Tensor) -> Tensor:
        weight = self.model.embed_tokens.weight if self.config.tied_head else self.lm_head.weight
        return F.linear(hidden, weight)  # (B, wanted, V)

    def _layout(self, batch: int, position: int) -> Layout:
        config = self.config
        return layer_layout(
            self.reading,
            self.dtype,
            position,
            batch=batch,
            kv_heads=config.kv_heads,
            head_size=config.head_size,
            vector_size=config.hidden_size,
        )

    def _check(self, ids: Tensor, state: State) -> None:
        if ids.dim() != 2 or ids.dtype != torch.int64 or not ids.numel():
            found = f"{tuple(ids.shape)} {ids.dtype}"
            raise UsageError(f"ids must be (batch, tokens) int64 with at least one token, found {found}")
        if ids.device.type == "cpu" and not (int(ids.min()) >= 0 and int(ids.max()) < self.config.vocabulary):
            found = f"{int(ids.min())} to {int(ids.max())}"
            raise UsageError(f"ids must lie in [0, {self.config.vocabulary}), found {found}")
        expected = self._layout(ids.shape[0], state.position)
        layers = [{name: (t.dtype, tuple(t.shape)) for name, t in layer.tensors()} for layer in state.layers]
        if len(layers) != self.config.layers or any(found != expected for found in layers):
            raise UsageError(
                f"the state does not fit this model: found {_described(layers)}, "
                f"expected {_described([expected] * self.config.layers)}",
                hint="use the state that this model's own calls returned",
            )


def without_memory(model: Gemma) -> Gemma:
    """The same weights, not copied, read with the same window and carry and no memory. They need no gradient."""
    with torch.device("meta"):
        bare = Gemma(model.config, replace(model.reading, memory="window"))
    bare.load_state_dict(model.state_dict(), strict=True, assign=True)
    bare.name, bare.fingerprint = model.name, model.fingerprint
    return bare.requires_grad_(False).eval()


def _described(layers: list[Layout]) -> str:
    shapes = {name: shape for layer in layers[:1] for name, (_, shape) in layer.items()}
    dtypes = sorted({str(dtype).removeprefix("torch.") for layer in layers for dtype, _ in layer.values()})
    return f"{len(layers)} layers of {shapes} in {' and '.join(dtypes)}"
