"""`tools/time_questions.py` times the program from process start, and stops only for failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import time_questions

from gemma10m.errors import NoAnswer


@pytest.mark.parametrize("code", [0, NoAnswer.exit_code])
def test_an_answer_and_none_are_timed(code: int, tmp_path: Path) -> None:
    said = f"import sys; print('x'); sys.exit({code})"
    found = time_questions.timed([sys.executable, "-c", said], str(tmp_path))
    assert 0 < found.first_byte <= found.whole
    assert found.peak_bytes > 1 << 20


def test_a_failure_stops(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        time_questions.timed([sys.executable, "-c", "import sys; sys.exit(3)"], str(tmp_path))
