"""An answer's tokens one after another give the logits of the same tokens read as ever, and leave the same state."""

from __future__ import annotations

from contextlib import nullcontext
from types import ModuleType
from typing import Any

import pytest
import torch
from models import KINDS, REMEMBERING, assert_close_state, copy_of, random_ids, read_cut, tiny_model
from torch import Tensor

from gemma10m.config import AttentionSpec, MemoryKind
from gemma10m.memory.state import State
from gemma10m.models import growing, rope
from gemma10m.models.continuation import Continuation
from gemma10m.models.decoder import Decoder

READ, SEGMENT = 23, 5  # tokens before the first that is alone
SINGLE = 18  # tokens of three segments and a part
every_kind = pytest.mark.parametrize("kind", KINDS)


def model_of(kind: MemoryKind, **changes: Any) -> Decoder:
    sizes: dict[str, Any] = dict(segment=SEGMENT, carry=2 * SEGMENT, sinks=2) | changes
    return tiny_model(kind, **sizes)


def continued(model: Decoder, state: State, ids: Tensor) -> tuple[Tensor, Continuation]:
    """Return the logits behind each of ids (1, S): (S, V)."""
    found = Continuation(model, state)
    return torch.cat([found.read([token])[0] for token in ids[0].tolist()]), found


@every_kind
def test_tokens_by_themselves_do_so_with_offsets_added_to_norms(kind: MemoryKind) -> None:
    """The norms of one token are computed in another way on a CPU."""
    model = model_of(kind)
    ids = random_ids(model, READ + SINGLE)
    expected, _ = read_cut(model, ids)
    model.add_norm_offsets()
    _, state = read_cut(model, ids[:, :READ])
    found, _ = continued(model, state, ids[:, READ:])
    torch.testing.assert_close(found, expected[0, READ:], atol=1e-10, rtol=0)


