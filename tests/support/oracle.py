"""Gemma 1 with local attention, sinks, carry and memory, from the equations alone: slow, obvious, float64.

One loop a layer, a segment, a token and a head; every vector is a small float64 tensor. Nothing here is shared with the
program under test but the names of the settings, so an error has to be made twice, independently, to go unseen.

Shape letters as in the program: S tokens, D hidden size, H query heads, K key/value heads, E head size, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from gemma10m.config import ModelConfig, ReadingConfig

Weights = dict[str, Tensor]


def oracle_logits(weights: Weights, config: ModelConfig, reading: ReadingConfig, ids: list[int]) -> Tensor:
    """Return the next-token logits (S, V) of every token of one document."""
    hidden, _, _ = _read(weights, config, reading, ids)
    head = weights["model.embed_tokens.weight"].double()  # tied, and not scaled
    norm = weights["model.norm.weight"].double()
    return torch.stack([head @ rms_norm(token, norm, config.norm_eps) for token in hidden])


def oracle_memory(
    weights: Weights, config: ModelConfig, reading: ReadingConfig, ids: list[int]
) -> list[tuple[Tensor, Tensor]]:
    """M (K, E, E) and z (K, E) of every layer after the segments that `ids` fill. `gated` has no z: it stays zero."""
    _, layers, _ = _read(weights, config, reading, ids)
    return [(torch.stack([m.M for m in heads]), torch.stack([m.z for m in heads])) for heads in layers]


def oracle_vectors(weights: Weights, config: ModelConfig, reading: ReadingConfig, ids: list[int]) -> list[Tensor]:
    """Return the state vector (D) of every layer after the segments that `ids` fill."""
    return _read(weights, config, reading, ids)[2]


def _read(
    weights: Weights, config: ModelConfig, reading: ReadingConfig, ids: list[int]
) -> tuple[list[Tensor], list[list[HeadMemory]], list[Tensor]]:
    """Return every token's output (D) of the last layer; every layer's memories, one a K/V head, and vector (D)."""
    exact = {name: weight.double() for name, weight in weights.items()}
    embedding = exact["model.embed_tokens.weight"]
    hidden = [embedding[token] * math.sqrt(config.hidden_size) for token in ids]
    memories, vectors = [], []
    for number in range(config.layers):
        prefix = f"model.layers.{number}."
        layer = {name.removeprefix(prefix): w for name, w in exact.items() if name.startswith(prefix)}
        x = [rms_norm(h, layer["input_layernorm.weight"], config.norm_eps) for h in hidden]
        attended, memory, vector = attention(layer, config, reading, x)
        hidden = [h + a for h, a in zip(hidden, attended, strict=True)]
        x = [rms_norm(h, layer["post_attention_layernorm.weight"], config.norm_eps) for h in hidden]
        hidden = [h + feed_forward(layer, token) for h, token in zip(hidden, x, strict=True)]
        memories.append(memory)
        vectors.append(vector)
    return hidden, memories, vectors


# --- Gemma ------------------------------------------------------------------------------------------------------------


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / torch.sqrt((x * x).mean() + eps) * (1 + weight)


def feed_forward(layer: Weights, x: Tensor) -> Tensor:
    gate = layer["mlp.gate_proj.weight"] @ x
    gelu = 0.5 * gate * (1 + torch.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))
    return layer["mlp.down_proj.weight"] @ (gelu * (layer["mlp.up_proj.weight"] @ x))


def rotate(x: Tensor, position: int, theta: float) -> Tensor:
    """Turn the pairs (x_i, x_(i + E/2)) of a query or key (E) by position * theta^(-2i/E)."""
    cos, sin = turn(position, len(x) // 2, theta)
    first, second = x.chunk(2)
    return x * cos + torch.cat([-second, first]) * sin


@cache
def turn(position: int, half: int, theta: float) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines (E) of a position's angles, the same for both of a pair."""
    angle = position * theta ** (-torch.arange(half, dtype=torch.float64) / half)
    return torch.cos(angle).repeat(2), torch.sin(angle).repeat(2)


def local_attention(
    q: Tensor, keys: list[Tensor], values: list[Tensor], theta: float, extra: list[tuple[Tensor, Tensor]]
) -> Tensor:
    """Softmax attention of the window's last token over all of it; a token's position is its place in the window.

    extra: a key and a value more, which take no place in the window: the key is not turned.
    """
    turned = rotate(q, len(keys) - 1, theta)
    scores = [turned @ rotate(key, place, theta) for place, key in enumerate(keys)]
    scores += [turned @ key for key, _ in extra]
    values = [*values, *(value for _, value in extra)]
    return torch.softmax(torch.stack(scores) / math.sqrt(len(q)), dim=0) @ torch.stack(values)


