"""Test `find`, `text` and the split of arguments: what is printed can be checked, and no model is used."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from formats import pdf
from readers import read_book, reader
from typer.testing import CliRunner

from gemma10m.cli import app
from gemma10m.commands.arguments import sources_and_question, sources_and_words
from gemma10m.documents import open_source
from gemma10m.errors import DocumentError, UsageError
from gemma10m.folders import cache_folder, indexes_folder
from gemma10m.library import Notices
from gemma10m.library.read_source import read_document

pytestmark = pytest.mark.usefixtures("cache")
PROSE = "They walked on along the shore, and it was late before they came home. " * 12
FACT = "One of the special magic numbers for quiet-harbor is: 30518."
REPORT_TORCH = """
import sys
from gemma10m.cli import main
try:
    main()
finally:
    sys.stderr.write(f"torch: {'torch' in sys.modules}")
"""


def told(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model was opened")

    monkeypatch.setattr("gemma10m.library.model_choice.open_checkpoint", refuse)


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_text(f"{PROSE}\n{FACT} {PROSE}\n")
    return path


@pytest.mark.usefixtures("no_model")
def test_words_are_found_with_file_line_and_bytes(tale: Path) -> None:
    start = len(PROSE) + 1
    code, out, err = told("find", str(tale), "Quiet-Harbor")
    assert (code, out) == (0, f'{tale}:2, bytes {start}-{start + len(FACT)}\n    "{FACT}"\n')
    assert "indexing" in err
    code, out, err = told("find", str(tale), "quiet-harbor", "--json")
    record = json.loads(out)
    assert tale.read_bytes()[record["start"] : record["stop"]].decode() == record["quote"] == FACT
    assert err == ""
    assert len(list(indexes_folder().iterdir())) == 1


@pytest.mark.usefixtures("no_model")
def test_the_best_passages_come_first_and_no_more_than_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("The harbor is wide.\n")
    (folder / "b.txt").write_text("The quiet harbor is here.\n")
    (folder / "c.txt").write_text("Nothing of it.\n")
    lines = told("find", str(folder), "quiet harbor")[1].splitlines()
    assert [line.partition(":")[0] for line in lines[::2]] == [str(folder / "b.txt"), str(folder / "a.txt")]
    assert len(told("find", str(folder), "quiet harbor", "--limit", "1")[1].splitlines()) == 2
    code, out, err = told("find", str(folder), "zebra")
    assert (code, out) == (10, "")
    assert "error: no passage contains any of these words" in err


@pytest.mark.usefixtures("no_model")
def test_every_sentence_with_one_of_the_words_is_shown(tale: Path) -> None:
    tale.write_text("The Aurora left at noon. She was new. Captain Hull stood on the bridge. It rained.\n")
    out = told("find", str(tale), "Aurora Hull")[1]
    assert [line.strip() for line in out.splitlines()[1::2]] == [
        '"The Aurora left at noon."',
        '"Captain Hull stood on the bridge."',
    ]


@pytest.mark.usefixtures("no_model")
def test_a_note_says_how_many_passages_have_the_words(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.txt").write_text(f"The harbor of town {number}.\n")
    assert "10 of 12 passages with these words are shown; --limit shows more" in told("find", str(folder), "harbor")[2]
    assert "passages with these words" not in told("find", str(folder), "harbor", "--limit", "12")[2]


def test_a_cache_that_cannot_be_written_is_done_without(tale: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.mkstemp

    def read_only(suffix: str, prefix: str, folder: Path) -> tuple[int, str]:
        if folder.is_relative_to(cache_folder()):
            raise OSError(errno.EROFS, "Read-only file system")
        return make(suffix, prefix, folder)

    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    code, out, err = told("find", str(tale), "quiet-harbor")
    assert code == 0
    assert FACT in out
    assert "the disk is read-only: the passages are indexed again each time; set XDG_CACHE_HOME" in err
    code, _, err = told("read", str(tale), "-m", "demo", "--device", "cpu")
    assert code == 7
    assert "hint: set XDG_CACHE_HOME to a folder you may write to" in err


def test_the_index_of_a_read_is_used(tale: Path) -> None:
    state = str(tale.with_name("tale.state"))
    for words in (["read", str(tale)], ["read", str(tale), "-o", state]):
        assert told(*words, "-m", "demo", "--device", "cpu")[0] == 0
    for source in (str(tale), state):
        assert FACT in told("find", source, "quiet-harbor")[1]
    assert not indexes_folder().exists()
    Path(f"{state}.passages").unlink()
    code, _, err = told("find", state, "quiet-harbor")
    assert code == 5
    assert "has no index of passages beside it" in err


@pytest.mark.parametrize("words", ["", " ", "the of", "?!"])
def test_words_that_say_nothing_are_refused(tale: Path, words: str) -> None:
    code, _, err = told("find", str(tale), words)
    assert code == 2
    assert "contains no word to search for" in err


def test_the_text_is_what_a_model_reads(tale: Path, tmp_path: Path) -> None:
    assert told("text", str(tale))[1] == tale.read_text()
    book = tmp_path / "book.pdf"
    book.write_bytes(pdf("one", "two", "three"))
    whole = told("text", str(book))[1]
    assert "".join(told("text", str(book), "--page", page)[1] for page in ("1", "2-3")) == whole
    assert told("text", str(book), "--page", "page 2")[1].strip() == "two"


def test_lines_are_those_of_sources(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("".join(f"line {number} {'x' * 100}\n" for number in range(1, 3001)) + "the end")
    lines = path.read_text().splitlines(keepends=True)
    for first, last in ((1, 1), (650, 660), (2999, 3001), (1, 3001), (3001, 9000)):
        assert told("text", str(path), "--lines", f"{first}-{last}")[1] == "".join(lines[first - 1 : last])
    code, out, err = told("text", str(path), "--lines", "3002")
    assert (code, out) == (2, "")
    assert "has 3,001 lines" in err
    path.write_text("only one\n")
    assert "has 1 line, found --lines 2" in told("text", str(path), "--lines", "2")[2]
    assert "has 1 line, found --lines 5" in told("text", str(path), "--lines", "5")[2]


def test_a_saved_state_has_no_text(tale: Path) -> None:
    code, _, err = told("text", str(read_book(reader(), tale)[0].path))
    assert code == 3
    assert "is a saved state, which does not hold the text" in err


def test_places_of_one_name_come_without_what_is_between_them(tmp_path: Path) -> None:
    sections = "".join(f"<h2 id={n}>{name}</h2><p>{name} {n}.</p>" for n, name in enumerate(("Notes", "Two", "Notes")))
    (tmp_path / "page.html").write_text(f"<html><body>{sections}</body></html>")
    code, out, _ = told("text", str(tmp_path / "page.html"), "--page", "section Notes")
    assert (code, "Notes 0." in out, "Notes 2." in out, "Two" in out) == (0, True, True, False)


def test_a_place_may_be_named_without_its_kind(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        "<html><body><h2 id=a>One</h2><p>First.</p><h2 id=b>Two</h2><p>Last.</p></body></html>"
    )
    code, out, _ = told("text", str(tmp_path / "page.html"), "--page", "Two")
    assert (code, "Last." in out, "First." in out) == (0, True, False)
    assert "or a name such as 'section One'" in told("text", str(tmp_path / "page.html"), "--page", "Six")[2]
    (tmp_path / "page.html").write_text(
        "<html><body><h2 id=a>2023</h2><p>First.</p><h2 id=b>2024</h2><p>Last.</p></body></html>"
    )
    assert "Last." in told("text", str(tmp_path / "page.html"), "--page", "2024")[1]
    assert "Last." in told("text", str(tmp_path / "page.html"), "--page", "2")[1]


def test_a_folder_of_states_is_searched_alone(tale: Path, tmp_path: Path) -> None:
    (tmp_path / "states").mkdir()
    read_book(reader(), tale, tmp_path / "states" / "tale.txt.state")
    code, _, err = told("find", str(tmp_path / "states"), str(tale), "harbor")
    assert (code, "is a folder of states, and other sources were named" in err) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ["--lines", "0"],
        ["--lines", "3-1"],
        ["--lines", "a"],
        ["--page", "1"],
        ["--page", "1", "--lines", "1"],
        ["--lines", "٣"],
    ],
)
def test_a_part_that_is_not_there_is_refused(tale: Path, words: list[str]) -> None:
    assert told("text", str(tale), *words)[0] == 2


def test_a_part_of_several_files_is_refused(tale: Path) -> None:
    tale.with_name("other.txt").write_text("Other.")
    assert "has 2 files" in told("text", str(tale), str(tale.with_name("other.txt")), "--lines", "1")[2]


def test_the_last_word_is_a_question_where_no_file_has_its_name(tale: Path) -> None:
    other, question = tale.with_name("other.txt"), "Who is Anne?"
    other.write_text("Other.")
    names = [str(tale), str(other)]
    assert sources_and_question([*names, question], []) == (names, [question])
    assert sources_and_question(names, []) == (names, [])
    assert sources_and_question(names, [question]) == (names, [question])
    assert sources_and_question(["-", question], []) == (["-"], [question])
    assert sources_and_words(names, ["Anne"]) == (names, "Anne")
    for words in ([question], [str(tale), question, "Why?"], [str(tale), question, str(other)]):
        with pytest.raises(DocumentError, match=r"Who is Anne\? does not exist"):
            sources_and_question(words, [])
    with pytest.raises(DocumentError, match="gone"):
        sources_and_question([str(tale), "gone"], [question])
    with pytest.raises(UsageError, match="no words"):
        sources_and_words(names, [])


@pytest.mark.parametrize(
    ("word", "warned"), [("gone.txt", True), ("gone/", True), ("Why?", False), ("Is it a.txt", False), ("42.", False)]
)
def test_a_question_that_looks_like_a_file_is_warned_of(tale: Path, word: str, warned: bool) -> None:
    told: list[str] = []
    assert sources_and_question([str(tale), word], [], told.append) == ([str(tale)], [word])
    assert told == ([f"{word} does not exist and is used as the question"] if warned else [])


def test_several_files_are_read_for_one_question(tale: Path) -> None:
    other = tale.with_name("other.txt")
    other.write_text(PROSE)
    question = "What is the special magic number for quiet-harbor?"
    code, out, err = told("ask", str(other), str(tale), question, "-m", "demo", "--device", "cpu", "--json")
    assert code == 0, err
    record = json.loads(out)
    assert record["files_in_document"] == 2
    assert record["question"] == question
    assert record["answer"] == "The magic number for quiet-harbor is: 30518."


def test_commands_without_a_model_do_not_import_torch(tale: Path) -> None:
    state = read_book(reader(), tale)[0].path
    for words in (["find", str(tale), "harbor"], ["find", str(state), "harbor"], ["text", str(tale)], ["states"]):
        command = [sys.executable, "-c", REPORT_TORCH, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        assert (bool(done.stdout), done.stderr.endswith("torch: False")) == (True, True), (words, done.stderr)


@pytest.mark.usefixtures("no_model")
def test_words_of_several_options_are_found_together(tale: Path) -> None:
    assert "quiet-harbor" in told("find", str(tale), "-q", "zebra", "-q", "quiet-harbor")[1]
    assert "with -q every argument is a source" in told("find", str(tale), "gone", "-q", "zebra")[2]


@pytest.mark.usefixtures("no_model")
def test_a_name_in_json_is_the_file_s_own(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\x1b\xff.txt")
    path.write_text(FACT)
    assert json.loads(told("find", str(path), "quiet-harbor", "--json")[1])["file"] == str(path)
    assert f"{tmp_path}/a\\x1b\\xff.txt:1" in told("find", str(path), "quiet-harbor")[1]


@pytest.mark.usefixtures("no_model")
def test_words_that_are_not_text_are_refused(tale: Path) -> None:
    code, _, err = told("find", str(tale), os.fsdecode(b"Zo\xeb"))
    assert (code, "the words are not text" in err) == (2, True)


@pytest.mark.parametrize("option", ["--page", "--lines"])
def test_an_empty_part_is_no_part(tale: Path, option: str) -> None:
    assert told("text", str(tale), option, "")[0] == 2


@pytest.mark.parametrize("command", ["text", "info", "summarize", "read"])
def test_a_folder_of_states_has_no_text(command: str, tmp_path: Path, tale: Path) -> None:
    states = tmp_path / "states"
    states.mkdir()
    tiny = reader()
    read_document(Notices(), tiny, open_source(tale), states / "tale.state")
    code, out, err = told(command, str(states), *(("-m", "demo") if command == "read" else ()))
    assert (code, out) == (2, "")
    assert "is a folder of states, which holds no text" in err


def test_a_state_is_not_written_to_standard_output(tale: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tale.parent)
    assert told("read", str(tale), "-o", "-", "-m", "demo")[0] == 2
    assert not Path("-").exists()
