"""Count the bytes that the design passes between ranks, from shapes alone (docs/distributed.md)."""

from __future__ import annotations

from gemma10m.config import MemoryKind
from gemma10m.memory.runs import Round
from gemma10m.memory.spans import Window
from gemma10m.models.attention import Attention
from gemma10m.models.chunk import wide_dtype
from gemma10m.models.decoder import Decoder


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
            tokens, opened = _kept_since(mixer.window, dealt.starts[rank + 1], dealt.start), 0
            tokens += others * max(0, mixer.window.sinks - dealt.start) * (rank == 0)
        else:
            tokens = others * _kept_since(mixer.window, dealt.end, dealt.start)
            opened = others * mixer.window.open_tokens(dealt.end)
        found.append(_nbytes(mixer, model, tokens, opened, others))
    return found


def _received(mixer: Attention, model: Decoder, dealt: Round, rank: int) -> int:
    window, others = mixer.window, len(dealt.starts) - 1
    run, left = dealt.run(rank), _kept_since(window, dealt.end, dealt.start)
    own = max(0, run.stop - max(run.start, dealt.end - left))
    tokens = _kept_since(window, run.start, dealt.start) + left - own
    if rank:
        tokens += max(0, window.sinks - dealt.start)
    opened = 0 if rank == others else window.open_tokens(dealt.end)
    return _nbytes(mixer, model, tokens, opened, others)


def _nbytes(mixer: Attention, model: Decoder, tokens: int, opened: int, maps: int) -> int:
    """Count the bytes of so many tokens' keys and values, open tokens' writes, and ranks' maps."""
    spec, memory = mixer.spec, mixer.memory.name
    wide = maps * map_numbers(memory, spec.head_size) + opened * open_numbers(memory, spec.head_size)
    narrow = 2 * tokens * spec.head_size
    return spec.kv_heads * (narrow * model.dtype.itemsize + wide * wide_dtype(model.dtype).itemsize)


def owners(model: Decoder) -> list[Attention]:
    """Return the layers with keys and values of their own: no others pass anything."""
    return [mixer for mixer in model.mixers if isinstance(mixer, Attention) and mixer.spec.source is None]


def _kept_since(window: Window, position: int, start: int) -> int:
    """Count the keys kept at a position that the round has read."""
    return min(window.kept(position), position - start)