def visible_before(reading: ReadingConfig, start: int) -> list[int]:
    """Return the tokens before the segment at `start` that all of its tokens see verbatim, in window order."""
    if reading.memory == "full":
        return list(range(start))
    carry_start = max(0, start - reading.carry)
    sinks = reading.sinks if start - reading.carry > 0 else 0
    return [*range(sinks), *range(carry_start, start)]


def attention(
    layer: Weights, config: ModelConfig, reading: ReadingConfig, x: list[Tensor]
) -> tuple[list[Tensor], list[HeadMemory], Tensor]:
    """Return what attention adds to each token (D), and the layer's memory and vector after the last closed segment."""
    q = [heads_of(layer["self_attn.q_proj.weight"] @ token, config.heads) for token in x]
    k = [heads_of(layer["self_attn.k_proj.weight"] @ token, config.kv_heads) for token in x]
    v = [heads_of(layer["self_attn.v_proj.weight"] @ token, config.kv_heads) for token in x]
    memory = [HeadMemory.empty(reading.memory, config.head_size) for _ in range(config.kv_heads)]
    vector = layer.get("self_attn.state_vector.first", torch.zeros_like(x[0]))
    outputs: list[Tensor] = []
    for start in range(0, len(x), reading.segment):
        end = start + reading.segment
        extra = extra_inputs(layer, config, reading, vector)
        for t in range(start, min(end, len(x))):
            seen = [*visible_before(reading, start), *range(start, t + 1)]
            heads = []
            for h in range(config.heads):
                kv = h // (config.heads // config.kv_heads)
                keys, values = [k[j][kv] for j in seen], [v[j][kv] for j in seen]
                local = local_attention(q[t][h], keys, values, config.rope_theta, extra[kv])
                heads.append(combine(layer, reading, h, local, memory[kv].read(q[t][h])))
            outputs.append(layer["self_attn.o_proj.weight"] @ torch.cat(heads))
            if reading.memory == "added":
                outputs[t] = outputs[t] + added_answer(layer, config, x[: t + 1], q[t], memory)
        if end <= len(x):  # the segment closes: written once, after all of its tokens have read
            for kv in range(config.kv_heads):
                segment = range(start, end)
                b = [write_gate(layer, reading, x[t], kv) for t in segment]
                pairs = [written_pair(layer, config, reading, x[: t + 1], k[t], v[t], kv) for t in segment]
                memory[kv].write([key for key, _ in pairs], [value for _, value in pairs], b)
            if reading.memory == "state-vector":
                vector = next_vector(layer, config, vector, outputs[start:end])
    return outputs, memory, vector


def extra_inputs(
    layer: Weights, config: ModelConfig, reading: ReadingConfig, vector: Tensor
) -> list[list[tuple[Tensor, Tensor]]]:
    """Return, for each K/V head, the key and the value (E) that the state vector gives as an input of its own."""
    if reading.memory != "state-vector":
        return [[] for _ in range(config.kv_heads)]
    x = rms_norm(vector, torch.zeros_like(vector), config.norm_eps)
    keys = heads_of(layer["self_attn.k_proj.weight"] @ x, config.kv_heads)
    values = heads_of(layer["self_attn.v_proj.weight"] @ x, config.kv_heads)
    return [[pair] for pair in zip(keys, values, strict=True)]


def next_vector(layer: Weights, config: ModelConfig, vector: Tensor, outputs: list[Tensor]) -> Tensor:
    """Return h after a segment with these attention outputs (D)."""
    D = len(vector)
    mean = sum(outputs[1:], outputs[0]) / len(outputs)
    none = torch.zeros_like(vector)
    seen = torch.cat([rms_norm(mean, none, config.norm_eps), rms_norm(vector, none, config.norm_eps)])
    x = layer["self_attn.state_vector.up.weight"] @ seen
    gelu = 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    y = layer["self_attn.state_vector.down.weight"] @ gelu + layer["self_attn.state_vector.down.bias"]
    u = 1 / (1 + torch.exp(-y[D:]))
    return (1 - u) * vector + u * torch.tanh(y[:D])


def heads_of(x: Tensor, heads: int) -> list[Tensor]:
    size = len(x) // heads
    return [x[h * size : (h + 1) * size] for h in range(heads)]


def low_rank(layer: Weights, part: str, x: Tensor) -> Tensor:
    name = f"self_attn.added_memory.{part}"
    return layer[f"{name}.up.weight"] @ (layer[f"{name}.down.weight"] @ x)


