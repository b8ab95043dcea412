"""Hold what a layer's tokens ask attention and memory, and what they bring to be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from gemma10m.memory.spans import Span
from gemma10m.models.chunk import View


class Projected(NamedTuple):
    queries: Tensor  # (B, H, wanted, E)
    keys: Tensor  # (B, K, S, E)
    values: Tensor  # (B, K, S, E)


@dataclass(frozen=True)
class Queries:
    plain: Tensor  # (B, H, S, E): what memory is asked with
    turned: Tensor  # (B, H, S, E): at their positions in the buffer

    def of(self, span: Span, skipped: int) -> Queries:
        """Return a span's queries, each (B, H, G, Q, E)."""
        first = span.first_query - skipped
        here, shape = slice(first, first + span.segments * span.queries), (span.segments, span.queries)
        return Queries(self.plain[:, :, here].unflatten(2, shape), self.turned[:, :, here].unflatten(2, shape))


def queries_of(queries: Tensor, view: View) -> Queries:
    """Return the queries (B, H, wanted, E) of the chunk's last tokens, plain and turned."""
    return Queries(queries, view.rotate(queries, len(view.cos) - queries.shape[2]))
