"""Keep the states of a cell's documents for a second look: with passages retrieved the same state is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from gemma10m.evaluation.cell import Cell
from gemma10m.evaluation.needles import Tick, read_side_by_side
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.tasks.writer import Script

MOST_KEPT = 1 << 28  # bytes of a cell's states


@dataclass(frozen=True)
class CellReading:
    state: State
    read: int  # tokens that went through the model
    seconds: float


class Readings:
    """Keep one cell's readings at a time, at most MOST_KEPT bytes, and none unless cells are evaluated twice."""

    def __init__(self, twice: bool) -> None:
        self._most = MOST_KEPT if twice else 0
        self._cell: Cell | None = None
        self._kept: dict[tuple[str, int, int, int], CellReading] = {}
        self._first = 0
        self.seconds_saved = 0.0  # of the last batch; 0: it was read

    def begin(self, cell: Cell, first: int) -> None:
        """Announce that documents from `first` on of this cell are read next."""
        if cell != self._cell:
            self._cell, self._kept = cell, {}
        self._first, self.seconds_saved = first, 0.0

    def side_by_side(self, model: Decoder, scripts: Sequence[Script], stop: int, tick: Tick) -> tuple[State, int]:
        """Do as `read_side_by_side` does, without reading again documents whose state is kept."""
        place = (model.reading.memory, self._first, len(scripts), stop)
        if place in self._kept:
            self.seconds_saved = self._kept[place].seconds
        else:
            self._kept[place] = self._reading(model, scripts, stop, tick)
        found = self._kept[place]
        if sum(reading.state.nbytes for reading in self._kept.values()) > self._most:
            del self._kept[place]
        return found.state, found.read

    def _reading(self, model: Decoder, scripts: Sequence[Script], stop: int, tick: Tick) -> CellReading:
        started = time.monotonic()
        state, read = read_side_by_side(model, scripts, stop, tick)
        return CellReading(state, read, time.monotonic() - started)
