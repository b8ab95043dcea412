"""The demo warns of what it cannot do before it runs, and an answer that was cut off has a warning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from readers import TEXT, checkpoint
from typer.testing import CliRunner

from gemma10m.cli import app

pytestmark = pytest.mark.usefixtures("cache")
PLANTED = "What is the special magic number for amber-lantern?"


def told(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*words, "--device", "cpu"])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(("question", "warned"), [("Who is Anne?", True), (PLANTED, False)])
def test_the_demo_warns_of_a_question_it_never_learned(book: Path, question: str, warned: bool) -> None:
    _, _, err = told("ask", str(book), question, "-m", "demo", "--max-new-tokens", "9")
    assert ("the demo knows nothing but planted facts" in err.partition("read ")[0]) is warned
    _, _, err = told("ask", str(book), question, "-m", str(checkpoint()), "--max-new-tokens", "9")
    assert "demo" not in err


def test_the_demo_does_not_sum_up(book: Path, cache: Path) -> None:
    state = str(book.with_name("book.state"))
    code, out, err = told("summarize", str(book), "-m", "demo")
    assert (code, out) == (2, "")
    assert "pip install 'gemma10m[small]'" in err
    assert not cache.exists()
    assert told("read", str(book), "-m", "demo", "-o", state)[0] == 0
    assert "the demo cannot summarize" in told("summarize", state)[2]
    assert "planted facts" in told("ask", state, "Who is Anne?", "--max-new-tokens", "9")[2]


@pytest.mark.parametrize("command", ["ask", "summarize"])
def test_what_was_cut_off_is_told(book: Path, command: str) -> None:
    book.write_text(TEXT)
    words = [command, str(book), *(["Who?"] if command == "ask" else []), "-m", str(checkpoint()), "--max-new-tokens"]
    code, out, err = told(*words, "3", "--json")
    assert code == 0
    assert "was cut off; raise --max-new-tokens" in err
    assert json.loads(out)["truncated"] is True
