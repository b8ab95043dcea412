"""A landmark a passage: where a model's own keys point, also for a question in other words than the text's.

A landmark is the mean of the first layer's keys of a passage's tokens: these alone hang on nothing before the passage,
so that they cost no second reading and nothing has to be resumed. Means of a hundred tokens are nearly alike: rare
tokens count for more, and what all passages have in common, their mean and covariance, is taken out.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from gemma10m.tokens import Tokenizer

WIDTH = 256  # numbers of a landmark, half a KB: all of a 2B's only key head, the first of a larger model's
LEAST = 1e-12  # where all passages are alike
ROWS = 1 << 13  # of the vocabulary at a time: what a model makes of a token before its key is far wider
RIDGE = 1e-3  # of the mean variance: directions in which passages hardly differ are noise


@dataclass(frozen=True)
class Keys:
    """What a model's tokens look like before anything is read. fingerprint: the model's."""

    fingerprint: str
    tokenizer: Tokenizer
    of: Callable[[Tensor], Tensor]  # ids (S) -> (S, K * E), of any dtype on any device

    def narrow(self, ids: Tensor) -> Tensor:
        return self.of(ids)[:, :WIDTH].float().cpu()  # (S, width)


class LandmarkMaker:
    """Takes passages one by one; how rare a token is, is known when it has them all."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._ids, self._starts = array("i"), array("i")
        self._having: Counter[int] = Counter()  # passages, by token

    def add(self, text: str) -> None:
        ids = self.keys.tokenizer.encode(text)
        self._starts.append(len(self._ids))
        self._ids.extend(ids)
        self._having.update(set(ids))

    def landmarks(self) -> Landmarks:
        rarity = self._rarity()
        means = unit(self._sums(rarity))  # (rows, width)
        mean = means.mean(0)  # (width)
        marks = _decorrelated(means - mean)  # (rows, width)
        return Landmarks(rarity, mean, (marks / marks.abs().amax().clamp(min=LEAST)).half())

    def _rarity(self) -> Tensor:
        """The square of each token's inverse document frequency, a passage being a document. -> (V)"""
        having = torch.ones(self.keys.tokenizer.vocabulary)  # (V): one more than have it
        for token, count in self._having.items():
            having[token] += count
        return (len(self._starts) / having).log().clamp(min=0.0).square()

    def _sums(self, rarity: Tensor) -> Tensor:
        rows = torch.arange(len(rarity)).split(ROWS)
        table = torch.cat([self.keys.narrow(part) for part in rows])  # (V, width)
        ids, starts = (torch.frombuffer(held, dtype=torch.int32) for held in (self._ids, self._starts))
        return F.embedding_bag(ids, table, starts, mode="sum", per_sample_weights=rarity[ids])  # (rows, width)


def _decorrelated(centred: Tensor) -> Tensor:
    """(rows, width), with their covariance divided out."""
    covariance = centred.mT @ centred / len(centred)  # (width, width)
    ridge = (RIDGE * covariance.diagonal().mean()).clamp(min=LEAST)
    inverse: Tensor = torch.linalg.inv(covariance + ridge * torch.eye(len(covariance)))  # (width, width)
    return centred @ inverse


@dataclass(frozen=True)
class Landmarks:
    rarity: Tensor  # (V) float32
    mean: Tensor  # (width) float32
    marks: Tensor  # (rows, width) float16

    def nearest(self, keys: Keys, question: str, limit: int) -> list[int]:
        """The passages whose landmarks lie in the direction of the question's keys, the nearest first; none for a
        question of which every passage has every token.
        """
        ids = torch.tensor(keys.tokenizer.encode(f" {question}"), dtype=torch.int64)  # (S)
        asked = (keys.narrow(ids) * self.rarity[ids].unsqueeze(1)).sum(0)  # (width)
        if not asked.any():
            return []
        scores = self.marks.float() @ (unit(asked) - self.mean)  # (rows)
        return [int(number) for number in scores.topk(min(limit, len(scores))).indices]

    def packed(self) -> bytes:
        return save({"rarity": self.rarity, "mean": self.mean, "marks": self.marks})


def unpacked(content: bytes, vocabulary: int, passages: int) -> Landmarks | None:
    """None where it is not what was packed, for that many ids and passages."""
    try:
        held = load(content)
        found = Landmarks(held["rarity"], held["mean"], held["marks"])
    except (SafetensorError, KeyError, TypeError, ValueError):
        return None
    kinds = [(tensor.dtype, tuple(tensor.shape)) for tensor in (found.rarity, found.mean, found.marks)]
    width = len(found.mean) if found.mean.dim() else 0
    shapes = ((vocabulary,), (width,), (passages, width))
    expected = list(zip((torch.float32, torch.float32, torch.float16), shapes, strict=True))
    return found if kinds == expected and _all_finite(found) else None


def _all_finite(found: Landmarks) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in (found.rarity, found.mean, found.marks))


def unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)