@pytest.mark.parametrize("fails", [False, True])
def test_onednn_is_used_again_behind_a_token(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model, enabled = model_of("window"), list[bool]()
    _, state = read_cut(model, random_ids(model, READ))

    def watched(*_: object) -> Tensor:
        enabled.append(torch._C._get_mkldnn_enabled())
        if fails:
            raise MemoryError
        return torch.zeros(1, 1, 1)

    monkeypatch.setattr(Decoder, "next", watched)
    with pytest.raises(MemoryError) if fails else nullcontext():
        Continuation(model, state).read([1])
    assert [*enabled, torch._C._get_mkldnn_enabled()] == [False, True]


@every_kind
@pytest.mark.parametrize("before", [1, SEGMENT - 1, SEGMENT, 2 * SEGMENT + 2, READ])
def test_tokens_by_themselves_give_the_logits_of_all_at_once(kind: MemoryKind, before: int) -> None:
    model = model_of(kind)
    ids = random_ids(model, before + SINGLE)
    _, state = read_cut(model, ids[:, :before])
    kept = copy_of(state)
    expected, after = read_cut(model, ids[:, before:], state=state)
    found, left = continued(model, state, ids[:, before:])
    torch.testing.assert_close(found, expected[0], atol=1e-10, rtol=0)
    assert_close_state(state, kept, 0.0)
    unread = torch.tensor([left.unread], dtype=torch.int64)  # (1, S)
    assert_close_state(read_cut(model, unread, state=left.state)[1] if left.unread else left.state, after)


@pytest.mark.parametrize("kind", ["full", "window", "gated", "added"])
def test_the_tokens_of_an_open_segment_wait_for_their_state(kind: MemoryKind) -> None:
    """Two tokens are left of the segment: with the second, the state gets both, and what it closes."""
    model = model_of(kind)
    ids = random_ids(model, READ + 1)
    _, state = read_cut(model, ids[:, :READ])
    _, left = continued(model, state, ids[:, READ:])
    assert (left.state, left.unread) == (state, (int(ids[0, -1]),))
    left.read([1])
    waits = kind == "full"
    assert (len(left.unread), left.state.position) == ((2, READ) if waits else (0, READ + 2))


@pytest.mark.parametrize("kind", ["heavy", "state-vector"])
def test_a_model_whose_tokens_change_more_is_read_as_ever(kind: MemoryKind) -> None:
    model = model_of(kind)
    assert not model.can_grow
    _, left = continued(model, model.empty_state(), random_ids(model, 3))
    assert (left.unread, left.state.position) == ((), 3)


def test_quantised_keys_are_read_as_ever() -> None:
    assert not model_of("full", kv="int8", head_size=32, segment=32, carry=0, sinks=0).can_grow


@pytest.mark.parametrize("kind", ["full", "linear"])
def test_several_tokens_are_read_with_those_that_wait(kind: MemoryKind) -> None:
    model = model_of(kind)
    ids = random_ids(model, 12)
    expected, after = read_cut(model, ids)
    left = Continuation(model, model.empty_state())
    left.read([int(ids[0, 0])])
    left.read([int(ids[0, 1])])
    found = left.read(ids[0, 2:].tolist())  # (1, 1, V)
    torch.testing.assert_close(found[0, 0], expected[0, -1], atol=1e-10, rtol=0)
    assert left.unread == ()
    assert_close_state(left.state, after)


@pytest.mark.parametrize(("module", "name", "value"), [(growing, "ROOM", 3), (rope, "LONGEST_TABLE", READ + 4)])
def test_room_is_made_and_places_are_computed_when_they_run_out(
    module: ModuleType, name: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, value)
    model = model_of("full")
    ids = random_ids(model, READ + SINGLE)
    expected, _ = read_cut(model, ids)
    _, state = read_cut(model, ids[:, :READ])
    found, _ = continued(model, state, ids[:, READ:])
    torch.testing.assert_close(found, expected[0, READ:], atol=1e-10, rtol=0)


@pytest.mark.parametrize("widest", [0, growing.WIDE_KEYS])
def test_bfloat16_is_as_near_to_the_truth_as_when_read_as_ever(monkeypatch: pytest.MonkeyPatch, widest: int) -> None:
    monkeypatch.setattr(growing, "WIDE_KEYS", widest)
    exact, narrow = model_of("full"), model_of("full", dtype=torch.bfloat16)
    narrow.load_state_dict(exact.state_dict())
    exact.load_state_dict(narrow.state_dict())
    ids = random_ids(exact, READ + SINGLE)
    truth = read_cut(exact, ids)[0][0, READ:]
    _, state = read_cut(narrow, ids[:, :READ])
    single, _ = read_cut(narrow, ids[:, READ:], range(1, SINGLE), state, "last")
    found, left = continued(narrow, state, ids[:, READ:])
    kept = next(iter(left._growing.values())).window[0]
    assert kept.dtype == (torch.float32 if widest else torch.bfloat16)
    assert 0 < (found.double() - truth).abs().mean() <= 2 * (single[0].double() - truth).abs().mean()


@pytest.mark.parametrize("kind", [*REMEMBERING, "added"])
def test_the_memory_that_waiting_tokens_read_is_the_segments(kind: MemoryKind) -> None:
    """A memory that did nothing here would not show in the logits, and the other tests would not see it."""
    model = model_of(kind)
    ids = random_ids(model, READ)
    _, state = read_cut(model, ids)
    blank = [layer.replace(memory=torch.zeros_like(layer["memory"])) for layer in state.layers]
    found, _ = continued(model, state, ids[:, :1])
    other, _ = continued(model, State(tuple(blank), state.position), ids[:, :1])
    assert (found - other).abs().max() > 1e-6


def test_a_sliding_window_lets_go_of_old_keys() -> None:
    model = model_of("full", attention=(AttentionSpec(4, 2, 6, window=4), AttentionSpec(4, 2, 6)), has_gates=False)
    ids = random_ids(model, READ + SINGLE)
    expected, _ = read_cut(model, ids)
    _, state = read_cut(model, ids[:, :READ])
    found, left = continued(model, state, ids[:, READ:])
    torch.testing.assert_close(found, expected[0, READ:], atol=1e-10, rtol=0)
    assert [keys.window[0].shape[2] for keys in left._growing.values()] == [4, READ + SINGLE]
