"""Fixtures that several tests of commands share."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planted_tale import FACT, PROSE

from gemma10m import cli


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_text(f"{PROSE}\n{FACT} {PROSE}\n")
    return path


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that may not be looked into, also by the superuser, who runs tests in some places."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "a.txt").write_text("x")
    for name in ("stat", "lstat", "scandir", "open"):
        real = getattr(os, name)

        def guarded(
            path: object, *words: object, _real: Callable[..., object] = real, _name: str = name, **more: object
        ) -> object:
            inside = isinstance(path, str | os.PathLike) and Path(path).is_relative_to(folder)
            if inside and (Path(str(path)) != folder or _name in ("scandir", "open")):
                raise PermissionError(13, "Permission denied", str(path))
            return _real(path, *words, **more)

        monkeypatch.setattr(os, name, guarded)
    return folder


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str, str]]:
    """Return what runs a command in this process: its exit code, standard output and error."""

    def run(*words: object) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["gemma10m", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return run
