"""kill -9 while saving: the old state or the new one, never a mix."""

from __future__ import annotations

from pathlib import Path

from programs import run_program


def test_a_hundred_kills_leave_no_torn_state(tmp_path: Path) -> None:
    found = run_program("state_saver.py", str(tmp_path), "100")
    assert found["atomic"]["kills"] == 100
    assert found["atomic"]["torn"] == 0
    assert found["atomic"]["hits"] >= 10, "too few kills fell into a write to mean anything"
    assert found["naive"]["torn"] >= 5, "the check does not see files torn by writing in place"
