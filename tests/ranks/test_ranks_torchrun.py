"""The documented command, from torchrun to an answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from gemma10m.library import Library

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
FACT = "One of the special magic numbers for quiet-harbor is: 30518."
PROSE = "They walked on along the shore, and it was late before they came home. " * 12


def test_the_command_of_the_page_reads_a_book_that_then_answers(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text(f"{PROSE}\n{FACT} {PROSE}\n{PROSE * 4}")
    found = re.search(r"^torchrun --nproc-per-node 8 (-m gemma10m read .*)$", PAGE, re.MULTILINE)
    assert found is not None
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *found[1].split()]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    command = [*torchrun, "--model", "demo", "--device", "cpu"]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (run.returncode, run.stdout) == (0, "book.state\n"), run.stderr
    assert "2 ranks read together" in run.stderr
    with Library("demo", device="cpu").open(tmp_path / "book.state") as reading:
        assert reading.ask("What is the special magic number for quiet-harbor?").text.endswith("30518.")
