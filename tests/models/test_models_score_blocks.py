"""Attention by blocks of queries equals PyTorch's, and is taken where it is meant to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from models import difference, random_ids, tiny_model
from official_models import Float64, official_model, save, true_logits
from official_models import random_ids as official_ids
from torch import Tensor

import gemma10m
from gemma10m.models import attention, score_blocks, scores
from gemma10m.models.score_blocks import FEWEST_QUERIES, attend_in_blocks, faster_in_blocks

EXACT = 1e-10
WIDTH = 57
MANY = FEWEST_QUERIES + 3


def drawn(queries: int, width: int = WIDTH, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries (2, 4, Q, 8), keys and values (2, 2, width, 8)."""
    generator = torch.Generator().manual_seed(queries)
    shapes = ((2, 4, queries, 8), (2, 2, width, 8), (2, 2, width, 8))
    one, two, three = (torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes)
    return one, two, three


def by_torch(queries: Tensor, keys: Tensor, values: Tensor, reach: int | None, scale: float) -> Tensor:
    mask = scores.window_mask(queries.shape[2], keys.shape[2], reach, keys.device)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=scale, enable_gqa=True)


@pytest.fixture(
    params=[(512, 2**24), (14, 2**24), (1, 2**24), (512, 2**12)], ids=lambda sizes: f"{sizes[0]} {sizes[1]}"
)
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks be one, several that do not divide the queries, single queries, or what few scores allow."""
    monkeypatch.setattr(score_blocks, "ROWS", request.param[0])
    monkeypatch.setattr(score_blocks, "LARGEST_PRODUCT", request.param[1])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of queries of each call of `attend_in_blocks` from now on."""
    found: list[int] = []

    def counted(queries: Tensor, *others: Tensor, reach: int | None, scale: float, shifted: bool) -> Tensor:
        found.append(queries.shape[2])
        return attend_in_blocks(queries, *others, reach=reach, scale=scale, shifted=shifted)

    monkeypatch.setattr(scores, "attend_in_blocks", counted)
    return found


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("reach", [None, 1, 5, 28, 40, 57, 80])
@pytest.mark.parametrize("queries", [1, 7, 30, 57])
@pytest.mark.parametrize("shifted", [False, True])
def test_blocks_equal_pytorchs_attention(queries: int, reach: int | None, shifted: bool) -> None:
    inputs = drawn(queries)
    given = [part.clone() for part in inputs]
    found = attend_in_blocks(*given, reach=reach, scale=0.3, shifted=shifted)
    assert difference(found, by_torch(*inputs, reach, 0.3)) < EXACT
    assert all(torch.equal(*pair) for pair in zip(given, inputs, strict=True))


def test_products_of_a_long_read_have_few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every shape costs memory, in a library that keeps code for it."""
    monkeypatch.setattr(score_blocks, "ROWS", 8)
    shapes, bmm = set(), torch.bmm

    def counted(shares: Tensor, values: Tensor) -> Tensor:
        shapes.add(shares.shape)
        return bmm(shares, values)

    monkeypatch.setattr(torch, "bmm", counted)
    for width in range(64, 2049, 64):
        attend_in_blocks(*drawn(64, width), reach=None, scale=0.3, shifted=False)
    assert 1 < len(shapes) <= 8 * 9  # 8 to each doubling of the width, from 4 to 2048


@pytest.mark.parametrize("name", ["gemma", "gemma3_text", "llama", "qwen3"])
@pytest.mark.parametrize("rows", [512, 6])
def test_a_model_that_reads_in_blocks_equals_the_official_one(
    name: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[int]
) -> None:
    monkeypatch.setattr(scores, "faster_in_blocks", lambda queries: True)
    monkeypatch.setattr(score_blocks, "ROWS", rows)
    official, ids = official_model(name), official_ids()
    model = gemma10m.load_model(save(official, tmp_path / name), memory="full").double()
    state, parts = model.empty_state(len(ids)), []
    with Float64(), torch.no_grad():
        for part in ids.tensor_split((23, 24, 60), dim=1):
            logits, state = model(part, state)
            parts.append(logits)
    assert len(calls) >= 4 * model.config.layers
    assert difference(torch.cat(parts, dim=1), true_logits(official, ids)) < EXACT


def test_in_bfloat16_blocks_are_as_exact_as_eager_attention() -> None:
    """Eager attention is transformers': scores rounded, softmax in float32, its result rounded."""
    queries, keys, values = drawn(MANY, 300, torch.bfloat16)
    queries = queries * 4  # scores up to some twenty, as in real models
    exact = by_torch(queries.double(), keys.double(), values.double(), 90, 0.5)
    found = attend_in_blocks(queries, keys, values, reach=90, scale=0.5, shifted=False)
    seen = scores.window_mask(MANY, 300, 90, keys.device)
    assert seen is not None
    eager_scores = (queries @ keys.repeat_interleave(2, 1).mT * 0.5).masked_fill(~seen, float("-inf"))
    eager = torch.softmax(eager_scores, -1, dtype=torch.float32).bfloat16() @ values.repeat_interleave(2, 1)
    assert 0 < (found - exact).square().mean() <= 1.05 * (eager - exact).square().mean()


