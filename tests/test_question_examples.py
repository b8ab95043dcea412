"""The questions in `examples/questions` can be asked by `gemma10m eval qa`, and their sources are in the text."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gemma10m.cli import app
from gemma10m.passages.folding import is_in
from gemma10m.tasks.question_set import read_question_set

EXAMPLES = Path(__file__).parent.parent / "examples"
SETS = sorted((EXAMPLES / "questions").glob("*.jsonl"))


def test_every_document_has_its_questions() -> None:
    assert [path.stem for path in SETS] == ["debian-policy", "persuasion", "python-library"]


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_sixteen_of_twenty_questions_have_an_answer_and_a_source(path: Path) -> None:
    asked = read_question_set(path)
    assert len({one.question for one in asked}) == 20
    assert [bool(one.answers) for one in asked] == [bool(one.sources) for one in asked]
    assert sum(bool(one.answers) for one in asked) == 16


def test_the_sources_are_in_the_novel_from_its_beginning_to_its_end() -> None:
    text = " ".join(CliRunner().invoke(app, ["text", str(EXAMPLES / "persuasion.txt")]).stdout.split())
    sources = [
        source for one in read_question_set(EXAMPLES / "questions" / "persuasion.jsonl") for source in one.sources
    ]
    assert [source for source in sources if not is_in(source, text)] == []
    places = [text.index(source) for source in sources]
    assert places == sorted(places)
    assert places[0] < len(text) / 20
    assert places[-1] > len(text) * 19 / 20
