"""Read a stretch of tokens on all ranks at once: one round."""

from __future__ import annotations

from torch import Tensor

from gemma10m.errors import UsageError
from gemma10m.memory import KINDS
from gemma10m.memory.runs import deal
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.ranks.exchange import GroupRuns
from gemma10m.ranks.group import Ranks


def read_round(model: Decoder, ids: Tensor, state: State, ranks: Ranks) -> State:
    """Return the state after ids (B, S), the same on every rank; `state` is that before them.

    A round with fewer segments than ranks is read by each rank for itself, and nothing passes.
    """
    dealt = deal(state.position, ids.shape[1], model.reading.segment, ranks.size)
    if dealt is None:
        alone: State = model(ids, state, logits="none")[1]
        return alone
    run = dealt.run(ranks.rank)
    own = ids[:, run.start - dealt.start : run.stop - dealt.start]  # (B, S)
    runs = GroupRuns(dealt, ranks.rank, ranks.data, ranks.traffic)
    after: State = model(own, state, logits="none", runs=runs)[1]
    return after


def refuse_alone(model: Decoder) -> None:
    """Raise UsageError for a model whose memory several ranks cannot read side by side."""
    memory, why = KINDS[model.reading.memory], ""
    if model.config.megalodon:
        why = "Megalodon's state goes from one token to the next"
    elif memory.in_turn:
        why = f"`{memory.name}` memory goes from one segment to the next"
    elif not memory.closes:
        why = f"`{memory.name}` memory keeps every key and value on one card"
    elif model.reading.kv != "float":
        why = f"keys and values in {model.reading.kv} are not passed from rank to rank"
    if why:
        hint = "read with one process, without torchrun"
        raise UsageError(f"{why}, so that several ranks cannot share a document", hint)
