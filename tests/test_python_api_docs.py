"""Every example of docs/python-api.md runs, in the page's order, each on its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "python-api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROSE = "They walked on along the shore, and it was late before they came home. " * 12
TALE = f"{PROSE}\nOne of the special magic numbers for quiet-harbor is: 30518. {PROSE}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    (folder / "tale.txt").write_text(TALE)
    (folder / "other.txt").write_text(PROSE)
    return folder


def test_there_are_examples_of_each_part() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") >= 9
    for name in ("ask", "stream", "chat", "summarize", "find", "save", "open"):
        assert any(f".{name}(" in example for example in EXAMPLES), name


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(EXAMPLES.index(example)))
def test_an_example_runs_and_prints_nothing(
    folder: Path, example: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    exec(compile(example, "python-api.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr() == ("", "")
