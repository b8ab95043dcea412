"""A file of questions: what it holds, and one sentence for a line that is no question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gemma10m.errors import UsageError
from gemma10m.tasks.question_set import AskedQuestion, read_question_set

GOOD = json.dumps({"question": "Who is Anne?", "answers": ["a sister", "Mary's sister"], "sources": ["Anne is."]})


def test_questions_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text(f'\ufeff{GOOD}\n\n  \n{{"question": "汉字 é\\u2028?", "answers": [], "more": 1}}', encoding="utf-8")
    assert read_question_set(path) == (
        AskedQuestion("Who is Anne?", ("a sister", "Mary's sister"), ("Anne is.",)),
        AskedQuestion("汉字 é\u2028?", ()),
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "is not JSON"),
        ('{"question": "Q", "question": "R", "answers": []}', "is not JSON: found the key 'question' twice"),
        ("[" * 100_000, "is not JSON: it is nested too deeply"),
        ("[1]", "has no question"),
        ('{"answers": []}', "has no question"),
        ('{"question": 1, "answers": []}', "has no question"),
        ('{"question": " ", "answers": []}', "has no question"),
        (json.dumps({"question": "x" * 40_000, "answers": []}), "cannot be asked: the question has 40,000 characters"),
        ('{"question": "\\ud800?", "answers": []}', "cannot be asked: the question is not text"),
        ('{"question": "Q"}', "has no answers"),
        ('{"question": "Q", "answers": "a"}', "has answers that are not a list of texts"),
        ('{"question": "Q", "answers": [1]}', "has answers that are not a list of texts"),
        ('{"question": "Q", "answers": ["\\udc00"]}', "has answers that are not a list of texts"),
        ('{"question": "Q", "answers": [""]}', "has answers that are not a list of texts"),
        ('{"question": "Q", "answers": [], "sources": {}}', "has sources that are not a list of texts"),
    ],
)
def test_a_line_that_is_no_question_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text(f"{GOOD}\n\n{line}\n")
    with pytest.raises(UsageError) as refused:
        read_question_set(path)
    assert refused.value.message.startswith(f"{path}, line 3, {sentence}")
    assert "\n" not in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("content", [b"", b" \n\t\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"asked\.jsonl has no question"):
        read_question_set(path)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "caf\xe9?"}')
    with pytest.raises(UsageError, match=r"latin\.jsonl is not UTF-8 text"):
        read_question_set(tmp_path / "latin.jsonl")
    with pytest.raises(UsageError, match=r"none\.jsonl cannot be read"):
        read_question_set(tmp_path / "none.jsonl")
