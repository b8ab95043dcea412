"""Several ranks leave the state of one process: the ranks are processes of their own, connected by gloo."""

from __future__ import annotations

from typing import Any

import pytest
from rank_cases import Case, cases, run_all

Found = list[dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return run_all(tmp_path_factory.mktemp("ranks"))


def of(found: Found, case: Case) -> list[dict[str, Any]]:
    return [results[case.name] for results in found[: case.ranks]]


ALL = list(cases())
SAME_TYPE = [case for case in ALL if case.dtype == "float64"]


def ids(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", SAME_TYPE, ids=ids)
def test_state_and_logits_are_those_of_one_process(found: Found, case: Case) -> None:
    first = of(found, case)[0]
    assert first["error"] < 1e-10
    assert first["logits"] < 1e-10


@pytest.mark.parametrize("case", [case for case in ALL if case.dtype != "float64"], ids=ids)
def test_narrower_types_are_as_close_to_float64_as_one_process(found: Found, case: Case) -> None:
    first = of(found, case)[0]
    assert 0 < first["exact error"] <= 2 * first["own error"]


@pytest.mark.parametrize("case", ALL, ids=ids)
def test_every_rank_has_the_same_state_bit_for_bit(found: Found, case: Case) -> None:
    assert len({result["digest"] for result in of(found, case)}) == 1


@pytest.mark.parametrize("case", ALL, ids=ids)
def test_the_bytes_passed_are_those_of_the_design(found: Found, case: Case) -> None:
    results = of(found, case)
    assert [result["received"] for result in results] == [result["designed"] for result in results]


def test_a_round_with_fewer_segments_than_ranks_passes_nothing(found: Found) -> None:
    passed = {case.name: of(found, case)[0]["passed"] for case in ALL}
    assert passed["fewer segments than ranks"] == [False, False]
    assert passed["tokens one at a time"] == [False, False, True]
    assert passed["gated on 4"] == [True, True]
