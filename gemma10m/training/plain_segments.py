"""Read segments of prose once, to write them to a memory between a document's facts and the questions about them.

What a layer with an added memory gets of a document does not depend on the memory. So what was heard once can be
written in every step, with the projections as they then are: a fact meets thousands of tokens that nobody reads again.
The first tokens of each segment are written without the context of those before them, which are drawn anew each time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m.models.decoder import Decoder
from gemma10m.tasks.haystack import Prose
from gemma10m.training.heard_inputs import read_and_hear

RUN = 4  # segments that are read one after the other
RUNS_TOGETHER = 4


@dataclass(frozen=True)
class PlainSegments:
    inputs: Tensor  # (L, P, N, D): what each of the L layers with a memory gets of P segments

    def __len__(self) -> int:
        return self.inputs.shape[1]

    def some(self, count: int, draw: random.Random) -> Tensor:
        """Return `count` segments in a row, or all there are, from a drawn one on: (L, count, N, D)."""
        size = len(self)
        places = (draw.randrange(size) + torch.arange(min(count, size))) % size
        return self.inputs[:, places]


def read_plain(
    model: Decoder, prose: Sequence[Prose], opening: Sequence[int], count: int, seed: int
) -> Iterator[Tensor]:
    """Yield inputs (L, n, N, D) of segments of prose, `count` segments in all or a few more."""
    draw, segment = random.Random(f"{seed} plain"), model.reading.segment
    for _ in range(-(-count // (RUN * RUNS_TOGETHER))):
        _, heard = read_and_hear(model, draw_prose(prose, opening, RUNS_TOGETHER, RUN * segment, draw))
        yield heard.flatten(1, 2).unflatten(1, (-1, segment))


def draw_prose(prose: Sequence[Prose], opening: Sequence[int], rows: int, length: int, draw: random.Random) -> Tensor:
    """Return stretches of drawn texts: (rows, length) int64.

    Each begins with the opening, as documents do: a model that misses its first token gives its layers other inputs.
    """
    first, texts = torch.tensor(opening), [draw.choice(prose) for _ in range(rows)]
    cut = [text.cut(draw.randrange(text.ids.numel()), length - len(opening)) for text in texts]
    return torch.stack([torch.cat((first, ids)) for ids in cut])
