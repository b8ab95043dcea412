"""Any cut of the same ids gives the same logits and state, no token sees a later one, and a call changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models import (
    CLOSING,
    KINDS,
    assert_close_state,
    assert_same_state,
    changed,
    copy_of,
    random_ids,
    read_cut,
    tiny_config,
    tiny_model,
)
from torch import Tensor

from gemma10m.config import MemoryKind
from gemma10m.errors import UsageError
from gemma10m.memory.state import State
from gemma10m.models import layers
from gemma10m.models.decoder import Decoder

MODEST = settings(max_examples=25)
every_kind = pytest.mark.parametrize("kind", KINDS)


@dataclass(frozen=True)
class Window:
    segment: int
    carried: int
    sinks: int


windows = st.builds(Window, segment=st.sampled_from([3, 4, 7]), carried=st.integers(0, 2), sinks=st.integers(0, 3))
documents = st.tuples(st.integers(1, 45), st.integers(1, 2), st.integers(0, 9))  # tokens, batch, seed


@cache
def model_for(kind: MemoryKind, window: Window) -> Decoder:
    return tiny_model(kind, segment=window.segment, carry=window.carried * window.segment, sinks=window.sinks)


def ids_of(model: Decoder, document: tuple[int, int, int]) -> Tensor:
    tokens, batch, seed = document
    return random_ids(model, tokens, batch, seed)


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


# --- cuts -------------------------------------------------------------------------------------------------------------


@every_kind
@MODEST
@given(window=windows, document=documents, data=st.data())
def test_any_cut_gives_the_same_logits_and_state(
    kind: MemoryKind, window: Window, document: tuple[int, int, int], data: st.DataObject
) -> None:
    model = model_for(kind, window)
    ids = ids_of(model, document)
    cuts = data.draw(st.sets(st.integers(1, max(1, ids.shape[1] - 1))) if ids.shape[1] > 1 else st.just(set()))
    expected, expected_state = read_cut(model, ids)
    found, state = read_cut(model, ids, cuts)
    assert_close(found, expected)
    assert_close_state(state, expected_state)


@every_kind
@pytest.mark.parametrize("size", [1, 2, 4, 5, 6, 10, 11])
def test_calls_of_one_size(kind: MemoryKind, size: int) -> None:
    """A call reads one token, one segment, or one more or less."""
    model = tiny_model(kind, segment=5, carry=5, sinks=2)
    ids = random_ids(model, 43, batch=2)
    expected, expected_state = read_cut(model, ids)
    found, state = read_cut(model, ids, range(size, 43, size))
    assert_close(found, expected)
    assert_close_state(state, expected_state)


@every_kind
@MODEST
@given(window=windows, document=documents, data=st.data())
def test_asking_for_fewer_logits_changes_nothing_else(
    kind: MemoryKind, window: Window, document: tuple[int, int, int], data: st.DataObject
) -> None:
    model = model_for(kind, window)
    ids = ids_of(model, document)
    cut = data.draw(st.integers(1, ids.shape[1]))
    _, before = read_cut(model, ids[:, :cut])
    rest = torch.cat((ids[:, cut:], ids[:, :1]), dim=1)  # at least one token
    expected, after_all = read_cut(model, rest, state=before)
    last, after_last = read_cut(model, rest, state=before, logits="last")
    none, after_none = read_cut(model, rest, state=before, logits="none")
    assert last.shape == (ids.shape[0], 1, model.config.vocabulary)
    assert none.shape == (ids.shape[0], 0, model.config.vocabulary)
    assert_close(last, expected[:, -1:])
    assert_same_state(after_last, after_all)
    if kind == "added":  # without logits its tokens are a document's, which ask the memory for nothing
        _, after_all = read_cut(model, rest, range(3, rest.shape[1], 3), state=before, logits="none")
        assert_close_state(after_none, after_all)
    else:
        assert_same_state(after_none, after_all)


def test_a_long_stretch_goes_through_the_feed_forward_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("linear")
    ids = random_ids(model, 23, batch=2)
    expected, _ = read_cut(model, ids)
    monkeypatch.setattr(layers, "FEED_FORWARD_ROWS", 4)
    assert_close(read_cut(model, ids)[0], expected)


# --- purity -----------------------------------------------------------------------------------------------------------


@every_kind
@MODEST
@given(window=windows, document=documents)
def test_a_call_leaves_its_state_as_it_was(kind: MemoryKind, window: Window, document: tuple[int, int, int]) -> None:
    model = model_for(kind, window)
    ids = ids_of(model, document)
    _, state = read_cut(model, ids)
    kept = copy_of(state)
    question = ids.flip(1)
    first, after_first = read_cut(model, question, state=state)
    assert_same_state(state, kept)
    second, after_second = read_cut(model, question, state=state)
    assert torch.equal(first, second)
    assert_same_state(after_first, after_second)


@every_kind
def test_documents_of_a_batch_do_not_touch_each_other(kind: MemoryKind) -> None:
    model = tiny_model(kind, carry=5, sinks=2)
    ids = random_ids(model, 23, batch=3)
    together, _ = read_cut(model, ids, [9])
    for row in range(3):
        alone, _ = read_cut(model, ids[row : row + 1], [9])
        assert_close(together[row : row + 1], alone)


# --- no future leak ---------------------------------------------------------------------------------------------------


@every_kind
@MODEST
@given(window=windows, document=documents, data=st.data())
def test_no_token_sees_a_later_one(
    kind: MemoryKind, window: Window, document: tuple[int, int, int], data: st.DataObject
) -> None:
    model = model_for(kind, window)
    ids = ids_of(model, document)
    place = data.draw(st.integers(0, ids.shape[1] - 1))
    before, _ = read_cut(model, ids)
    after, _ = read_cut(model, changed(model, ids, place))
    assert torch.equal(before[:, :place], after[:, :place])
    assert not torch.equal(before[:, place], after[:, place])


@every_kind
@pytest.mark.parametrize("place", [0, 4, 5, 9, 10, 15, 19, 20, 22])
def test_no_token_sees_a_later_one_across_a_border(kind: MemoryKind, place: int) -> None:
    model = tiny_model(kind, segment=5, carry=5, sinks=3)
    ids = random_ids(model, 23)
    before, _ = read_cut(model, ids)
    after, _ = read_cut(model, changed(model, ids, place))
    assert torch.equal(before[:, :place], after[:, :place])
    assert not torch.equal(before[:, place], after[:, place])


# --- what does not fit is refused -------------------------------------------------------------------------------------

BAD_IDS = {
    "int32": torch.zeros(1, 3, dtype=torch.int32),
    "float": torch.zeros(1, 3),
    "bool": torch.zeros(1, 3, dtype=torch.bool),
    "a number": torch.tensor(3),
    "one dimension": torch.zeros(3, dtype=torch.int64),
    "three dimensions": torch.zeros(1, 3, 1, dtype=torch.int64),
    "no tokens": torch.zeros(1, 0, dtype=torch.int64),
    "no documents": torch.zeros(0, 3, dtype=torch.int64),
    "below the vocabulary": torch.tensor([[0, -1]]),
    "beyond the vocabulary": torch.tensor([[0, 37]]),
}


@pytest.mark.parametrize("ids", [pytest.param(ids, id=name) for name, ids in BAD_IDS.items()])
def test_ids_that_do_not_fit_are_refused(ids: Tensor) -> None:
    model = tiny_model("linear")
    assert model.config.vocabulary == 37
    with pytest.raises(UsageError):
        model(ids, model.empty_state())


def test_what_was_found_and_expected_is_said() -> None:
    model = tiny_model("linear")
    with pytest.raises(UsageError, match=r"\[0, 37\), found 2 to 99"):
        model(torch.tensor([[2, 99]]), model.empty_state())
    with pytest.raises(UsageError, match=r"int64.*found \(3,\) torch.float32"):
        model(torch.zeros(3), model.empty_state())
    with pytest.raises(UsageError, match="all, last, none, found 'some'"):
        model(torch.tensor([[1]]), model.empty_state(), logits="some")


OTHER_SIZES: list[dict[str, Any]] = [dict(layers=3), dict(layers=1), dict(kv_heads=4), dict(head_size=8)]
OTHER_READINGS: list[dict[str, Any]] = [dict(segment=7, carry=7), dict(carry=0), dict(carry=10)]


def state_after(model: Decoder, tokens: int = 17, batch: int = 1) -> State:
    return read_cut(model, random_ids(model, tokens, batch))[1]


def assert_refused(model: Decoder, state: State) -> None:
    with pytest.raises(UsageError, match="state does not fit") as raised:
        model(random_ids(model, 3), state)
    assert raised.value.hint


@every_kind
@pytest.mark.parametrize("sizes", OTHER_SIZES, ids=str)
def test_a_state_of_other_sizes_is_refused(kind: MemoryKind, sizes: dict[str, Any]) -> None:
    assert_refused(tiny_model(kind, carry=5, sinks=2), state_after(tiny_model(kind, carry=5, sinks=2, **sizes)))


@pytest.mark.parametrize("kind", CLOSING)
@pytest.mark.parametrize("reading", OTHER_READINGS, ids=str)
def test_a_state_of_another_reading_is_refused(kind: MemoryKind, reading: dict[str, Any]) -> None:
    other = tiny_model(kind, **(dict(carry=5, sinks=2) | reading))
    assert_refused(tiny_model(kind, carry=5, sinks=2), state_after(other))


@pytest.mark.parametrize("sinks", [0, 1, 3])
def test_a_state_with_other_sinks_is_refused(sinks: int) -> None:
    """Tokens from the middle of the document must not become its sinks."""
    assert_refused(tiny_model("linear", sinks=2), state_after(tiny_model("linear", sinks=sinks)))


# linear and delta keep the same tensors, and so do window and full: what tells them apart is the state file's header.
ALIKE = [{"linear", "delta"}, {"gated"}, {"added"}, {"state-vector"}, {"heavy"}, {"window", "full"}]
UNLIKE = [(mine, other) for mine in KINDS for other in KINDS if not any({mine, other} <= kinds for kinds in ALIKE)]


@pytest.mark.parametrize(("kind", "other"), UNLIKE)
def test_a_state_of_another_memory_is_refused(kind: MemoryKind, other: MemoryKind) -> None:
    """The keys alone do not tell the kinds apart before the first token."""
    assert_refused(tiny_model(kind), tiny_model(other).empty_state())


def test_a_state_of_another_batch_or_position_is_refused() -> None:
    model = tiny_model("linear", carry=5)
    assert_refused(model, state_after(model, batch=2))
    state = state_after(model)
    assert_refused(model, replace(state, position=state.position + 1))
    assert_refused(model, replace(state, layers=()))


def test_a_state_of_another_dtype_is_refused() -> None:
    model = tiny_model("linear", carry=5)
    assert_refused(model, state_after(tiny_model("linear", carry=5, dtype=torch.bfloat16)))


def test_sizes_that_tests_rely_on() -> None:
    config = tiny_config()
    assert config.heads * config.head_size != config.hidden_size
    assert 1 < config.kv_heads < config.heads


def test_hidden_states_of_some_tokens_are_refused() -> None:
    model = tiny_model("delta")
    with pytest.raises(UsageError, match="all 9 tokens, the last or none, not 3"):
        model.hidden(random_ids(model, 9), model.empty_state(), wanted=3)


@every_kind
def test_fused_weights_give_the_same_and_are_the_same_numbers(kind: MemoryKind) -> None:
    model, fused = tiny_model(kind, carry=5), tiny_model(kind, carry=5)
    fused.fuse()
    ids = random_ids(model, 23, batch=2)
    for wanted in ("all", "last", "none"):
        expected, state = read_cut(model, ids, [7], logits=wanted)
        found, fused_state = read_cut(fused, ids, [7], logits=wanted)
        torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
        assert_close_state(fused_state, state)
    layer = fused.model.layers[0]
    assert layer.mlp.up_proj.weight.data_ptr() == layer.mlp.joined.weight[fused.config.feed_forward_size].data_ptr()
    weights = fused.state_dict()
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[name], weight) for name, weight in model.state_dict().items())