def context_sum(layer: Weights, config: ModelConfig, kernel: str, before: list[Tensor], kv: int) -> Tensor:
    """Return the weighted sum (E) of what up to 16 tokens before a token say of it; before: their inputs, in order."""
    weights = layer[f"self_attn.added_memory.{kernel}"][kv]  # (E, 16), the nearest token's last
    found = torch.zeros(len(weights), dtype=weights.dtype)
    for back, x in enumerate(reversed(before[-16:]), start=1):
        found = found + weights[:, -back] * heads_of(low_rank(layer, "context", x), config.kv_heads)[kv]
    return found


def written_pair(
    layer: Weights,
    config: ModelConfig,
    reading: ReadingConfig,
    x: list[Tensor],
    k: list[Tensor],
    v: list[Tensor],
    kv: int,
) -> tuple[Tensor, Tensor]:
    """Return the key and the value (E) that the last of the tokens x writes.

    They are the layer's own, unless memory has its projections.
    """
    if reading.memory != "added":
        return k[kv], v[kv]
    key = heads_of(low_rank(layer, "key", x[-1]), config.kv_heads)[kv]
    before = context_sum(layer, config, "key_kernel", x[:-1], kv)
    value = heads_of(low_rank(layer, "value", x[-1]), config.kv_heads)[kv]
    return (k[kv] @ layer["self_attn.added_memory.key_map"] + key + before) * before, v[kv] + value


def added_answer(
    layer: Weights, config: ModelConfig, x: list[Tensor], q: list[Tensor], memory: list[HeadMemory]
) -> Tensor:
    """Return what the memory beside attention adds to the output (D) of the last of the tokens x."""
    name = "self_attn.added_memory"
    low, heard = heads_of(low_rank(layer, "query", x[-1]), config.heads), []
    for h in range(config.heads):
        kv = h // (config.heads // config.kv_heads)
        before = context_sum(layer, config, "query_kernel", x[:-1], kv)
        query = (q[h] @ layer[f"{name}.query_map"] + low[h] + before) * before
        gate = torch.tanh(layer[f"{name}.read_gate.weight"][h] @ x[-1] + layer[f"{name}.read_gate.bias"][h])
        heard.append(gate * memory[kv].read(query))
    together = torch.cat(heard)
    return layer["self_attn.o_proj.weight"] @ together + low_rank(layer, "output", together)


def combine(layer: Weights, reading: ReadingConfig, h: int, local: Tensor, remembered: Tensor) -> Tensor:
    gate = layer.get("self_attn.gate")
    if gate is None or reading.memory in ("full", "state-vector", "added"):
        return local
    share = torch.sigmoid(gate[0, h, 0, 0])
    return share * remembered + (1 - share) * local


# --- memory -----------------------------------------------------------------------------------------------------------


def write_gate(layer: Weights, reading: ReadingConfig, x: Tensor, kv: int) -> float:
    if reading.memory not in ("gated", "added"):
        return 1.0
    name = "self_attn.write_gate" if reading.memory == "gated" else "self_attn.added_memory.write_gate"
    gate = float(torch.sigmoid(layer[f"{name}.weight"][kv] @ x + layer[f"{name}.bias"][kv]))
    return gate if reading.memory == "gated" else max(gate - 0.05, 0.0) / 0.95


def feature(x: Tensor) -> Tensor:
    """Compute s(x) = ELU(x) + 1: x + 1 above zero, exp(x) below."""
    return torch.where(x > 0, x + 1, torch.exp(x))


def unit(x: Tensor) -> Tensor:
    """SiLU(x) over its length; a vector of zeros stays one."""
    bent = x * torch.sigmoid(x)
    return bent / max(float(bent.norm()), 1e-12)


@dataclass
class HeadMemory:
    """Hold what one K/V head keeps of the closed segments: M (E, E), keys by values, and z (E)."""

    kind: str
    M: Tensor
    z: Tensor
    written: bool = False

    @classmethod
    def empty(cls, kind: str, size: int) -> HeadMemory:
        return cls(kind, torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64))

    def read(self, q: Tensor) -> Tensor:
        """Return what the memory answers to a query (E) that carries no position."""
        if not self.written:
            return torch.zeros_like(q)
        if self.kind in ("gated", "added"):
            return unit(q) @ self.M
        return feature(q) @ self.M / (feature(q) @ self.z)

    def write(self, keys: list[Tensor], values: list[Tensor], gates: list[float]) -> None:
        """Store a closed segment.

        `delta` compares all of its tokens with the memory before the segment, `gated` and `added` each with what its
        predecessors have left.
        """
        if self.kind not in ("linear", "delta", "gated", "added"):
            return
        self.written = True
        if self.kind in ("gated", "added"):
            for key, value, b in zip(keys, values, gates, strict=True):
                self.M = self.M + b * torch.outer(unit(key), value - unit(key) @ self.M)
            return
        self.write_features(keys, values)

    def write_features(self, keys: list[Tensor], values: list[Tensor]) -> None:
        before_M, before_z = self.M.clone(), self.z.clone()
        features = [feature(key) for key in keys]
        total = torch.zeros_like(before_z)
        for s in features:
            total = total + s
        for s, value in zip(features, values, strict=True):
            known = (s @ before_M) / (s @ before_z) if self.kind == "delta" and before_z.any() else torch.zeros_like(s)
            self.M = self.M + torch.outer(s, value - known)
        self.z = before_z + total