@pytest.mark.parametrize(
    ("queries", "faster"),
    [
        (lambda: torch.zeros(1, 4, MANY, 8, dtype=torch.bfloat16), True),
        (lambda: torch.zeros(1, 4, MANY, 8), False),
        (lambda: torch.zeros(1, 4, 1, 8, dtype=torch.bfloat16), False),
        (lambda: torch.zeros(1, 4, MANY, 8, dtype=torch.bfloat16, device="meta"), False),
    ],
    ids=["many in bfloat16", "float32", "one token", "another device"],
)
def test_blocks_are_for_many_queries_in_bfloat16_on_a_cpu(queries: Callable[[], Tensor], faster: bool) -> None:
    with torch.no_grad():
        assert faster_in_blocks(queries()) is faster
    assert not faster_in_blocks(queries())  # with gradients never


@pytest.mark.parametrize("highest", [30, 300])
def test_shifted_scores_are_as_exact_as_unrounded_ones(highest: int) -> None:
    """Rounded scores are not: a score of 300 would move by up to 1."""
    queries, keys, values = drawn(MANY, 300, torch.bfloat16)
    queries = queries * (highest / 8)
    exact = by_torch(queries.double(), keys.double(), values.double(), None, 1.0)
    flash = by_torch(queries, keys, values, None, 1.0)  # PyTorch keeps scores in float32
    shifted, rounded = (
        attend_in_blocks(queries, keys, values, reach=None, scale=1.0, shifted=shifted) for shifted in (True, False)
    )
    assert difference(shifted, exact) < 3 * difference(flash, exact)
    assert difference(shifted, exact) < difference(rounded, exact) / 4


@pytest.mark.parametrize(("widest", "shifts"), [(256, False), (4, True)])
def test_scores_of_wide_heads_are_shifted(widest: int, shifts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "WIDEST_UNSHIFTED", widest)
    found = []

    def noted(*tensors: Tensor, reach: int | None, scale: float, shifted: bool) -> Tensor:
        found.append(shifted)
        return attend_in_blocks(*tensors, reach=reach, scale=scale, shifted=shifted)

    monkeypatch.setattr(scores, "attend_in_blocks", noted)
    model = tiny_model("full", dtype=torch.bfloat16)
    with torch.inference_mode():
        model(random_ids(model, MANY), model.empty_state())
    assert found == [shifts] * model.config.layers


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 1), (6, 2), (3, 3)])
@pytest.mark.parametrize("reach", [None, 40])
def test_one_query_sees_what_it_would_among_others(heads: int, kv_heads: int, reach: int | None) -> None:
    queries = torch.randn(2, heads, 3, 16, dtype=torch.float64)
    keys, values = torch.randn(2, 2, kv_heads, 40, 16, dtype=torch.float64)
    how = {"reach": reach, "scale": 0.3, "cap": None, "shifted": False}
    with torch.inference_mode():
        together = scores.attend(queries, keys, values, **how)
        alone = scores.attend(queries[:, :, -1:], keys, values, **how)
    with torch.enable_grad():
        trained = scores.attend(queries[:, :, -1:], keys, values, **how)
    torch.testing.assert_close(alone, together[:, :, -1:], rtol=0, atol=1e-14)
    torch.testing.assert_close(alone, trained, rtol=0, atol=1e-14)


def test_one_query_in_bfloat16_is_rounded_once() -> None:
    queries = torch.randn(1, 4, 1, 32).bfloat16()
    keys, values = torch.randn(2, 1, 2, 300, 32).bfloat16()
    how = {"reach": None, "scale": None, "cap": None, "shifted": False}
    with torch.inference_mode():
        found = scores.attend(queries, keys, values, **how)
        exact = scores.attend(queries.double(), keys.double(), values.double(), **how)
    torch.testing.assert_close(found.double(), exact, rtol=2**-8, atol=1e-6)
