"""The model against the oracle: every memory, grouping, carry and sink, in one call and in ragged ones.

The maths is compared in float64, to 1e-10: norms, angles and memory are float64 in a float64 model. What float32 may
differ by follows from its precision and the size of the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import torch
from oracle import Weights, oracle_logits, oracle_memory, random_ids, random_weights
from torch import Tensor

from gemma10m.config import MemoryKind, ModelConfig, ReadingConfig
from gemma10m.models.decoder import Decoder

REMEMBERING: list[MemoryKind] = ["linear", "delta", "gated"]
GROUPINGS = [pytest.param(1, id="mqa"), pytest.param(2, id="gqa"), pytest.param(4, id="mha")]
# segment, carried segments, sinks; every document ends inside its fifth segment
WINDOWS = [(5, 0, 0), (7, 0, 3), (7, 1, 0), (5, 1, 3), (5, 2, 0), (7, 2, 3)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Use one thread: threads only wait for one another over matrices this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Case:
    config: ModelConfig
    reading: ReadingConfig
    weights: Weights
    ids: list[int]

    def oracle(self) -> Tensor:
        logits = oracle_logits(self.weights, self.config, self.reading, self.ids)
        assert 0.5 < logits.std() < 3
        return logits

    def model(self, dtype: torch.dtype = torch.float64) -> Decoder:
        model = Decoder(self.config, self.reading)
        model.load_state_dict(self.weights, strict=True)
        return model.to(dtype).eval()

    def logits(self, lengths: list[int] | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """Return all logits, read in calls of the given lengths, or in one."""
        model = self.model(dtype)
        state = model.empty_state(batch=1)
        found = []
        with torch.no_grad():
            for ids in torch.tensor([self.ids]).split(lengths or [len(self.ids)], dim=1):
                logits, state = model(ids, state, logits="all")
                found.append(logits[0])
        return torch.cat(found)


def make_case(
    kind: MemoryKind,
    kv_heads: int = 2,
    window: tuple[int, int, int] = (5, 1, 3),
    has_gates: bool = True,
    length: int | None = None,
) -> Case:
    segment, carried, sinks = window
    config = ModelConfig(
        hidden_size=16,
        layers=2,
        heads=4,
        kv_heads=kv_heads,
        head_size=8,
        feed_forward_size=24,
        vocabulary=40,
        norm_eps=1e-5,
        has_gates=has_gates,
        has_write_gates=kind == "gated",
        has_state_vectors=kind == "state-vector",
        added_rank=3 if kind == "added" else 0,
    )
    reading = ReadingConfig(memory=kind, segment=segment, carry=carried * segment, sinks=sinks)
    weights = random_weights(config, seed=kv_heads)
    if has_gates:
        weights["model.layers.1.self_attn.gate"][0, 2] = -100.0  # closed
    return Case(config, reading, weights, random_ids(config, length or 4 * segment + 3 + segment // 7, seed=segment))


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("kv_heads", GROUPINGS)
@pytest.mark.parametrize("kind", [*REMEMBERING, "added", "state-vector", "window"])
def test_logits(kind: MemoryKind, kv_heads: int, window: tuple[int, int, int]) -> None:
    case = make_case(kind, kv_heads, window)
    expected = case.oracle()
    assert_close(case.logits(), expected)
    assert_close(case.logits(ragged(len(case.ids), seed=window[0])), expected)


@pytest.mark.parametrize("kv_heads", GROUPINGS)
@pytest.mark.parametrize("has_gates", [False, True])
def test_full_ignores_gates_and_segments(kv_heads: int, has_gates: bool) -> None:
    case = make_case("full", kv_heads, (7, 0, 0), has_gates)
    expected = case.oracle()
    assert_close(case.logits(), expected)
    assert_close(case.logits(ragged(len(case.ids), seed=7)), expected)


@pytest.mark.parametrize("kind", [*REMEMBERING, "added", "state-vector", "window"])
def test_a_checkpoint_without_gates_reads_locally(kind: MemoryKind) -> None:
    case = make_case(kind, has_gates=False)
    expected = case.oracle()
    assert_close(case.logits(), expected)


@pytest.mark.parametrize("kind", [*REMEMBERING, "added", "state-vector", "window"])
def test_a_layer_whose_gates_are_all_closed(kind: MemoryKind) -> None:
    case = make_case(kind)
    case.weights["model.layers.0.self_attn.gate"].fill_(-100.0)
    assert_close(case.logits(), case.oracle())


@pytest.mark.parametrize("length", [1, 4, 5, 6, 10, 15])
@pytest.mark.parametrize("kind", [*REMEMBERING, "added", "state-vector"])
def test_documents_that_end_at_or_beside_a_segment(kind: MemoryKind, length: int) -> None:
    case = make_case(kind, length=length)
    expected = case.oracle()
    assert_close(case.logits(), expected)
    assert_close(case.logits([1] * length), expected)


@pytest.mark.parametrize("kind", [*REMEMBERING, "added", "state-vector", "window"])
def test_float32_differs_by_its_precision_and_not_more(kind: MemoryKind) -> None:
    """The bound is a hundred roundings of the largest number: a wrong detail is far beyond it."""
    case = make_case(kind)
    expected = case.oracle()
    found = case.logits(dtype=torch.float32)
    assert found.dtype == torch.float32
    assert float((found.double() - expected).abs().max()) < 100 * torch.finfo(torch.float32).eps * float(
        expected.abs().max()
    )


@pytest.mark.parametrize("lengths", [[23], [1] * 23, [5, 5, 5, 5, 3], [4, 9, 10]], ids=str)
@pytest.mark.parametrize("kind", [*REMEMBERING, "added"])
def test_memory(kind: MemoryKind, lengths: list[int]) -> None:
    case = make_case(kind)
    model = case.model()
    state = model.empty_state(batch=1)
    with torch.no_grad():
        for ids in torch.tensor([case.ids]).split(lengths, dim=1):
            _, state = model(ids, state, logits="all")
    expected = oracle_memory(case.weights, case.config, case.reading, case.ids)
    for layer, (memory, normaliser) in zip(state.layers, expected, strict=True):
        assert_close(layer["memory"][0], memory)
        if kind not in ("gated", "added"):  # which have none
            assert_close(layer["normaliser"][0], normaliser)


@pytest.mark.parametrize("kind", [*REMEMBERING, "added", "state-vector", "window", "full"])
def test_two_documents_in_a_batch_stay_apart(kind: MemoryKind) -> None:
    first = make_case(kind, window=(5, 0, 0) if kind == "full" else (5, 1, 3))
    second = replace(first, ids=random_ids(first.config, len(first.ids), seed=99))
    model = first.model()
    with torch.no_grad():
        logits, _ = model(torch.tensor([first.ids, second.ids]), model.empty_state(batch=2), logits="all")
    assert_close(logits, torch.stack([first.oracle(), second.oracle()]))


def ragged(total: int, seed: int) -> list[int]:
    """Call lengths from 1 to 9 that add up to the total."""
    generator = torch.Generator().manual_seed(seed)
    lengths: list[int] = []
    while (left := total - sum(lengths)) > 0:
        lengths.append(min(left, int(torch.randint(1, 10, (1,), generator=generator))))
    return lengths
