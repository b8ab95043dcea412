"""SIGINT and SIGTERM: the segment is finished, the state saved, the same command resumes. A second one ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from halting_cli import HALTED
from readers import SEGMENT, TEXT, checkpoint, document_ids, opening, stretch_of
from states import same_bits
from terminal_runs import clean_environment

from gemma10m import open_source
from gemma10m.commands.ask import read
from gemma10m.errors import Interrupted
from gemma10m.library.model_choice import ModelOptions, load_reader
from gemma10m.library.signals import stop_on_signals
from gemma10m.saved_states import Reader
from gemma10m.terminal import Terminal

PROGRAM = Path(__file__).parents[1] / "support" / "halting_cli.py"
pytestmark = pytest.mark.usefixtures("cache")  # which child processes share
SEGMENTS = 5
PATIENCE = 240  # seconds a busy machine may take


def options() -> ModelOptions:
    return ModelOptions(model=str(checkpoint()), device="cpu")


@pytest.fixture
def tiny() -> Reader:
    return load_reader(Terminal(), options())


@contextmanager
def started(book: Path, segments: int, *more: str) -> Iterator[subprocess.Popen[str]]:
    words = ["read", str(book), "--model", str(checkpoint()), "--device", "cpu", *more]
    cache = os.environ["XDG_CACHE_HOME"]
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(segments), *words],
        env=clean_environment(XDG_CACHE_HOME=cache, OMP_NUM_THREADS=str(torch.get_num_threads())),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_until_halted(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        if line == HALTED:
            return
        lines.append(line)
    raise AssertionError("".join(lines))


def interrupted(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a read that gets a signal after some segments."""
    wait_until_halted(process)
    process.send_signal(number)
    stdout, stderr = process.communicate("\n", timeout=PATIENCE)
    return process.returncode, stdout, stderr


def assert_same_content(mine: Path, theirs: Path, tiny: Reader) -> None:
    found, header = tiny.load(mine)
    expected, wanted = tiny.load(theirs)
    assert same_bits(found.state, expected.state)
    assert replace(header, seconds=0.0) == replace(wanted, seconds=0.0)
    assert header.complete


def read_unbroken(tiny: Reader, book: Path, path: Path) -> Path:
    with stretch_of(SEGMENT), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(path.parent / "another-cache"))
        read(Terminal(), [str(book)], path, options())
    return path


def test_sigint_saves_and_the_same_command_goes_on(book: Path, tiny: Reader) -> None:
    with started(book, SEGMENTS) as process:
        code, stdout, stderr = interrupted(process, signal.SIGINT)
    path = tiny.state_path(open_source(book))
    read_tokens = SEGMENTS * SEGMENT - len(opening(tiny))
    assert (code, stdout) == (130, "")
    assert f"error: stopped after {read_tokens} tokens; the state is saved in {path}\n" in stderr
    assert "hint: run the same command again to resume\n" in stderr
    assert "Traceback" not in stderr
    assert tiny.load(path)[0].state.position == SEGMENTS * SEGMENT
    with started(book, 0) as again:
        stdout, stderr = again.communicate(timeout=PATIENCE)
    total = len(document_ids(tiny, TEXT)) - len(opening(tiny))
    assert (again.returncode, stdout) == (0, f"{path}\n")
    assert f"resuming after {SEGMENTS * SEGMENT} tokens read earlier\n" in stderr
    assert f"read {total:,} of {total:,} tokens" in stderr
    assert_same_content(path, read_unbroken(tiny, book, book.with_name("unbroken.state")), tiny)


def test_sigterm_saves_where_the_user_wants_it(book: Path, tiny: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    path = book.with_name("my.state")
    with started(book, SEGMENTS, "-o", str(path)) as process:
        code, stdout, stderr = interrupted(process, signal.SIGTERM)
    assert (code, stdout) == (143, "")
    assert f"the state is saved in {path}\n" in stderr
    assert not tiny.state_path(open_source(book)).exists()
    capsys.readouterr()
    with stretch_of(SEGMENT):
        read(Terminal(), [str(book)], path, options())
    stdout, stderr = capsys.readouterr()
    assert stdout == f"{path}\n"
    assert f"resuming after {SEGMENTS * SEGMENT} tokens read earlier\n" in stderr
    assert_same_content(path, read_unbroken(tiny, book, book.with_name("unbroken.state")), tiny)


def test_a_second_sigint_ends_at_once(book: Path, tiny: Reader) -> None:
    """Nobody lets this read continue after its segment: only a signal that is not waited for can end it."""
    with started(book, SEGMENTS) as process:
        wait_until_halted(process)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGINT)  # two sent at once would be one
            time.sleep(0.1)
        assert process.poll() == 128 + signal.SIGINT
    assert not tiny.state_path(open_source(book)).exists()


def test_a_signal_during_the_last_stretch_is_not_forgotten(
    book: Path, tiny: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document is read and saved, and the command ends: nothing is answered any more."""
    save = Reader.save

    def save_and_signal(*arguments: Any) -> None:
        save(*arguments)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Reader, "save", save_and_signal)
    path = book.with_name("my.state")
    with pytest.raises(Interrupted) as caught:
        read(Terminal(), [str(book)], path, options())
    assert caught.value.exit_code == 143
    assert str(path) in caught.value.message
    assert tiny.load(path)[1].complete


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_asks(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signals() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert stop.signal_number == number
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def ended(body: str, *arguments: str) -> tuple[int, str]:
    """Run a program that takes over the signals; return its exit code and what it says."""
    program = f"import os, signal, sys, time\nfrom gemma10m import interrupts\ninterrupts.install()\n{body}"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_program_starts_ends_it_in_one_sentence(number: signal.Signals) -> None:
    code, said = ended(f"signal.raise_signal({number})\ntime.sleep(60)")
    assert (code, said) == (128 + number, "error: interrupted\nhint: run the same command again\n")


def test_two_signals_during_one_python_call_end_it_at_once() -> None:
    """The handler of Python's runs once, after the call: both signals are counted where they arrive."""
    body = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "with interrupts.asking(lambda number: None):\n"
        "    for _ in range(2):\n"
        "        libc.kill(os.getpid(), 2)\n"
        "    time.sleep(60)\n"
    )
    assert ended(body)[0] == 130


def test_an_error_that_a_library_makes_of_a_signal_is_an_interruption() -> None:
    body = (
        "from gemma10m.program import command_terminal\n"
        "with command_terminal():\n"
        "    try:\n"
        "        signal.raise_signal(2)\n"
        "    except KeyboardInterrupt:\n"
        "        raise ValueError('could not determine the shape of object')\n"
    )
    assert ended(body) == (130, "error: interrupted\nhint: run the same command again\n")


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from gemma10m import interrupts; interrupts.install(); signal.raise_signal(2)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_usual_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), stop_on_signals():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) == before
