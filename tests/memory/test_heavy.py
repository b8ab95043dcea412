"""The most attended tokens: which are kept when a segment closes, and how attention received is counted."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gemma10m.memory.heavy import HeavyTokens
from gemma10m.models import scores
from gemma10m.models.scores import received


def tokens(numbers: list[int]) -> Tensor:
    """Return keys (1, 1, tokens, 2) that are recognised by their number."""
    return torch.tensor(numbers, dtype=torch.float64).view(1, 1, -1, 1).expand(-1, -1, -1, 2)


def attention(shares: list[float]) -> Tensor:
    return torch.tensor(shares, dtype=torch.float64).view(1, 1, -1)


def numbers(kept: HeavyTokens) -> list[int]:
    assert torch.equal(kept.keys, kept.values)
    return [int(number) for number in kept.keys[0, 0, :, 0]]


def test_the_most_attended_are_kept_in_the_documents_order() -> None:
    kept = HeavyTokens(tokens([3, 5]), tokens([3, 5]), attention([1, 4, 3, 0, 2]), attention([1, 0, 0, 1, 0, 9, 9, 9]))
    # 3 has received 2, 5 has 4; of those that leave the carry 10 has 3, 11 has 1, 12 has 2; three others stay in it
    left = kept.closed(tokens([10, 11, 12]), tokens([10, 11, 12]), dropped=0, budget=3)
    assert numbers(left) == [3, 5, 10]
    assert left.received.flatten().tolist() == [2, 4, 3, 9, 9, 9]
    assert not left.opened.any()


def test_of_equals_the_earlier_one_stays() -> None:
    kept = HeavyTokens(tokens([1, 2]), tokens([1, 2]), attention([1, 1, 1, 1]), attention([0, 0, 0, 0]))
    assert numbers(kept.closed(tokens([8, 9]), tokens([8, 9]), dropped=0, budget=2)) == [1, 2]


def test_sinks_are_left_out_whatever_they_received() -> None:
    kept = HeavyTokens(tokens([]), tokens([]), attention([9, 9, 1, 2]), attention([0, 0, 0, 0, 5, 5]))
    left = kept.closed(tokens([0, 1, 2, 3]), tokens([0, 1, 2, 3]), dropped=2, budget=4)
    assert numbers(left) == [2, 3]
    assert left.received.flatten().tolist() == [1, 2, 5, 5]


def test_heads_keep_tokens_of_their_own() -> None:
    keys = torch.arange(3.0).view(1, 1, 3, 1).expand(1, 2, 3, 2)
    kept = HeavyTokens(keys[:, :, :0], keys[:, :, :0], torch.tensor([[[1.0, 2, 3], [3, 2, 1]]]), torch.zeros(1, 2, 3))
    left = kept.closed(keys, keys, dropped=0, budget=1)
    assert left.keys[0, :, 0, 0].tolist() == [2, 0]


@pytest.mark.parametrize("cap", [None, 3.0])
@pytest.mark.parametrize("at_once", [1, 10**6])
def test_attention_received_is_the_sum_of_the_softmax_weights(
    monkeypatch: pytest.MonkeyPatch, cap: float | None, at_once: int
) -> None:
    monkeypatch.setattr(scores, "SCORES_AT_ONCE", at_once)
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(2, 4, 3, 6, generator=generator, dtype=torch.float64)
    keys = torch.randn(2, 2, 8, 6, generator=generator, dtype=torch.float64)
    expected = torch.zeros(2, 2, 8, dtype=torch.float64)
    for row in range(2):
        for head in range(4):
            for place in range(3):
                products = [float(queries[row, head, place] @ keys[row, head // 2, j]) / 2 for j in range(6 + place)]
                capped = [product if cap is None else math.tanh(product / cap) * cap for product in products]
                total = sum(map(math.exp, capped))
                for j, score in enumerate(capped):
                    expected[row, head // 2, j] += math.exp(score) / total
    found = received(queries, keys, scale=0.5, cap=cap)
    assert (found - expected).abs().max() <= 1e-10
    assert (found.sum(2) - 2 * 3).abs().max() <= 1e-10  # two query heads of three queries each
