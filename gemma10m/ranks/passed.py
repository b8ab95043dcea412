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
    return [_layer(mixer, model, dealt, rank) for mixer in model.mixers if isinstance(mixer, Attention)]


def _layer(mixer: Attention, model: Decoder, dealt: Round, rank: int) -> int:
    spec, memory, window = mixer.spec, mixer.memory.name, mixer.window
    if spec.source is not None:
        return 0
    item, wide = model.dtype.itemsize, wide_dtype(model.dtype).itemsize
    is_last, ranks = rank == len(dealt.starts) - 1, len(dealt.starts)
    run, left = dealt.run(rank), _kept_since(window, dealt.end, dealt.start)
    own = max(0, run.stop - max(run.start, dealt.end - left))
    tokens = _kept_since(window, run.start, dealt.start) + left - own
    if rank and window.sinks:
        tokens += max(0, window.sinks - dealt.start)
    opened = 0 if is_last else window.open_tokens(dealt.end)
    maps = (ranks - 1) * map_numbers(memory, spec.head_size)
    writes = opened * open_numbers(memory, spec.head_size)
    return 2 * tokens * spec.kv_size * item + (maps + writes) * spec.kv_heads * wide


def _kept_since(window: Window, position: int, start: int) -> int:
    """Count the keys kept at a position that the round has read."""
    return min(window.kept(position), position - start)
