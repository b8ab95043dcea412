"""Several ranks leave the state of one process: the ranks are processes of their own, connected by gloo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rank_cases import Case, cases, run_all

Found = list[dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return run_all(tmp_path_factory.mktemp("ranks"))


def of(found: Found, case: Case) -> list[dict[str, Any]]:
    return [results[case.name] for results in found[: case.ranks]]


@pytest.mark.parametrize("case", [case for case in cases() if case.dtype == "float64"], ids=lambda case: case.name)
def test_state_and_logits_are_those_of_one_process(found: Found, case: Case) -> None:
    for result in of(found, case):
        assert result["error"] < 1e-10
        assert result["logits"] < 1e-10


@pytest.mark.parametrize("case", [case for case in cases() if case.dtype == "float32"], ids=lambda case: case.name)
def test_float32_is_as_close_as_one_process(found: Found, case: Case) -> None:
    for result in of(found, case):
        assert 0 < result["exact error"] <= 2 * result["own error"]


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_the_bytes_passed_are_those_of_the_design(found: Found, case: Case) -> None:
    assert [result["received"] for result in of(found, case)] == [result["designed"] for result in of(found, case)]
