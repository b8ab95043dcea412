"""Test what a state keeps: its size, dtypes, bounds, and numbers that still hold after ten million tokens."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models import (
    CLOSING,
    KINDS,
    REMEMBERING,
    assert_same_state,
    named_tensors,
    random_ids,
    read_cut,
    tiny_model,
    written,
)
from rounding import EXACT, assert_as_exact, assert_exact, rounding_error
from torch import Tensor

from gemma10m import ops
from gemma10m.config import AttentionSpec, MemoryKind, ReadingConfig, Rope
from gemma10m.memory.interludes import Interludes
from gemma10m.models.attention import window_of
from gemma10m.models.rope import cos_sin

TEN_MILLION = 10_000_000
MODEST = settings(max_examples=40)
every_kind = pytest.mark.parametrize("kind", KINDS)
every_closing_kind = pytest.mark.parametrize("kind", CLOSING)
every_remembering_kind = pytest.mark.parametrize("kind", REMEMBERING)


def normal(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# --- size and dtype ---------------------------------------------------------------------------------------------------


@every_closing_kind
@pytest.mark.parametrize("opened", [0, 1, 4])
def test_the_state_of_a_long_document_is_as_large_as_that_of_a_short_one(kind: MemoryKind, opened: int) -> None:
    model = tiny_model(kind, segment=5, carry=10, sinks=3)
    sizes = []
    for segments in (5, 6, 120):  # heavy memory is full after sinks and twice the carry
        _, state = read_cut(model, random_ids(model, 5 * segments + opened), logits="none")
        assert state.position == 5 * segments + opened
        sizes.append(state.nbytes)
    assert sizes[0] == sizes[1] == sizes[2] > 0


def test_full_memory_keeps_every_token() -> None:
    model = tiny_model("full")
    config = model.config
    _, state = read_cut(model, random_ids(model, 300), logits="none")
    assert state.nbytes == 300 * config.layers * config.kv_heads * config.head_size * 2 * 8  # K and V, float64


@every_kind
def test_a_state_holds_no_more_storage_than_its_numbers_need(kind: MemoryKind) -> None:
    """A view would keep the stretch's whole key buffer, or every segment's M, alive."""
    model = tiny_model(kind, segment=5, carry=5, sinks=2)
    _, state = read_cut(model, random_ids(model, 203), [100], logits="none")
    for name, tensor in named_tensors(state).items():
        assert tensor.untyped_storage().nbytes() == tensor.nbytes, name


@every_kind
def test_bytes_are_those_of_the_tensors(kind: MemoryKind) -> None:
    model = tiny_model(kind, segment=5, carry=5, sinks=2)
    _, state = read_cut(model, random_ids(model, 18), logits="none")
    assert state.nbytes == sum(t.numel() * t.element_size() for t in named_tensors(state).values())


@every_remembering_kind
def test_a_bfloat16_model_remembers_in_float32(kind: MemoryKind) -> None:
    model = tiny_model(kind, segment=5, carry=5, sinks=2, dtype=torch.bfloat16)
    logits, state = read_cut(model, random_ids(model, 23), [7])
    assert logits.dtype == torch.bfloat16
    kept = {"memory", "normaliser", "write_gates"}
    for name, tensor in named_tensors(state).items():
        wanted = torch.float32 if name.split(".")[1] in kept else torch.bfloat16
        assert tensor.dtype == wanted, name


@every_kind
def test_a_state_says_how_many_tokens_it_has_read(kind: MemoryKind) -> None:
    model = tiny_model(kind)
    assert model.empty_state().position == 0
    _, state = read_cut(model, random_ids(model, 13), [4, 5, 11], logits="none")
    assert state.position == 13


# --- plans ------------------------------------------------------------------------------------------------------------


@MODEST
@given(
    segment=st.integers(1, 9),
    carried=st.integers(0, 3),
    position=st.integers(0, 60),
    tokens=st.integers(1, 60),
    data=st.data(),
)
def test_a_plan_shows_every_token_its_own_window(
    segment: int, carried: int, position: int, tokens: int, data: st.DataObject
) -> None:
    sinks = data.draw(st.integers(0, segment))
    reading = ReadingConfig(memory="linear", segment=segment, carry=carried * segment, sinks=sinks)
    plan = window_of(AttentionSpec(1, 1, 2), reading).plan(position, tokens)
    kept = position - max(0, position // segment * segment - carried * segment)
    buffer = range(position - kept, position + tokens)  # the document's tokens whose keys are at hand
    seen = position
    for span in plan.spans:
        for number in range(span.segments):
            start = (position // segment + span.first_segment + number) * segment
            first_key = span.first_key + number * segment
            window = buffer[first_key : first_key + span.width]
            assert window == range(max(0, start - carried * segment), seen + span.queries)
            assert span.first_query + number * span.queries == seen - position
            assert span.sinks == (sinks if start > carried * segment else 0)
            seen += span.queries
    assert seen == position + tokens
    assert plan.closed == (position + tokens) // segment - position // segment
    assert plan.kept_after == position + tokens - max(0, (position + tokens) // segment * segment - carried * segment)


def test_like_windows_go_through_attention_together() -> None:
    reading = ReadingConfig(memory="linear", segment=4, carry=4, sinks=2)
    spans = window_of(AttentionSpec(1, 1, 2), reading).plan(position=1, tokens=4 * 100).spans
    assert [span.segments for span in spans] == [1, 1, 98, 1]  # without carry, without sinks, all alike, unfinished


# --- writing ----------------------------------------------------------------------------------------------------------


def test_an_interlude_is_writing_all_plain_segments_that_often() -> None:
    keys, values = (normal(3, 2, 3, 4, 6, seed=seed, dtype=torch.float64) for seed in (1, 2))  # (B, K, G, N, E)
    gates = torch.rand(3, 2, 3, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    empty = torch.zeros(3, 2, 6, 6, dtype=torch.float64)
    plain = torch.tensor([[True, False, True], [False, False, False], [False, True, True]])
    times = torch.tensor([[0, 3, 1], [0, 0, 0], [1, 2, 0]])
    found = written("gated", empty, None, keys, values, gates, Interludes(plain, times)).last()["memory"]
    for row, counts in enumerate(times.tolist()):
        order = []
        for segment, count in enumerate(counts):
            order.append((row, segment))
            order += plain.nonzero().tolist() * (2 ** (count - 1) if count else 0)
        here = [torch.stack([part[b, :, g] for b, g in order], dim=1).unsqueeze(0) for part in (keys, values, gates)]
        expected = written("gated", empty[:1], None, *here).last()["memory"]
        assert_exact(found[row : row + 1], expected)
    once = written("gated", empty, None, keys, values, gates).last()["memory"]
    assert ((once - found).abs().amax((1, 2, 3)) > 0.01).tolist() == [True, False, True]


def test_interludes_of_a_few_segments_are_none_where_nothing_comes_between() -> None:
    interludes = Interludes(torch.tensor([[True, False, False]]), torch.tensor([[0, 2, 0]]))
    assert interludes.of(0, 2) is not None
    assert interludes.of(1, 3) is None
    assert interludes.of(0, 1) is None
    assert interludes.of(3, 3) is None


def test_the_normaliser_still_grows_after_sixteen_million_tokens_where_bfloat16_has_long_stuck() -> None:
    segment, heads, size = 2048, 1, 4
    keys = torch.zeros(1, heads, 1, segment, size)  # sigma(0) = 1: a segment adds 2048
    memory, seen = torch.zeros(1, heads, size, size), 2.0**24
    found = written("linear", memory, torch.full((1, heads, size), seen), keys, keys, None)
    normaliser = found.last()["normaliser"]
    assert normaliser.dtype == torch.float32
    assert torch.equal(normaliser, torch.full_like(normaliser, seen + segment))
    added = ops.linear_update(keys[:, :, 0].bfloat16(), keys[:, :, 0].bfloat16())[1]
    assert added.dtype == torch.float32
    for before, grows in ((2.0**18, True), (2.0**19, False), (2.0**24, False)):
        stuck = torch.full_like(added, before).bfloat16()
        assert bool((stuck + added.bfloat16() > stuck).all()) is grows


def test_gated_memory_is_bounded_after_ten_thousand_segments_and_linear_memory_is_not() -> None:
    count, tokens, size = 10_000, 6, 4
    keys, values = normal(1, 1, count, tokens, size, seed=4), normal(1, 1, count, tokens, size, seed=5) + 1.0
    gates = torch.rand(1, 1, count, tokens, generator=torch.Generator().manual_seed(6))
    empty = torch.zeros(1, 1, size, size)

    def largest(kind: MemoryKind) -> tuple[float, float]:
        """Return the largest number of the first tenth and of the last."""
        matrices = written(kind, empty, torch.zeros(1, 1, size), keys, values, gates).matrices[0, 0]
        assert matrices.isfinite().all()
        sizes = matrices.abs().amax((-1, -2))
        return float(sizes[: count // 10].max()), float(sizes[-count // 10 :].max())

    early, late = largest("gated")
    assert late < 1.5 * early < 100
    early, late = largest("linear")
    assert late > 5 * early


@every_remembering_kind
def test_memory_of_a_model_stays_finite(kind: MemoryKind) -> None:
    model = tiny_model(kind, segment=5, beta=1.0)
    logits, state = read_cut(model, random_ids(model, 5 * 600), logits="last")
    assert logits.isfinite().all()
    assert all(tensor.isfinite().all() for tensor in named_tensors(state).values())


# --- positions --------------------------------------------------------------------------------------------------------


def exact_angle(position: int, pair: int, head_size: int, theta: int) -> float:
    """Return position * theta^(-2 pair / E), reduced to one turn with forty digits."""
    with localcontext() as context:
        context.prec = 40
        turn = 2 * Decimal("3.141592653589793238462643383279502884197")
        angle = position * Decimal(theta) ** (Decimal(-2 * pair) / head_size)
        return float(angle % turn)


@pytest.mark.parametrize("position", [0, 1, 2048, TEN_MILLION - 1, TEN_MILLION, 2**31])
def test_angles_are_exact_at_position_ten_million(position: int) -> None:
    """They are exact to 1e-10, or twice what Python's floats lose: their products are off by more at ten million."""
    steps, head_size = 3, 256
    pairs = range(head_size // 2)
    places = range(position, position + steps)
    exact = doubled([[exact_angle(place, pair, head_size, 10000) for pair in pairs] for place in places])
    plain = doubled([[place * 10000.0 ** (-2 * pair / head_size) for pair in pairs] for place in places])
    wide = cos_sin(position, steps, head_size, Rope(), torch.device("cpu"), torch.float64)
    narrow = cos_sin(position, steps, head_size, Rope(), torch.device("cpu"))
    for function, found, rounded in zip((torch.cos, torch.sin), wide, narrow, strict=True):
        truth = function(exact)
        assert rounding_error(found, truth) <= max(EXACT, 2 * rounding_error(function(plain), truth))
        assert rounded.dtype == torch.float32
        assert torch.equal(rounded, found.float())


def doubled(angles: list[list[float]]) -> Tensor:
    """Return what both halves of a head turn by: (count, E/2) -> (count, E)."""
    return torch.tensor(angles, dtype=torch.float64).repeat(1, 2)


def test_float32_angles_would_be_wrong_at_position_ten_million() -> None:
    head_size = 256
    rates = 1.0 / (10000.0 ** (torch.arange(0, head_size, 2, dtype=torch.float32) / head_size))
    angles = torch.tensor(TEN_MILLION, dtype=torch.float32) * rates
    cos, _ = cos_sin(TEN_MILLION, 1, head_size, Rope(), torch.device("cpu"))
    assert (angles.cos() - cos[0, : head_size // 2]).abs().max() > 0.1


def test_scores_depend_on_the_distance_alone_at_any_position() -> None:
    """They are as exact in float32 at position ten million as at the start."""
    queries, keys = normal(40, 64, seed=7) / 8, normal(40, 64, seed=8)

    def scores(start: int, dtype: torch.dtype) -> Tensor:
        cos, sin = cos_sin(start, 10, 64, Rope(), torch.device("cpu"), dtype)
        return ops.rotate(queries.to(dtype), cos[9:], sin[9:]) @ ops.rotate(keys.to(dtype), cos[:1], sin[:1]).mT

    truth = scores(0, torch.float64)
    assert_exact(scores(5, torch.float64), truth)
    for start in (5, TEN_MILLION):
        assert_as_exact(scores(start, torch.float32), scores(0, torch.float32), truth)


@every_closing_kind
def test_a_segment_reads_the_same_at_position_ten_million(kind: MemoryKind) -> None:
    """Positions are counted inside [sinks | carry | segment]: how far into the document it is makes no difference."""
    model = tiny_model(kind, segment=5, carry=5, sinks=2)
    _, near = read_cut(model, random_ids(model, 23))
    far = replace(near, position=near.position + 5 * TEN_MILLION)
    ids = random_ids(model, 31, seed=1)
    logits, state = read_cut(model, ids, [3, 19], state=near)
    same_logits, same_state = read_cut(model, ids, [3, 19], state=far)
    assert torch.equal(logits, same_logits)
    assert_same_state(replace(same_state, position=state.position), state)


@every_remembering_kind
def test_what_is_remembered_has_no_position(kind: MemoryKind) -> None:
    """A gate that is wide open lets only memory be read, which knows neither keys' nor queries' places.

    A closed segment in another order writes the same memory in the first layer (but for `gated`, whose tokens replace
    one another in turn), and every place reads the same in it.
    """
    model = tiny_model(kind, segment=6, beta=100.0, layers=1)
    ids = random_ids(model, 10)
    ids[:, 6:] = 7
    before, _ = read_cut(model, ids)
    after, _ = read_cut(model, ids[:, [3, 0, 5, 1, 4, 2, 6, 7, 8, 9]])
    if kind != "gated":
        assert_exact(after[:, 6:], before[:, 6:])
    assert_exact(before[:, 7:], before[:, 6:7].expand(-1, 3, -1))
    unwritten, _ = read_cut(model, ids[:, 6:])
    assert (unwritten - before[:, 6:]).abs().max() > 1e-2  # the memory is read
