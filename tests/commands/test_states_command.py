"""`states`: what the cache keeps is listed and removed, and nothing else is."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest
from readers import TEXT, checkpoint, read_book, read_partly, reader
from typer.testing import CliRunner

from gemma10m.cli import app
from gemma10m.documents import open_source
from gemma10m.folders import indexes_folder
from gemma10m.library.kept import in_cache


def told(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


def test_states_are_listed_with_what_they_are_of(book: Path, cache: Path) -> None:
    assert "the cache is empty" in told("states")[2]
    tiny = reader()
    source, _ = read_book(tiny, book)
    other = book.with_name("other.txt")
    other.write_text(TEXT * 2)
    read_partly(tiny, other, tiny.state_path(open_source(other)))
    os.utime(source.path, (0, 0))
    first, second = told("states")[1].splitlines()
    assert "unfinished" in first
    assert second.startswith(f"{source.path.stem[:8]}  {book}  ")
    assert f"  {source.state.position:,} tokens  " in second
    records = [json.loads(line) for line in told("states", "--json")[1].splitlines()]
    assert [record["complete"] for record in records] == [False, True]
    assert records[1]["bytes"] == sum(path.stat().st_size for path in cache.glob(f"{source.path.stem}*"))


@pytest.mark.parametrize("by_name", [True, False])
def test_one_is_removed_and_said(book: Path, cache: Path, by_name: bool) -> None:
    source, _ = read_book(reader(), book)
    other = book.with_name("other.txt")
    other.write_text(TEXT * 2)
    kept, _ = read_book(reader(), other)
    code, out, _ = told("states", "--remove", source.path.stem[:8] if by_name else str(book))
    assert code == 0
    assert out.startswith(f"removed the state and passages of {book}: ")
    assert {path.name for path in cache.iterdir()} == {kept.path.name, f"{kept.path.name}.passages"}
    for name in ("nothing", ""):
        code, _, err = told("states", "--remove", name)
        assert code == 2
        assert f"nothing in the cache has the name '{name}'" in err


def test_everything_is_removed_but_what_is_in_use(book: Path, cache: Path) -> None:
    read_book(reader(), book)
    told("find", str(book), "48213")
    (cache / ".gemma10m-dead.tmp").write_bytes(b"12")
    (cache / "notes.txt").write_text("mine")
    with (cache / ".gemma10m-live.tmp").open("wb") as live:
        fcntl.flock(live, fcntl.LOCK_EX)
        assert "1 leftover of killed runs, 2 B" in told("states")[2]
        code, out, _ = told("states", "--remove-all")
    assert code == 0
    assert out.startswith("removed 1 state with passages, passages of 0 other documents and 1 leftover: ")
    assert {path.name for path in cache.iterdir()} == {".gemma10m-live.tmp", "notes.txt"}
    assert told("states", "--remove-all", "--remove", "x")[0] == 2


def test_passages_without_a_state_are_listed_and_removed_by_their_document(book: Path, cache: Path) -> None:
    other = book.with_name("other.txt")
    other.write_text(TEXT * 2)
    for path in (book, other):
        told("find", str(path), "48213")
    (indexes_folder() / "damaged.passages").write_bytes(b"x")
    code, out, err = told("states")
    assert (code, err) == (0, "")
    assert [line.split("  ")[1:3] for line in out.splitlines()[1:]] == [
        [str(other), "passages only"],
        [str(book), "passages only"],
    ]
    assert "cannot be read" in out.splitlines()[0]
    records = [json.loads(line) for line in told("states", "--json")[1].splitlines()]
    assert [record["document"] for record in records] == [None, str(other), str(book)]
    assert told("states", "--remove", str(book))[1].startswith(f"removed the passages of {book}: ")
    assert told("states", "--remove", records[1]["name"][:8])[1].startswith(f"removed the passages of {other}: ")
    assert told("states", "--remove-all")[1].startswith("removed 0 states with passages, passages of 1 other document ")
    assert list(indexes_folder().iterdir()) == []


def test_a_link_to_nothing_is_listed_as_damaged(book: Path, cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "gone.safetensors").symlink_to("nowhere")
    (state,) = in_cache()
    assert (state.name, state.header) == ("gone", None)


def test_a_damaged_state_is_listed_and_goes(book: Path, cache: Path) -> None:
    source, _ = read_book(reader(), book)
    source.path.write_bytes(source.path.read_bytes()[:100])
    assert "cannot be read" in told("states")[1]
    assert f"removed the state and passages of {source.path.stem}" in told("states", "--remove", source.path.stem)[1]
    assert list(cache.iterdir()) == []


def test_the_user_s_default_model_is_used_and_shown(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = tmp_path / "config" / "gemma10m" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'model = "{checkpoint()}"\n')
    assert f"{checkpoint()} ({file})" in told("info")[1]
    assert json.loads(told("read", str(book), "--json", "--device", "cpu")[1])["model"] == str(checkpoint())
    monkeypatch.setenv("GEMMA10M_MODEL", "demo")
    assert "demo (GEMMA10M_MODEL)" in told("info")[1]
    assert json.loads(told("read", str(book), "--json", "--device", "cpu")[1])["model"] == "demo"
    named = told("read", str(book), "--json", "--device", "cpu", "-m", str(checkpoint()))[1]
    assert json.loads(named)["model"] == str(checkpoint())
    monkeypatch.setenv("GEMMA10M_MODEL", "nope")
    assert "nope (GEMMA10M_MODEL), not found" in told("info")[1]
    assert "; GEMMA10M_MODEL names it as the default model" in told("read", str(book))[2]
    monkeypatch.delenv("GEMMA10M_MODEL")
    file.write_text('modle = "demo"')
    for words in (["info"], ["read", str(book)]):
        assert f"warning: {file} has unknown settings: modle; write a line such as" in told(*words)[2]
    assert str(file) in told("info")[1]
    for wrong in ("model = ", "model = 3", 'model = ""', "\x00"):
        file.write_text(wrong)
        code, _, err = told("read", str(book))
        assert code == 2
        assert str(file) in err


def test_two_texts_of_one_name_are_not_removed_together(
    book: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        folder = book.parent / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        Path("notes.txt").write_text(TEXT[number:])
        read_book(reader(), Path("notes.txt"))
    code, _, err = told("states", "--remove", "notes.txt")
    assert (code, "2 texts in the cache have the name 'notes.txt'" in err) == (2, True)
    first = told("states")[1].splitlines()[0].split()[0]
    assert told("states", "--remove", first)[0] == 0
    assert told("states", "--remove", "./notes.txt")[0] == 0
    assert list(cache.iterdir()) == []
