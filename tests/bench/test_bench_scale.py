"""The plan for several cards is arithmetic on shapes: nothing is run."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from gemma10m.bench.flops import needed_flops, token_flops
from gemma10m.bench.scale import CARDS, PARTS, SHARE, planned, simulate
from gemma10m.bench.shape import READING, SHAPES
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.reading.stretch import LONGEST

TOKENS = 10_000_000
H200 = CARDS["H200"]


@pytest.fixture(scope="module")
def gemma() -> Decoder:
    with torch.device("meta"):
        return Decoder(SHAPES["gemma-2b"], READING).to(torch.bfloat16)


def test_eight_cards_read_ten_million_tokens_in_twelve_seconds_on_paper(gemma: Decoder) -> None:
    found = simulate(gemma, H200, 8, TOKENS)
    assert found.seconds < 12
    assert found.products > 0.75 * found.seconds
    assert 0 < found.composing + found.passing < 0.05 * found.seconds


def test_products_take_their_flops_at_the_share_of_the_peak(gemma: Decoder) -> None:
    tokens = 8 * LONGEST * 3
    expected = tokens * token_flops(gemma, tokens).products / (8 * SHARE * 989e12)
    assert math.isclose(simulate(gemma, H200, 8, tokens).products, expected)


def test_the_parts_of_a_tokens_flops_are_all_of_them(gemma: Decoder) -> None:
    flops = token_flops(gemma, TOKENS)
    assert flops.products + flops.mixing + flops.writing == needed_flops(gemma, TOKENS)


def test_one_card_passes_nothing(gemma: Decoder) -> None:
    alone = simulate(gemma, H200, 1, TOKENS)
    assert (alone.passing, alone.composing, alone.nbytes) == (0, 0, 0)
    assert 7 < alone.seconds / simulate(gemma, H200, 8, TOKENS).seconds < 8


def test_the_bytes_of_a_layer_do_not_depend_on_the_length(gemma: Decoder) -> None:
    K, E, C, wide, narrow = 1, 256, 2048, 4, 2
    last_rank_sends = 7 * (K * (2 * E * E + E) * wide + 2 * C * K * E * narrow)
    for tokens in (1_000_000, TOKENS):
        assert simulate(gemma, H200, 8, tokens).nbytes == last_rank_sends


def test_a_last_round_counts_its_longest_run(gemma: Decoder) -> None:
    whole, more = simulate(gemma, H200, 8, 8 * LONGEST), simulate(gemma, H200, 8, 8 * LONGEST + 9 * 2048)
    assert math.isclose(more.products / whole.products, 1 + 2 * 2048 / LONGEST)


@pytest.mark.parametrize("memory", ["full", "heavy"])
def test_what_several_cards_cannot_read_together_has_no_plan(memory: Any) -> None:
    with pytest.raises(UsageError, match=f"`{memory}` memory"):
        planned(SHAPES["gemma-2b"], replace(READING, memory=memory), 8, TOKENS)
    assert planned(SHAPES["gemma-2b"], replace(READING, memory=memory), 1, TOKENS)["cards"] == 1


@pytest.mark.parametrize("memory", ["linear", "delta", "gated"])
def test_a_row_adds_up(memory: Any) -> None:
    config = replace(SHAPES["gemma-2b"], has_write_gates=memory == "gated")
    row: dict[str, Any] = planned(config, replace(READING, memory=memory), 8, TOKENS)
    assert abs(sum(row[f"seconds_{part}"] for part in PARTS) - row["seconds"]) < 0.01
    assert row["tokens_per_second"] > TOKENS / 12
