"""Hold text as ids, and the places where a sentence can be planted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m.tokens import Tokenizer


@dataclass(frozen=True)
class Prose:
    ids: Tensor  # (T,) int64
    places: Tensor  # (P,) int64, sorted: before a word, or before a line's end
    after_line: Tensor  # (P,) bool: the place is before a newline

    @classmethod
    def of(cls, tokenizer: Tokenizer, text: str) -> Prose:
        ids = torch.tensor(tokenizer.encode(text))
        newline, word = _place_tables(tokenizer, int(ids.max()) + 1)
        places = (newline[ids] | word[ids]).nonzero().squeeze(1)
        return cls(ids, places, newline[ids[places]])

    def cut(self, start: int, count: int) -> Tensor:
        """Return `count` ids from `start`, the text repeated when it ends."""
        size = self.ids.numel()
        start %= size
        first = self.ids[start : start + count]
        again = self.ids.repeat(-(-(count - first.numel()) // size))[: count - first.numel()]
        return torch.cat((first, again))  # (count)

    def place(self, start: int, offset: int) -> tuple[int, bool]:
        """Return the nearest place at or before `start + offset`, counted from `start`, and if a line ends there."""
        if not self.places.numel():
            return 0, False
        here = (start + offset) % self.ids.numel()
        index = int(torch.searchsorted(self.places, here, right=True)) - 1
        back = (here - int(self.places[index])) % self.ids.numel()  # index -1: the place before the text began again
        if back > offset:
            return 0, False
        return offset - back, bool(self.after_line[index])


@dataclass(frozen=True)
class ProseSpan:
    """Make `count` ids of a text from `start` when asked: a document of ten million tokens takes no space."""

    prose: Prose
    start: int
    count: int

    def cut(self, first: int, stop: int) -> Tensor:
        return self.prose.cut(self.start + first, stop - first)  # (stop - first)

    def __len__(self) -> int:
        return self.count


def _place_tables(tokenizer: Tokenizer, size: int) -> tuple[Tensor, Tensor]:
    texts = [tokenizer.decode([token]) for token in range(size)]
    newline = torch.tensor([text.startswith("\n") for text in texts])
    word = torch.tensor([text.startswith(" ") and text.strip() != "" for text in texts])
    return newline, word
