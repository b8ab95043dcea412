"""Folders of very many files: what is shown meanwhile, and what is refused before it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from readers import checkpoint

from gemma10m.commands.ask import read
from gemma10m.documents import open_source, source
from gemma10m.errors import DocumentError
from gemma10m.library import read_source as reading
from gemma10m.library.model_choice import ModelOptions
from gemma10m.state_file import saving
from gemma10m.terminal import Terminal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "many"
    path.mkdir()
    for number in range(50):
        (path / f"{number}.txt").write_text("It rained all day.\n" * 40)
    return path


@pytest.mark.usefixtures("cache")
def test_a_list_of_files_that_no_state_has_room_for_is_refused_before_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(reading, "_read_on", never)
    monkeypatch.setattr(saving, "MAX_HEADER_BYTES", 4000)
    with pytest.raises(DocumentError, match=r"the list of the document's files takes [4-9],\d{3} bytes"):
        read(Terminal(), [str(folder)], None, ModelOptions(model=str(checkpoint()), device="cpu"))


def test_who_opens_them_is_told_how_far_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_WATCHED", 20)
    seen: list[tuple[int, int]] = []
    open_source(folder, watch=lambda done, total: seen.append((done, total)))
    assert seen == [(20, 50), (40, 50)]
