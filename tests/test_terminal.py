import errno
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from terminal_runs import clean_environment, program, run_on_terminal

from gemma10m import errors
from gemma10m.terminal import Terminal

EVIL = "\x1b]0;owned\x07[/nope]\u202e\x9b2J"
SAFE = r"\x1b]0;owned\x07[/nope]\u202e\x9b2J"
ERROR_CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


def run(body: str, *, stdin: bytes = b"", shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run `body` in a new process; `shell` are redirections such as ">&-"."""
    command = ["sh", "-c", f'exec "$0" "$@" {shell}', sys.executable, "-c", program(body)]
    environment = clean_environment(**environment)
    return subprocess.run(command, input=stdin, capture_output=True, env=environment, timeout=60, check=False)


def test_answers_go_to_stdout_and_messages_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.write("An")
    terminal.write("ne\n")
    terminal.line("48213")
    terminal.note("read 12 of 12 tokens")
    terminal.warn("one file skipped")
    assert capsys.readouterr() == ("Anne\n48213\n", "read 12 of 12 tokens\nwarning: one file skipped\n")


def test_a_silent_terminal_writes_nothing_and_still_knows_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.silent = True
    terminal.write("An")
    terminal.line("48213")
    terminal.json_line({"a": 1})
    terminal.note("read 12 of 12 tokens")
    terminal.warn("one file skipped")
    with terminal.progress("reading"):
        pass
    assert terminal.error(errors.StateError("it is damaged")) == 5
    assert capsys.readouterr() == ("", "")


def test_an_error_names_the_rank_that_it_is_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert Terminal().error(errors.StateError("it is damaged", "read it again"), "rank 3: ") == 5
    assert capsys.readouterr().err == "error: rank 3: it is damaged\nhint: read it again\n"


def test_everything_shown_is_sanitised_and_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.write(EVIL)
    terminal.line(EVIL)
    terminal.table(EVIL, [(EVIL, EVIL)])
    terminal.note(EVIL)
    terminal.warn(EVIL)
    terminal.error(errors.DocumentError(EVIL, hint=EVIL))
    terminal.error(ValueError(EVIL))
    with terminal.progress(EVIL):
        terminal.note(EVIL)
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert shown.out.count(SAFE) == 5
    assert shown.err.count(SAFE) == 6


def test_a_newline_in_data_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.error(errors.DocumentError("cannot open 'a\nhint: rm -rf ~'"))
    terminal.line("one\ntwo")
    terminal.table("title", [("name\nother", "1\n2")])
    shown = capsys.readouterr()
    assert shown.err == "error: cannot open 'a\\nhint: rm -rf ~'\n"
    assert shown.out == "one\\ntwo\ntitle\n  name\\nother  1\\n2\n"


def test_quiet_leaves_answers_warnings_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(quiet=True)
    terminal.note("reading")
    terminal.write("Anne")
    terminal.warn("skipped")
    terminal.error(errors.UsageError("no source"))
    assert capsys.readouterr() == ("Anne", "warning: skipped\nerror: no source\n")


def test_json_puts_nothing_but_objects_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(json=True)
    terminal.write("Anne")
    terminal.line("Anne")
    terminal.table("title", [("a", "b")])
    records = [{"answer": f"{EVIL}\x7f\n\udce9é", "tokens": 3}, {"answer": ""}]
    for record in records:
        terminal.json_line(record)
    out = capsys.readouterr().out
    assert re.fullmatch(r"[\x20-\x7e\n]*", out)
    assert [json.loads(line) for line in out.splitlines()] == records


def test_json_refuses_what_is_not_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        Terminal(json=True).json_line({"seconds": float("nan")})
    assert capsys.readouterr().out == ""


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().table("demo", [("layers", "4"), ("state bytes", "1.1 MB"), ("note", "")])
    assert capsys.readouterr().out == "demo\n  layers       4\n  state bytes  1.1 MB\n  note\n"


@pytest.mark.parametrize("kind", ERROR_CLASSES, ids=lambda kind: kind.__name__)
def test_our_errors_say_what_was_found_and_what_to_do(kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    exception = kind(["what was found"] if kind is errors.ConfigError else "what was found", hint="what to do")
    assert Terminal().error(exception) == kind.exit_code
    assert capsys.readouterr() == ("", "error: what was found\nhint: what to do\n")


def test_sigterm_has_its_own_exit_code() -> None:
    assert Terminal().error(errors.Interrupted("stopped", signal_number=15)) == 143


def foreign_out_of_memory() -> Exception:
    return type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory.")


FOREIGN = {
    "Ctrl-C": (KeyboardInterrupt(), 130, "error: interrupted"),
    "host memory": (MemoryError(), 6, "error: not enough memory"),
    "device memory": (foreign_out_of_memory(), 6, "error: not enough memory: CUDA out of memory."),
    "torch on the CPU": (
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        6,
        "error: not enough memory: Def",
    ),
    "a product's workspace": (
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        6,
        "error: not enough memory: CUDA error: CUBLAS",
    ),
    "a launch": (RuntimeError("CUDA error: out of memory"), 6, "error: not enough memory: CUDA error: out"),
    "disk full": (OSError(errno.ENOSPC, "No space left on device", "/a/b"), 7, "error: cannot write /a/b: No space"),
    "quota": (OSError(errno.EDQUOT, "Disk quota exceeded"), 7, "error: cannot write: Disk quota exceeded"),
    "file too large": (OSError(errno.EFBIG, "File too large"), 7, "error: cannot write: File too large"),
    "another OS error": (FileNotFoundError(2, "No such file", "x"), 1, "error: internal error: FileNotFoundError: "),
    "a bug": (ValueError("odd\nsize"), 1, r"error: internal error: ValueError: odd\nsize"),
    "a bug without words": (AssertionError(), 1, "error: internal error: AssertionError"),
}


@pytest.mark.parametrize(("exception", "exit_code", "start"), FOREIGN.values(), ids=FOREIGN)
def test_other_exceptions(
    exception: BaseException, exit_code: int, start: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Terminal().error(exception) == exit_code
    sentence, hint = capsys.readouterr().err.splitlines()
    assert sentence.startswith(start)
    assert hint.startswith("hint: ")
    assert ("GEMMA10M_TRACEBACK=1" in hint) == (exit_code == 1)


def test_the_traceback_is_shown_when_asked_for() -> None:
    body = "raise ValueError('\\x1b[2J')"
    usual = run(body)
    asked = run(body, GEMMA10M_TRACEBACK="1")
    assert usual.returncode == asked.returncode == 1
    assert b"Traceback" not in usual.stderr
    assert asked.stderr.startswith(b"Traceback (most recent call last):\n")
    assert b"\nerror: internal error: ValueError: " in asked.stderr
    assert b"\x1b" not in asked.stderr


def test_a_reader_who_leaves_ends_the_run_quietly() -> None:
    body = "while True: terminal.line('x' * 1000)"
    with subprocess.Popen(
        [sys.executable, "-c", program(body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"x" * 1000 + b"\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_reader_who_never_came_ends_the_run_quietly() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-c", program("terminal.write('Anne')\nterminal.note('not reached')")]
    with os.fdopen(write_end, "wb") as pipe:
        done = subprocess.run(
            command, stdout=pipe, stderr=subprocess.PIPE, env=clean_environment(), timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_messages_that_nobody_reads_do_not_end_the_run() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    body = "terminal.note('reading')\nterminal.note('still')\nterminal.line('Anne')"
    with os.fdopen(write_end, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", program(body)],
            stdout=subprocess.PIPE,
            stderr=pipe,
            env=clean_environment(),
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, b"Anne\n")


@pytest.mark.parametrize("redirections", [">&-", "2>&-", "<&-", "<&- >&-", "<&- >&- 2>&-"])
def test_streams_closed_at_the_start(redirections: str, tmp_path: Path) -> None:
    saved = tmp_path / "state"
    body = f"""
        assert list(terminal.prompt()) == []
        with open({str(saved)!r}, "w") as state:
            terminal.write("Anne")
            terminal.note("reading")
            os.write(1, b"stray")
            os.write(2, b"stray")
            state.write("kept")
    """
    done = run(body, shell=redirections)
    assert done.returncode == 0
    assert saved.read_text() == "kept"
    assert done.stdout == (b"" if ">&-" in redirections.replace("2>&-", "") else b"Annestray")
    assert done.stderr == (b"" if "2>&-" in redirections else b"reading\nstray")


def test_a_full_disk_behind_stdout(tmp_path: Path) -> None:
    body = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        terminal.line("longer than ten bytes")
    """
    done = run(body, shell=f"> {tmp_path / 'answers'}")
    assert done.returncode == 7
    sentence, hint = done.stderr.decode().splitlines()
    assert sentence == "error: standard output cannot be written: File too large"
    assert hint.startswith("hint: ")


def test_a_locale_without_the_characters() -> None:
    done = run("terminal.line('café \u2014')\nterminal.note('\u2014')", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"caf\\xe9 \\u2014\n", b"\\u2014\n")


def test_questions_from_a_pipe_come_without_a_prompt() -> None:
    body = "for question in terminal.prompt(): terminal.line(question)"
    done = run(body, stdin="\ufeffWho is Anne?\n\n \t\r\n  Où?  \r\nlast".encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "Who is Anne?\nOù?\nlast\n"


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_questions_that_are_not_text(locale: str) -> None:
    done = run("list(terminal.prompt())", stdin=b"Who is Ren\xe9?\n", LC_ALL=locale)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: standard input is not utf-8 text: found byte 0xe9\nhint: ")


def test_questions_on_a_terminal_are_asked_for() -> None:
    body = "for question in terminal.prompt(): terminal.line(question)"
    done = run_on_terminal(body, typed=b"Who is Anne?\n\n\x04")
    assert (done.returncode, done.stdout) == (0, b"Who is Anne?\n")
    assert done.screen.count(b"? ") == 3
    assert done.screen.endswith(b"\r\n")


def test_importing_the_module_does_not_import_rich() -> None:
    done = run("import sys\nterminal.note('x')\nprint({'rich', 'torch'} & set(sys.modules))")
    assert done.stdout == b"set()\n"
