"""A model, a URL or a missing file named as a source: the error says what it is, and what to do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gemma10m.documents import open_source
from gemma10m.errors import DocumentError


def refusal(path: Path | str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        open_source(path)
    return caught.value


@pytest.mark.parametrize("url", ["https://example.org/book.txt", "HTTP://example.org", "s3://bucket/a"])
def test_a_url_is_not_fetched(url: str) -> None:
    found = refusal(url)
    assert found.message == f"{url} is a URL, which is not fetched"
    assert "download it first" in found.hint


def test_a_model_is_told_from_a_document(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}).encode()
    (tmp_path / "m.gguf").write_bytes(b"GGUF\x03\0\0\0")
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    found = refusal(tmp_path / "m.gguf")
    assert found.message.endswith("m.gguf cannot be read: a model in a GGUF file, not a document")
    assert f"--model {tmp_path}/m.gguf" in found.hint
    found = refusal(tmp_path / "m.safetensors")
    assert "a model's weights (safetensors)" in found.message
    assert "--model" in found.hint


def test_a_missing_path_is_answered_with_names_like_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "Persuasion.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert refusal("examples/persuasoin.txt").hint == "did you mean examples/Persuasion.txt?"
    assert refusal("exmaples/Persuasion.txt").hint == "did you mean examples?"
    assert refusal(f"{tmp_path}/exampels/").hint == f"did you mean {tmp_path}/examples?"
    assert refusal("nothing-like-it").hint == "check the spelling of the path"
    assert refusal("examples/" + "x" * 250).hint == "check the spelling of the path"


def test_a_name_that_is_suggested_shows_no_control_characters(tmp_path: Path) -> None:
    (tmp_path / "boo\x1bk.txt").write_text("x")
    assert refusal(tmp_path / "book.txt").hint == f"did you mean {tmp_path}/boo\\x1bk.txt?"


def test_a_broken_link_is_told_with_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to("gone.txt")
    assert refusal(tmp_path / "a.txt").message == f"{tmp_path}/a.txt is a link to gone.txt, which does not exist"


def test_a_pipe_is_to_be_given_as_standard_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "standard input" in refusal(tmp_path / "pipe").hint
