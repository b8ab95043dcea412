"""A stretch is dealt to ranks in whole segments, and what each passes is counted, without any processes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
import torch
from rank_cases import mixed_model

from gemma10m.config import ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.memory.maps import applied, composed
from gemma10m.memory.runs import deal
from gemma10m.models.decoder import Decoder
from gemma10m.ranks.passed import received_bytes
from gemma10m.ranks.place import VARIABLES, Place, place
from gemma10m.ranks.together import refuse_alone


@pytest.mark.parametrize("position", [0, 3, 10, 64])
@pytest.mark.parametrize("tokens", [20, 33, 57])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_runs_cover_a_stretch_in_whole_segments(position: int, tokens: int, ranks: int) -> None:
    dealt = deal(position, tokens, 5, ranks)
    assert dealt is not None
    runs = [dealt.run(rank) for rank in range(ranks)]
    assert [token for run in runs for token in run] == list(range(position, position + tokens))
    assert all(run.start % 5 == 0 for run in runs[1:])
    closed = [run.stop // 5 - run.start // 5 for run in runs]
    assert min(closed) >= 1
    assert max(closed) - min(closed) <= 1


def test_fewer_segments_than_ranks_are_not_dealt() -> None:
    assert deal(0, 19, 5, 4) is None
    assert deal(0, 20, 5, 4) is not None
    assert deal(4, 16, 5, 4) is not None
    assert deal(4, 1, 5, 1) is not None


def test_maps_compose_in_the_order_of_the_text() -> None:
    maps = torch.randn(7, 2, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    memory = expected = torch.randn(2, 3, 3, dtype=torch.float64)
    for each in maps:
        expected = each[..., :3] @ expected + each[..., 3:]
    torch.testing.assert_close(applied(composed(maps), memory), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("memory", ["linear", "delta", "gated", "added", "window"])
def test_the_bytes_passed_do_not_depend_on_the_length(memory: str) -> None:
    model = mixed_model(memory, "GLSW", carry=5, sinks=3, dtype=torch.float32)  # type: ignore[arg-type]
    passed = []
    for tokens in (403, 40_003):
        dealt = deal(1000, tokens, 5, 4)
        assert dealt is not None
        passed.append([received_bytes(model, dealt, rank) for rank in range(4)])
    assert passed[0] == passed[1]


def test_the_bytes_of_a_layer_are_those_of_the_page() -> None:
    """Carry C and n open tokens of two numbers for each of K heads of E, and the others' maps (docs/distributed.md)."""
    model = mixed_model("delta", "G", carry=5, sinks=3, dtype=torch.float32)
    dealt = deal(1000, 403, 5, 4)
    assert dealt is not None
    K, E, C, n, ranks = 2, 6, 5, 3, 4
    maps, carried, left = (ranks - 1) * K * (2 * E * E + E) * 4, 2 * C * K * E * 4, 2 * (C + n) * K * E * 4
    expected = [maps + left, maps + carried + left, maps + carried + left, maps + carried]
    assert [sum(received_bytes(model, dealt, rank)) for rank in range(4)] == expected


def test_megalodon_is_refused() -> None:
    model = SimpleNamespace(config=SimpleNamespace(megalodon=object()), reading=SimpleNamespace(memory="own"))
    with pytest.raises(UsageError, match="Megalodon's state goes from one token to the next"):
        refuse_alone(cast(Decoder, model))


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (ReadingConfig("window", 8, 8, kv="int8"), "keys and values in int8 are not passed from rank to rank"),
        (ReadingConfig("heavy", 8, 8), "`heavy` memory goes from one segment to the next"),
    ],
)
def test_what_is_kept_by_attention_or_in_fewer_bits_is_refused(reading: ReadingConfig, why: str) -> None:
    model = SimpleNamespace(config=SimpleNamespace(megalodon=None), reading=reading)
    with pytest.raises(UsageError, match=why):
        refuse_alone(cast(Decoder, model))


def started(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)


def test_torchrun_says_which_rank_a_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert place() is None
    monkeypatch.setenv("WORLD_SIZE", "8")  # which some machines set for every program
    assert place() is None
    started(monkeypatch, "9", "16", "1", "host", "29500")
    assert place() == Place(rank=9, ranks=16, local=1)
    started(monkeypatch, "0", "1", "0", "host", "29500")
    assert place() is None


@pytest.mark.parametrize(("rank", "ranks"), [("8", "8"), ("-1", "8"), ("x", "8"), ("0", "")])
def test_impossible_ranks_are_refused(monkeypatch: pytest.MonkeyPatch, rank: str, ranks: str) -> None:
    started(monkeypatch, rank, ranks, "0", "host", "29500")
    with pytest.raises(UsageError, match="in the environment"):
        place()
