"""Measure the loss by position, with the memory and without it, on the same tokens."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m.errors import ModelError, UsageError
from gemma10m.memory import KINDS
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.reading.stretch import stretch_tokens

TokensRead = Callable[[int], None]

LOGIT_BYTES = 1 << 28  # float32 logits that exist at a time
# Student's t at 97.5 % for 1, 2, ... degrees of freedom.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
_Z = 1.960


def check_perplexity(model: Decoder, available: int, tokens: int) -> None:
    """Refuse a text with fewer tokens or a model without memory. Raises UsageError."""
    if not KINDS[model.reading.memory].remembers:
        raise UsageError(
            "the model reads without memory: there is nothing to compare", hint="leave --memory window out"
        )
    if not 1 <= tokens <= available:
        raise UsageError(
            f"{tokens:,} tokens are to be measured, and the text has {available:,}",
            hint="name a longer text, or ask for fewer tokens",
        )


def measure_perplexity(
    model: Decoder, bos: int, text: Tensor, tokens: int, seed: int, tick: TokensRead = lambda read: None
) -> list[dict[str, object]]:
    """Measure the losses of `tokens` tokens of the text's ids (T), read after `bos`, from a seeded start.

    Returns a row for each bucket of positions: up to the first power of two that holds a segment, then from one power
    of two to the next, and last all of them. Its fields: start, stop, n; loss_on, loss_off (nats), perplexity_on,
    perplexity_off; difference, the mean of on - off (below 0: the memory helps), and its 95 % interval low, high, from
    the means of the segments, since neighbouring tokens are not independent: None where there is one segment only.
    Raises as `check_perplexity` does, and ModelError for a loss that is not a number. `tick` gets the tokens of each
    stretch, of both readings.
    """
    check_perplexity(model, text.numel(), tokens)
    start = random.Random(f"{seed} {tokens}").randrange(text.numel() - tokens + 1)
    measured = text[start : start + tokens]
    read = torch.cat((torch.tensor([bos]), measured[:-1]))
    on, off = (token_losses(one, read, measured, tick) for one in (model, without_memory(model)))
    segment = model.reading.segment
    return [_row(on, off, *bucket, segment) for bucket in buckets(tokens, segment)]


@torch.inference_mode()
def token_losses(model: Decoder, read: Tensor, expected: Tensor, tick: TokensRead = lambda read: None) -> Tensor:
    """Return -log p of each expected token (T) after the tokens read up to its place (T). -> (T) float64 on the CPU.

    Raises ModelError for a loss that is not a number.
    """
    stretch, rows = stretch_tokens(model), max(1, LOGIT_BYTES // (4 * model.config.vocabulary))
    state, losses = model.empty_state(), []
    for ids, targets in zip(read.split(stretch), expected.split(stretch), strict=True):
        hidden, state = model.hidden(ids.unsqueeze(0), state, ids.numel())  # (B, S, D)
        for some, wanted in zip(hidden[0].split(rows), targets.to(model.device).split(rows), strict=True):
            losses.append(F.cross_entropy(model.head(some).float(), wanted, reduction="none"))
        tick(ids.numel())
    found = torch.cat(losses).double().cpu()
    broken = (~found.isfinite()).nonzero()
    if broken.numel():
        raise ModelError(
            f"{model.name or 'the model'} gives token {int(broken[0]):,} the loss {float(found[broken[0]])} when it "
            f"reads with {model.reading.memory} memory",
            hint="the weights may be damaged: gemma10m info shows what they are",
        )
    return found


def buckets(tokens: int, segment: int) -> Iterator[tuple[int, int]]:
    start, stop = 0, 1 << (segment - 1).bit_length()
    while stop < tokens:
        yield start, stop
        start, stop = stop, 2 * stop
    if start:
        yield start, tokens
    yield 0, tokens


def _row(on: Tensor, off: Tensor, start: int, stop: int, segment: int) -> dict[str, object]:
    mine, other = on[start:stop], off[start:stop]
    difference, half = _mean_of_segments(mine - other, start, segment)
    return {
        "start": start,
        "stop": stop,
        "n": stop - start,
        "loss_on": float(mine.mean()),
        "loss_off": float(other.mean()),
        "perplexity_on": float(mine.mean().exp()),
        "perplexity_off": float(other.mean().exp()),
        "difference": difference,
        "low": None if half is None else difference - half,
        "high": None if half is None else difference + half,
    }


def _mean_of_segments(values: Tensor, start: int, segment: int) -> tuple[float, float | None]:
    """Return the mean of all values and half its interval's width, a ratio estimate over segments."""
    blocks = (torch.arange(start, start + values.numel()) // segment).unique(return_inverse=True)[1]
    sizes = torch.bincount(blocks).double()
    count, mean = sizes.numel(), float(values.mean())
    if count == 1:
        return mean, None
    sums = torch.bincount(blocks, weights=values)
    spread = float((sums - mean * sizes).square().sum())
    return mean, _student(count - 1) * math.sqrt(spread * count / (count - 1)) / values.numel()


def _student(freedom: int) -> float:
    """Return Student's t at 97.5 %, past the table by Fisher's series, right to three places."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    first = (_Z**3 + _Z) / (4 * freedom)
    second = (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * freedom**2)
    return _Z + first + second
