"""Programs that tests run in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gemma10m


def run_program(name: str, *words: str) -> dict[str, Any]:
    """Return what the program of that name beside this file prints, as JSON."""
    search = os.pathsep.join(filter(None, (str(Path(gemma10m.__file__).parents[1]), os.environ.get("PYTHONPATH"))))
    result = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(name)), *words],
        env=os.environ | {"PYTHONPATH": search},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found
