"""kill -9 while saving: the old state or the new one, never a mix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gemma10m

PROGRAM = Path(__file__).with_name("state_saver.py")


def test_a_hundred_kills_leave_no_torn_state(tmp_path: Path) -> None:
    root = Path(gemma10m.__file__).parents[1]
    search = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    result = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path), "100"],
        env=os.environ | {"PYTHONPATH": search},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["atomic"]["kills"] == 100
    assert found["atomic"]["torn"] == 0
    assert found["atomic"]["hits"] >= 10, "too few kills fell into a write to mean anything"
    assert found["naive"]["torn"] >= 5, "the check does not see files torn by writing in place"