# --- weights to compare with ------------------------------------------------------------------------------------------


def random_weights(config: ModelConfig, seed: int) -> Weights:
    """Float32 weights that show every detail: logits of order one, uneven attention, norms that are not zero."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, std: float) -> Tensor:
        return torch.randn(*shape, generator=generator) * std

    D, F = config.hidden_size, config.feed_forward_size
    weights = {
        "model.embed_tokens.weight": normal(config.vocabulary, D, std=D**-0.5),
        "model.norm.weight": normal(D, std=0.2),
    }
    for number in range(config.layers):
        layer = {
            "self_attn.q_proj.weight": normal(config.query_size, D, std=1.5 * D**-0.5),
            "self_attn.k_proj.weight": normal(config.kv_size, D, std=1.5 * D**-0.5),
            "self_attn.v_proj.weight": normal(config.kv_size, D, std=D**-0.5),
            "self_attn.o_proj.weight": normal(D, config.query_size, std=config.query_size**-0.5),
            "mlp.gate_proj.weight": normal(F, D, std=D**-0.5),
            "mlp.up_proj.weight": normal(F, D, std=D**-0.5),
            "mlp.down_proj.weight": normal(D, F, std=F**-0.5),
            "input_layernorm.weight": normal(D, std=0.2),
            "post_attention_layernorm.weight": normal(D, std=0.2),
        }
        if config.has_gates:
            layer["self_attn.gate"] = torch.rand(1, config.heads, 1, 1, generator=generator) * 4 - 2
        if config.has_write_gates:
            layer["self_attn.write_gate.weight"] = normal(config.kv_heads, D, std=D**-0.5)
            layer["self_attn.write_gate.bias"] = normal(config.kv_heads, std=0.5)
        if config.has_state_vectors:
            layer["self_attn.state_vector.first"] = normal(D, std=0.5)
            layer["self_attn.state_vector.up.weight"] = normal(D, 2 * D, std=D**-0.5)
            layer["self_attn.state_vector.down.weight"] = normal(2 * D, D, std=D**-0.5)
            layer["self_attn.state_vector.down.bias"] = normal(2 * D, std=0.5)
        if config.added_rank:
            layer |= random_added_memory(config, normal)
        weights |= {f"model.layers.{number}.{name}": weight for name, weight in layer.items()}
    return weights


def random_added_memory(config: ModelConfig, normal: Callable[..., Tensor]) -> Weights:
    D, E, R = config.hidden_size, config.head_size, config.added_rank
    sizes = {
        "query": (D, config.query_size),
        "key": (D, config.kv_size),
        "value": (D, config.kv_size),
        "output": (config.query_size, D),
    }
    found = {"query_map": normal(E, E, std=E**-0.5), "key_map": normal(E, E, std=E**-0.5)}
    found["context.down.weight"] = normal(4 * R, D, std=D**-0.5)
    found["context.up.weight"] = normal(config.kv_size, 4 * R, std=(4 * R) ** -0.5)
    for kernel in ("query_kernel", "key_kernel"):
        found[kernel] = normal(config.kv_heads, E, 16, std=16**-0.5)
    for part, (size, out) in sizes.items():
        found[f"{part}.down.weight"] = normal(R, size, std=size**-0.5)
        found[f"{part}.up.weight"] = normal(out, R, std=R**-0.5)
    for gate, heads in (("write_gate", config.kv_heads), ("read_gate", config.heads)):
        found[f"{gate}.weight"] = normal(heads, D, std=D**-0.5)
        found[f"{gate}.bias"] = normal(heads, std=0.5)
    return {f"self_attn.added_memory.{name}": weight for name, weight in found.items()}


def random_ids(config: ModelConfig, length: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(config.vocabulary, (length,), generator=generator).tolist()
