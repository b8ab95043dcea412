"""Compute the logits of a Llama decoder with Cross-Layer Attention (arXiv 2405.12981) in plain numpy.

The code favours plainness over speed, so that other implementations can be checked against it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def share_factor_sources(layers: int, factor: int, *, short_group_first: bool) -> list[int]:
    """Return, for each layer, the first layer of its group of `factor` consecutive layers.

    Where `factor` does not divide `layers`, the short group comes first or last as the caller asks.
    """
    if layers < 1 or factor < 1:
        raise ValueError("layers and factor must be at least 1")
    short = layers % factor if short_group_first else 0
    return [0 if i < short else i - (i - short) % factor for i in range(layers)]


def _norm(x: Array, weight: Array, eps: float) -> Array:
    """Scale each row to unit root mean square and multiply it by the weight."""
    scaled: Array = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight
    return scaled


def _split(x: Array, count: int, head_size: int) -> Array:
    """Reshape (S, count * head_size) to (count, S, head_size)."""
    return x.reshape(x.shape[0], count, head_size).transpose(1, 0, 2)


def _rotate(x: Array, theta: float) -> Array:
    """Apply half-rotated rotary embeddings to (heads, S, head_size), with positions from 0."""
    half = x.shape[-1] // 2
    frequencies = theta ** (-np.arange(half, dtype=np.float64) / half)
    angles = np.outer(np.arange(x.shape[1], dtype=np.float64), frequencies)
    cos, sin = np.cos(angles), np.sin(angles)
    low, high = x[..., :half], x[..., half:]
    return np.concatenate([low * cos - high * sin, high * cos + low * sin], axis=-1)


def _attend(q: Array, k: Array, v: Array) -> Array:
    """Return full causal attention as (S, heads * head_size), where query heads share K/V heads in groups."""
    heads, length, head_size = q.shape
    group = heads // k.shape[0]
    allowed = np.tri(length, dtype=np.bool_)
    outputs: list[Array] = []
    for h in range(heads):
        scores = np.where(allowed, q[h] @ k[h // group].T / np.sqrt(head_size), -np.inf)
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        outputs.append(odds / odds.sum(axis=-1, keepdims=True) @ v[h // group])
    return np.concatenate(outputs, axis=-1)


def _feed_forward(x: Array, gate: Array, up: Array, down: Array) -> Array:
    """Apply the SwiGLU feed-forward, whose gate goes through SiLU."""
    g = x @ gate.T
    sigmoid = 0.5 * (1.0 + np.tanh(0.5 * g))
    result: Array = (g * sigmoid * (x @ up.T)) @ down.T
    return result


def cla_logits(
    weights: Mapping[str, NDArray[np.float64]],
    ids: Sequence[int],
    *,
    layers: int,
    heads: int,
    kv_heads: int,
    head_size: int,
    rope_theta: float,
    eps: float,
    sources: Sequence[int],
) -> NDArray[np.float64]:
    """Return the logits (S, V) of one sequence, where layer i reads the keys and values of layer `sources[i]`.

    A layer that is its own source computes them from its own normalised input, and later layers reuse them.
    """
    if len(sources) != layers:
        raise ValueError("sources must name one layer for each layer")
    if heads % kv_heads or head_size % 2:
        raise ValueError("kv_heads must divide heads, and head_size must be even")
    for i, source in enumerate(sources):
        if not 0 <= source <= i or sources[source] != source:
            raise ValueError(f"layer {i} cannot read the keys and values of layer {source}")

    def weight(name: str) -> Array:
        return np.asarray(weights[name], dtype=np.float64)

    embedding = weight("model.embed_tokens.weight")
    hidden: Array = embedding[np.asarray(ids, dtype=np.int64)]
    owned: dict[int, tuple[Array, Array]] = {}
    for i in range(layers):
        prefix = f"model.layers.{i}."
        x = _norm(hidden, weight(prefix + "input_layernorm.weight"), eps)
        if sources[i] == i:
            k = _split(x @ weight(prefix + "self_attn.k_proj.weight").T, kv_heads, head_size)
            v = _split(x @ weight(prefix + "self_attn.v_proj.weight").T, kv_heads, head_size)
            owned[i] = (_rotate(k, rope_theta), v)
        q = _rotate(_split(x @ weight(prefix + "self_attn.q_proj.weight").T, heads, head_size), rope_theta)
        hidden = hidden + _attend(q, *owned[sources[i]]) @ weight(prefix + "self_attn.o_proj.weight").T
        x = _norm(hidden, weight(prefix + "post_attention_layernorm.weight"), eps)
        gate, up, down = (weight(f"{prefix}mlp.{part}_proj.weight") for part in ("gate", "up", "down"))
        hidden = hidden + _feed_forward(x, gate, up, down)
    hidden = _norm(hidden, weight("model.norm.weight"), eps)
    head = weight("lm_head.weight") if "lm_head.weight" in weights else embedding
    logits: Array = hidden @ head.T
    return logits
