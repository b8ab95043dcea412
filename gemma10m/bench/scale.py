"""Plan on paper how long several cards take to read a document together: nothing is run (docs/distributed.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from gemma10m.bench.flops import token_flops
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.memory.runs import Round, deal
from gemma10m.models.decoder import Decoder
from gemma10m.ranks.passed import owners, received_bytes, sent_bytes
from gemma10m.ranks.together import refuse_alone
from gemma10m.reading.stretch import LONGEST

SHARE = 0.83  # of the card's peak that products reach
LAUNCH = 5e-6  # seconds of a small kernel that waits for the one before it; assumed
MESSAGE = 20e-6  # seconds that an exchange takes besides its bytes; assumed
PARTS = ("products", "attention", "elementwise", "writing", "composing", "passing")


@dataclass(frozen=True)
class Card:
    """Hold a card's published rates."""

    products: float  # FLOP/s of bfloat16 without sparsity
    narrow_float32: float  # FLOP/s of TF32; memory's products are three of these
    memory: float  # bytes/s
    link: float  # bytes/s in each direction


CARDS = {"H200": Card(products=989e12, narrow_float32=494e12, memory=4.8e12, link=450e9)}


@dataclass(frozen=True)
class Simulated:
    """Hold the seconds of each part, of the card that has most to do."""

    rounds: int
    products: float
    attention: float
    elementwise: float
    writing: float
    composing: float
    passing: float
    nbytes: float  # most that a card sends or receives in one layer of one full round

    @property
    def seconds(self) -> float:
        return math.fsum(getattr(self, part) for part in PARTS)


def simulate(model: Decoder, card: Card, cards: int, tokens: int) -> Simulated:
    """Return the plan for `cards` cards, each of which reads LONGEST tokens of a round. No weight is looked at."""
    segment, at_once = model.reading.segment, cards * LONGEST
    rounds, rest = divmod(tokens, at_once)
    full, last = deal(1 << 30, at_once, segment, cards), deal(1 << 30, rest, segment, cards) if rest else None
    assert full is not None
    own = rounds * LONGEST + (max(len(last.run(rank)) for rank in range(cards)) if last else rest)
    flops = token_flops(model, tokens)
    count = rounds + (last is not None)
    return Simulated(
        rounds=count,
        products=own * flops.products / (SHARE * card.products),
        attention=own * flops.mixing / (SHARE * card.products),
        elementwise=own * _elementwise_bytes(model) / card.memory,
        writing=own * flops.writing / (SHARE * card.narrow_float32 / 3),
        composing=count * _composing(model, cards),
        passing=count * _passing(model, full, card) if cards > 1 else 0.0,
        nbytes=max(max(layer) for layer in _moved(model, full)),
    )


def _elementwise_bytes(model: Decoder) -> float:
    """Count what norms, sums, rotations and the feed-forward's activation read and write for a token."""
    config, numbers = model.config, 0
    for layer in range(config.last_owner + 1):
        spec = config.attention_of(layer)
        heads = 4 * (spec.query_size + 2 * spec.kv_size)
        numbers += 3 * config.feed_forward_of(layer) + 10 * config.hidden_size + heads
    return numbers * model.dtype.itemsize


def _composing(model: Decoder, cards: int) -> float:
    """Count the seconds of a round's small products, each of which waits for the one before it: launches alone."""
    if cards == 1:
        return 0.0
    own = math.ceil(math.log2(max(2, LONGEST // model.reading.segment)))  # a run's maps, in pairs
    layers = sum(mixer.memory.products > 0 for mixer in owners(model))
    return layers * (2 * own + cards) * LAUNCH


def _passing(model: Decoder, full: Round, card: Card) -> float:
    """Count the seconds of a round's exchanges: keys before and after the runs, z where there is one, maps."""
    memories = [mixer.memory for mixer in owners(model)]
    messages = sum(2 + (memory.products > 0) + (memory.name in ("linear", "delta")) for memory in memories)
    nbytes = max(sum(layer) for layer in _moved(model, full))
    return messages * MESSAGE + nbytes / card.link


def _moved(model: Decoder, dealt: Round) -> list[list[int]]:
    """Return for each rank how many bytes it sends or receives in each layer, whichever is more."""
    both = [(received_bytes(model, dealt, rank), sent_bytes(model, dealt, rank)) for rank in range(len(dealt.starts))]
    return [[max(pair) for pair in zip(*each, strict=True)] for each in both]


def planned(config: ModelConfig, reading: ReadingConfig, cards: int, tokens: int) -> dict[str, object]:
    """Return a row: what was planned, and where the time goes. Tokenising is not part of it.

    Raises UsageError for what several ranks cannot read together.
    """
    with torch.device("meta"):
        model = Decoder(config, reading).to(torch.bfloat16)
    if cards > 1:
        refuse_alone(model)
    found, alone = (simulate(model, CARDS["H200"], count, tokens) for count in (cards, 1))
    return {
        "card": "H200",
        "cards": cards,
        "memory": reading.memory,
        "tokens": tokens,
        "share_of_peak": SHARE,
        "rounds": found.rounds,
        "most_bytes_a_card_and_layer": int(found.nbytes),
        "seconds": round(found.seconds, 2),
        **{f"seconds_{part}": round(getattr(found, part), 3) for part in PARTS},
        "seconds_one_card": round(alone.seconds, 2),
        "tokens_per_second": round(tokens / found.seconds),
    }
