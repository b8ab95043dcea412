"""Sources of a saved state: each file is quoted, or said to have changed, by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers import cited, unverified
from gemma10m.commands.ask import ask, read
from gemma10m.library.checking import UNVERIFIED, Answer
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.passages.quotes import Source
from gemma10m.terminal import Terminal

pytestmark = pytest.mark.usefixtures("cache")
DEMO = ModelOptions(model="demo", device="cpu")
PROSE = "They walked on along the shore, and it was late before they came home. " * 12
FACT = "One of the special magic numbers for quiet-harbor is: 30518."
QUESTION = "What is the special magic number for quiet-harbor?"


def asked(state: Path, json: bool = False) -> None:
    options = RetrievalOptions(sources=True)
    ask(Terminal(json=json), [str(state)], [QUESTION], DEMO, Sampling(max_new_tokens=40), options)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Return a folder whose middle file holds the fact."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, text in (("f0.txt", PROSE), ("f1.txt", f"{PROSE}\n{FACT} {PROSE}\n"), ("f2.txt", PROSE)):
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("touched", "content", "status", "told"),
    [
        ("f2.txt", "Other.", "as read", f'    "{FACT}"'),
        ("f2.txt", None, "as read", f'    "{FACT}"'),
        ("zz.txt", "New.", "as read", f'    "{FACT}"'),
        ("f1.txt", "Other.", "changed", "    ({} changed since it was read: no quote)"),
        ("f1.txt", None, "gone", "    ({} is gone: no quote)"),
    ],
)
def test_each_file_is_quoted_or_not_by_itself(
    three: Path, touched: str, content: str | None, status: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state = three.with_name("three.state")
    read(Terminal(quiet=True), [str(three)], state, DEMO)
    (three / touched).write_text(content) if content else (three / touched).unlink()
    capsys.readouterr()
    asked(state)
    assert told.format(three / "f1.txt") in capsys.readouterr().out.splitlines()
    asked(state, json=True)
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert source["file"] == str(three / "f1.txt")
    assert (source["status"], source["quote"] == FACT) == (status, status == "as read")


def test_a_document_that_is_not_at_hand_is_told() -> None:
    text = cited([Source("standard input", 2, "", 0, 4, None, "not found")])
    assert text.endswith("    (the document was not found: no quote)\n")


def test_a_sentence_that_never_ends_is_shortened_in_its_warning() -> None:
    answer = Answer("Q?", "x" * 5000, UNVERIFIED, unsupported=("x" * 5000,))
    (warning,) = unverified(answer)
    assert len(warning) < 400
    assert warning.endswith("x…")
