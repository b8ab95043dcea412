"""Bring a layer's state from one rank's run to the next, and to all ranks at a round's end (docs/distributed.md)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gemma10m.memory.runs import Runs
from gemma10m.memory.spans import Window
from gemma10m.memory.state import LayerState

SINKS = ("sink_keys", "sink_values")


def state_before(
    state: LayerState, keys: Tensor, values: Tensor, window: Window, opened: tuple[str, ...], runs: Runs
) -> LayerState:
    """Return the state before this rank's run, but for the memory, from the state before the round.

    keys, values (B, K, S, E): of the run's own tokens; opened: names of what the open segment will write. Every rank
    must call this.
    """
    starts, first = runs.round.starts, runs.round.start
    found = rows_at(state, {"keys": keys, "values": values}, [_kept_at(window, start) for start in starts], runs)
    if first < window.sinks:  # the first rank's run holds all of them
        missing = range(first, window.sinks)
        wanted = [range(0)] + [missing] * (len(starts) - 1)
        for name, part in zip(SINKS, runs.fetch((keys, values), wanted), strict=True):
            if state.get(name) is not None:
                found[name] = torch.cat((state[name], part), dim=2)
    if runs.rank:  # a run that begins with a segment has no open one
        found |= {name: state[name][:, :, :0] for name in opened}
    return state.replace(**found)


def state_after(
    state: LayerState, left: LayerState, keys: Tensor, values: Tensor, window: Window, runs: Runs
) -> LayerState:
    """Return the state after the round: the same on every rank.

    state: before the round; left: after this rank's run, with the memory of all. Every rank must call this.
    """
    wanted = [_kept_at(window, runs.round.end)] * len(runs.round.starts)
    return left.replace(**rows_at(state, {"keys": keys, "values": values}, wanted, runs))


def open_after(left: LayerState, own: Mapping[str, Tensor], window: Window, runs: Runs) -> LayerState:
    """Return the state with what the round's open segment will write. own: tensors of this run's tokens, by name."""
    end = runs.round.end
    wanted = [range(end - window.open_tokens(end), end)] * len(runs.round.starts)
    return left.replace(**dict(zip(own, runs.fetch(tuple(own.values()), wanted), strict=True)))


def rows_at(state: LayerState, own: Mapping[str, Tensor], wanted: list[range], runs: Runs) -> dict[str, Tensor]:
    """Return the rows of the tokens that this rank wants, by name: those before the round are in the state before it.

    own: tensors (B, K, S, E) of this run's tokens. Every rank must call this.
    """
    earlier = max(0, runs.round.start - wanted[runs.rank].start)
    parts = zip(own, runs.fetch(tuple(own.values()), wanted), strict=True)
    return {name: torch.cat((state[name][:, :, state[name].shape[2] - earlier :], part), dim=2) for name, part in parts}


def _kept_at(window: Window, position: int) -> range:
    return range(position - window.kept(position), position)
