"""Count the bytes that the design passes between ranks, from shapes alone (docs/distributed.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gemma10m.config import MemoryKind
from gemma10m.memory.added import CONTEXT_TOKENS
from gemma10m.memory.runs import Round
from gemma10m.models.attention import Attention
from gemma10m.models.chunk import wide_dtype
from gemma10m.models.decoder import Decoder

KeptAt = Callable[[int], int]  # from a position to how many of the tokens before it are kept


@dataclass(frozen=True)
class _Rows:
    """Hold how many tokens' keys and values, contexts and writes are passed, and how many maps."""

    tokens: int
    contexts: int
    opened: int
    maps: int


def map_numbers(memory: MemoryKind, size: int) -> int:
    """Count the numbers in which a K/V head of E numbers says what a run makes of its memory: z, A and B."""
    square = size * size
    return {"linear": square + size, "delta": 2 * square + size, "gated": 2 * square, "added": 2 * square}.get(
        memory, 0
    )


def open_numbers(memory: MemoryKind, size: int) -> int:
    """Count what the round's end holds beside K and V for each open token and K/V head."""
    return {"gated": 1, "added": 2 * size + 1}.get(memory, 0)


def received_bytes(model: Decoder, dealt: Round, rank: int) -> list[int]:
    """Return how many bytes a rank receives in each layer of one round."""
    return [_received(mixer, model, dealt, rank) for mixer in owners(model)]


def sent_bytes(model: Decoder, dealt: Round, rank: int) -> list[int]:
    """Return how many bytes a rank sends in each layer of one round, whose runs are longer than every window."""
    others = len(dealt.starts) - 1
    found = []
    for mixer in owners(model):
        if rank < others:
            position, times, opened = dealt.starts[rank + 1], 1, 0
        else:
            position, times, opened = dealt.end, others, others * mixer.window.open_tokens(dealt.end)
        tokens, contexts = (times * _since(kept, position, dealt.start) for kept in _kept(mixer))
        if rank == 0:
            tokens += others * max(0, mixer.window.sinks - dealt.start)
        found.append(_nbytes(mixer, model, _Rows(tokens, contexts, opened, others)))
    return found


def _received(mixer: Attention, model: Decoder, dealt: Round, rank: int) -> int:
    window, others = mixer.window, len(dealt.starts) - 1
    tokens, contexts = (_received_rows(kept, dealt, rank) for kept in _kept(mixer))
    if rank:
        tokens += max(0, window.sinks - dealt.start)
    opened = 0 if rank == others else window.open_tokens(dealt.end)
    return _nbytes(mixer, model, _Rows(tokens, contexts, opened, others))


def _received_rows(kept: KeptAt, dealt: Round, rank: int) -> int:
    """Count the rows before the rank's run, and those at the round's end that it did not read itself."""
    run, left = dealt.run(rank), _since(kept, dealt.end, dealt.start)
    own = max(0, run.stop - max(run.start, dealt.end - left))
    return _since(kept, run.start, dealt.start) + left - own


def _kept(mixer: Attention) -> tuple[KeptAt, KeptAt]:
    """Return how many tokens' keys and values, and contexts, are kept at a position."""
    window = mixer.window
    if not mixer.memory.needs_added_memory:
        return window.kept, lambda _: 0
    return window.kept, lambda position: CONTEXT_TOKENS + window.open_tokens(position)


def _nbytes(mixer: Attention, model: Decoder, rows: _Rows) -> int:
    spec, memory = mixer.spec, mixer.memory.name
    wide = rows.maps * map_numbers(memory, spec.head_size) + rows.opened * open_numbers(memory, spec.head_size)
    wide += rows.contexts * spec.head_size
    narrow = 2 * rows.tokens * spec.head_size
    return spec.kv_heads * (narrow * model.dtype.itemsize + wide * wide_dtype(model.dtype).itemsize)


def owners(model: Decoder) -> list[Attention]:
    """Return the layers with keys and values of their own: no others pass anything."""
    return [mixer for mixer in model.mixers if isinstance(mixer, Attention) and mixer.spec.source is None]


def _since(kept: KeptAt, position: int, start: int) -> int:
    """Count the rows kept at a position that the round has read."""
    return min(kept(position), position - start)
