"""Fixtures that several tests of commands share."""

from pathlib import Path

import pytest
from planted_tale import FACT, PROSE


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_text(f"{PROSE}\n{FACT} {PROSE}\n")
    return path
