"""Files that a user names: a FIFO is refused at once, and a pipe that the shell has opened is read."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gemma10m.adapters import added_memory, peft_folder
from gemma10m.commands.qa_run import _refuse_other_details
from gemma10m.commands.questions import read_questions
from gemma10m.commands.run_folder import read_recipe
from gemma10m.commands.train_adapter import _recipe
from gemma10m.errors import Gemma10MError
from gemma10m.evaluation.journal import Journal
from gemma10m.folders import config_file
from gemma10m.library.defaults import default_model
from gemma10m.regular_file import read_regular
from gemma10m.tasks.question_set import read_question_set


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """End a test that waits for a writer: nobody writes."""

    def give_up(*_: object) -> None:
        raise AssertionError("it waited")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def adapter_with(name: str) -> Callable[[Path], object]:
    """Return a function that reads an adapter in which a FIFO has the name."""

    def read(fifo: Path) -> object:
        folder = fifo.with_name("adapter")
        folder.mkdir()
        (folder / peft_folder.CONFIG).write_text('{"peft_type": "LORA", "r": 1, "lora_alpha": 1}')
        if name == added_memory.TENSORS:
            said = {"version": added_memory.VERSION, "rank": 1, "segment": 16, "carry": 16, "sinks": 0}
            (folder / added_memory.CONFIG).write_text(json.dumps(said))
        fifo.rename(folder / name)
        return peft_folder.read_adapter(folder)

    return read


def default_in(fifo: Path) -> object:
    config_file().parent.mkdir(parents=True)
    fifo.rename(config_file())
    return default_model()


@pytest.mark.parametrize(
    "read",
    [
        read_questions,
        read_question_set,
        read_recipe,
        _recipe,
        default_in,
        lambda fifo: Journal(fifo, ""),
        _refuse_other_details,
        adapter_with(peft_folder.CONFIG),
        adapter_with(peft_folder.TENSORS),
        adapter_with(added_memory.TENSORS),
    ],
)
def test_nobody_waits_for_a_fifo(
    read: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("GEMMA10M_MODEL", raising=False)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Gemma10MError, match=r"(fifo|config\.toml|/adapter/[\w.]+) .*: it is not a regular file"):
        read(tmp_path / "fifo")


def test_the_shell_s_pipe_is_read() -> None:
    descriptor, writer = os.pipe()
    os.write(writer, b"Who is Anne?\n")
    os.close(writer)
    assert read_questions(Path(f"/dev/fd/{descriptor}")) == [{"question": "Who is Anne?"}]
    os.close(descriptor)


def test_no_more_is_read_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("abc")
    assert read_regular(tmp_path / "a", 2) == b"ab"


@pytest.mark.parametrize("read", [read_questions, read_question_set, read_recipe, _recipe])
def test_a_file_that_cannot_be_read_is_named_once(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(Gemma10MError) as caught:
        read(tmp_path / "nope")
    assert caught.value.message.count("nope") == 1
    assert caught.value.message.endswith(": No such file or directory")
