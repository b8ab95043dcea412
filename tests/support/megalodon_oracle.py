"""Compute Megalodon from its equations, one document, one token and one number of a state at a time, in float64.

Weights have the names of the released code's files, and formulas are those of the released code, where it differs from
the paper: no expansion, a turn in the recurrence alone, a readout scaled by 1 / sqrt(J), and a skip weight.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]
Said = Mapping[str, Any]  # config.json


def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


class OracleEMA:
    """Average one channel after the other, with Python's complex numbers."""

    def __init__(self, weights: Weights) -> None:
        alpha, delta = weights["alpha"][..., 0].tolist(), weights["delta"][..., 0].tolist()
        theta, gamma = weights["theta"].flatten().tolist(), weights["gamma"].tolist()
        self.omega, size = weights["omega"].flatten().tolist(), len(alpha[0])
        self.p = [[sigmoid(a) for a in channel] for channel in alpha]
        self.q = [
            [
                (1.0 - sigmoid(alpha[d][j]) * sigmoid(delta[d][j]))
                * cmath.exp(1j * (j + 1) * sigmoid(theta[d]) * 2.0 * math.pi / size)
                for j in range(size)
            ]
            for d in range(len(alpha))
        ]
        self.g = [[complex(*pair) / math.sqrt(size) for pair in channel] for channel in gamma]
        self.h = [[0j] * size for _ in alpha]

    def step(self, x: list[float]) -> list[float]:
        outputs = []
        for d, number in enumerate(x):
            pairs = zip(self.q[d], self.h[d], self.p[d], strict=True)
            self.h[d] = [q * h + p * number for q, h, p in pairs]
            read = sum((g * h).real for g, h in zip(self.g[d], self.h[d], strict=True))
            outputs.append(read + self.omega[d] * number)
        return outputs


class OracleTimestepNorm:
    """Keep every number ever seen, and take the mean and variance of all of them."""

    def __init__(self, weights: Weights, groups: int, eps: float) -> None:
        self.weight, self.bias = weights["weight"] + 1.0, weights["bias"]
        self.groups, self.eps = groups, eps
        self.seen: list[list[float]] = [[] for _ in range(groups)]

    def statistics(self, group: int) -> tuple[float, float]:
        numbers = self.seen[group]
        mean = math.fsum(numbers) / len(numbers)
        return mean, math.fsum((number - mean) ** 2 for number in numbers) / len(numbers)

    def step(self, x: Tensor) -> Tensor:
        parts = []
        for group, part in enumerate(x.chunk(self.groups)):
            self.seen[group] += part.tolist()
            mean, variance = self.statistics(group)
            parts.append((part - mean) / math.sqrt(variance + self.eps))
        return torch.cat(parts) * self.weight + self.bias


def root_mean_square_norm(x: Tensor, eps: float) -> Tensor:
    return x / torch.sqrt(x.square().mean() + eps)


def turned(x: Tensor, place: int, base: float) -> Tensor:
    """Rotate neighbouring pairs as complex numbers."""
    size = len(x)
    found = []
    for pair in range(size // 2):
        z = complex(x[2 * pair], x[2 * pair + 1]) * cmath.exp(1j * place * base ** (-2.0 * pair / size))
        found += [z.real, z.imag]
    return torch.tensor(found, dtype=torch.float64)


@dataclass
class OracleLayer:
    weights: Weights
    said: Said
    place: int = 0  # in the open chunk
    keys: list[Tensor] = field(default_factory=list)  # of each token of the open chunk, (H, E)
    values: list[Tensor] = field(default_factory=list)  # (H, I)

    def __post_init__(self) -> None:
        self.norm = OracleTimestepNorm(part_of(self.weights, "mega.timenorm."), self.said["norm_num_groups"], self.eps)
        self.ema = OracleEMA(part_of(self.weights, "mega.cema."))

    @property
    def eps(self) -> float:
        return float(self.said["norm_eps"])

    def linear(self, name: str, x: Tensor) -> Tensor:
        bias = self.weights.get(f"{name}.bias")
        product = self.weights[f"{name}.weight"] @ x
        return product if bias is None else product + bias

    def step(self, x: Tensor) -> Tensor:
        normed = self.norm.step(x)
        averaged = torch.tensor(self.ema.step(normed.tolist()), dtype=torch.float64)
        mixed = root_mean_square_norm(averaged, self.eps) * (self.weights["mega.rmsnorm.weight"] + 1.0)
        attended = self.attend(mixed, torch.nn.functional.silu(self.linear("mega.wv", normed)))
        gated = attended * torch.nn.functional.silu(self.linear("mega.wr", mixed))
        y = self.linear("mega.wh1", mixed) + self.linear("mega.wh2", gated) + x
        return self.feed_forward(y) + x

    def attend(self, mixed: Tensor, value: Tensor) -> Tensor:
        heads, base = self.said["num_heads"], float(self.said["rope_base"])
        z = self.linear("mega.wz", mixed).unflatten(0, (heads, -1))
        size = z.shape[1]
        z = torch.cat([root_mean_square_norm(head, self.eps) for head in z])
        gamma, beta = self.weights["mega.gamma"], self.weights["mega.beta"]
        query, key = (z * (gamma[i] + 1.0) / math.sqrt(size) + beta[i] for i in range(2))
        if self.place == self.said["chunk_size"]:
            self.place, self.keys, self.values = 0, [], []
        rotated = [
            torch.stack([turned(head, self.place, base) for head in part.unflatten(0, (heads, -1))])
            for part in (query, key)
        ]
        self.keys.append(rotated[1])
        self.values.append(value.unflatten(0, (heads, -1)))
        self.place += 1
        outputs = []
        for head in range(heads):
            scores = torch.stack([rotated[0][head] @ kept[head] for kept in self.keys])
            shares = torch.exp(scores - scores.max())
            outputs.append(sum(s * kept[head] for s, kept in zip(shares / shares.sum(), self.values, strict=True)))
        return torch.cat(outputs)

    def feed_forward(self, y: Tensor) -> Tensor:
        mean = y.mean()
        n = (y - mean) / torch.sqrt((y - mean).square().mean() + self.eps)
        n = n * (self.weights["nffn.norm.weight"] + 1.0) + self.weights["nffn.norm.bias"]
        inner = torch.nn.functional.silu(self.linear("nffn.fc1", n))
        if self.said["swiglu"]:
            inner = inner * self.linear("nffn.fc3", n)
        out = self.linear("nffn.fc2", inner)
        return out * self.weights["nffn.alpha"] if self.said["rescale_nffn"] else out


def part_of(weights: Weights, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}


class MegalodonOracle:
    def __init__(self, weights: Weights, said: Said) -> None:
        weights, self.said = {name: weight.double() for name, weight in weights.items()}, said
        self.embedding = weights["embed.weight"]
        self.layers = [OracleLayer(part_of(weights, f"layers.{n}."), said) for n in range(said["num_layers"])]
        final = part_of(weights, "output.final_norm.")
        self.final = OracleTimestepNorm(final, said["norm_num_groups"], float(said["norm_eps"]))
        self.head = self.embedding if said["share_emb"] else weights["output.output.weight"]

    def step(self, token: int) -> Tensor:
        """Return the logits (V) after one more token."""
        x = self.embedding[token]
        if self.said["scale_emb"]:
            x = x * math.sqrt(len(x))
        for layer in self.layers:
            x = layer.step(x)
        return self.head @ self.final.step(x)

    def logits(self, ids: list[int]) -> Tensor:
        """Return (S, V)."""
        return torch.stack([self.step(token) for token in ids])
