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
from safetensors.torch import load
from torch import Tensor

from gemma10m.errors import OutOfMemoryError
from gemma10m.tensor_bytes import safetensors_bytes
from gemma10m.tokens import Tokenizer

WIDTH = 256  # numbers of a landmark, half a KB: all of a 2B's only key head, the first of a larger model's
RIDGE = 1e-3  # of the mean variance: directions in which passages hardly differ are noise
LEAST = 1e-12  # where all passages are alike
ROWS = 1 << 10  # tokens at a time: what a model makes of one before its key is far wider


@dataclass(frozen=True)
class Keys:
    """What a model's tokens look like before anything is read. fingerprint: the model's."""

    fingerprint: str
    tokenizer: Tokenizer
    of: Callable[[Tensor], Tensor]  # ids (S) -> (S, K * E), of any dtype on any device

    def narrow(self, ids: Tensor) -> Tensor:
        """(S) -> (S, width). Raises OutOfMemoryError for a GPU that has no room for a few MB."""
        try:
            parts = [self.of(part)[:, :WIDTH].to("cpu", torch.float32, copy=True) for part in ids.split(ROWS)]
        except torch.OutOfMemoryError as error:
            raise OutOfMemoryError(
                "the GPU's memory does not suffice for landmarks", "leave --landmarks out"
            ) from error
        return torch.cat(parts)  # (S, width)


class LandmarkMaker:
    """Takes passages one by one; how rare a token is, is known when it has them all."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._numbers: dict[int, int] = {}  # of the tokens that there are, by id
        self._tokens, self._starts = array("i"), array("i")  # numbers, passage after passage
        self._having: Counter[int] = Counter()  # passages, by number

    def add(self, text: str) -> None:
        known = self._numbers
        numbers = [known.setdefault(token, len(known)) for token in self.keys.tokenizer.encode(text)]
        self._starts.append(len(self._tokens))
        self._tokens.extend(numbers)
        self._having.update(set(numbers))

    def landmarks(self) -> Landmarks:
        """In place as far as it goes: of ten million tokens each copy is tens of MB. Raises OutOfMemoryError."""
        known = torch.tensor(list(self._numbers), dtype=torch.int32)  # (rows)
        having = torch.tensor([self._having[number] for number in range(len(known))])  # (rows)
        rarity = _rarity(len(self._starts), having)  # (rows)
        means = self._sums(known, rarity)  # (count, width)
        means.div_(means.norm(dim=1, keepdim=True).clamp(min=LEAST))
        mean = means.mean(0)  # (width)
        marks = _decorrelated(means.sub_(mean))  # (count, width)
        scale = torch.maximum(marks.max(), -marks.min()).clamp(min=LEAST)
        return Landmarks(known, rarity, mean, marks.div_(scale).half())

    def _sums(self, known: Tensor, rarity: Tensor) -> Tensor:
        """Of each passage's keys, by the rarity of their tokens; known and rarity (rows). -> (count, width)"""
        weighted = self.keys.narrow(known.long()).mul_(rarity.unsqueeze(1))  # (rows, width)
        tokens, starts = (torch.frombuffer(held, dtype=torch.int32) for held in (self._tokens, self._starts))
        return F.embedding_bag(tokens, weighted, starts, mode="sum")  # (count, width)


def _rarity(passages: int, having: Tensor) -> Tensor:
    """The square of a token's inverse document frequency, a passage being a document; of the same shape as `having`."""
    return (passages / (1.0 + having)).log().clamp(min=0.0).square()


def _decorrelated(centred: Tensor) -> Tensor:
    """(count, width), with their covariance divided out."""
    covariance = centred.mT @ centred / len(centred)  # (width, width)
    ridge = (RIDGE * covariance.diagonal().mean()).clamp(min=LEAST)
    inverse: Tensor = torch.linalg.inv(covariance + ridge * torch.eye(len(covariance)))  # (width, width)
    return centred @ inverse


@dataclass(frozen=True)
class Landmarks:
    known: Tensor  # (rows) int32: tokens that the text has
    rarity: Tensor  # (rows) float32
    mean: Tensor  # (width) float32
    marks: Tensor  # (count, width) float16: of each passage

    def nearest(self, keys: Keys, question: str, limit: int) -> list[int]:
        """The passages whose landmarks lie in the direction of the question's keys, the nearest first; none for a
        question of which every passage has every token.
        """
        ids = torch.tensor(keys.tokenizer.encode(f" {question}"), dtype=torch.int64)  # (S)
        asked = (keys.narrow(ids) * self._rarity_of(ids, keys).unsqueeze(1)).sum(0)  # (width)
        if not asked.any():
            return []
        scores = self.marks.float() @ (F.normalize(asked, dim=0) - self.mean)  # (count)
        return [int(number) for number in scores.topk(min(limit, len(scores))).indices]

    def _rarity_of(self, ids: Tensor, keys: Keys) -> Tensor:
        """Of any token, those included that the text has not. (S) -> (S)"""
        every = _rarity(len(self.marks), torch.zeros(keys.tokenizer.vocabulary))  # (V)
        every[self.known] = self.rarity
        return every[ids]

    def packed(self) -> bytes:
        return safetensors_bytes({"known": self.known, "rarity": self.rarity, "mean": self.mean, "marks": self.marks})


def unpacked(content: object, keys: Keys, passages: int) -> Landmarks | None:
    """None where it is not what was packed, for these keys and that many passages."""
    if not isinstance(content, bytes):
        return None
    try:
        held = load(content)
        found = Landmarks(held["known"], held["rarity"], held["mean"], held["marks"])
    except (SafetensorError, KeyError, ValueError):
        return None
    return found if _fits(found, keys, passages) else None


def _fits(found: Landmarks, keys: Keys, passages: int) -> bool:
    tensors = (found.known, found.rarity, found.mean, found.marks)
    rows, width = found.known.numel(), keys.narrow(torch.zeros(1, dtype=torch.int64)).shape[1]
    shapes = ((rows,), (rows,), (width,), (passages, width))
    dtypes = (torch.int32, torch.float32, torch.float32, torch.float16)
    if [(t.dtype, tuple(t.shape)) for t in tensors] != list(zip(dtypes, shapes, strict=True)):
        return False
    tokens = bool(((found.known >= 0) & (found.known < keys.tokenizer.vocabulary)).all())
    return tokens and all(bool(t.isfinite().all()) for t in tensors)
