"""The command in a pipeline: questions in, answers out, and nothing but answers on stdout."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from readers import SENTENCE, checkpoint, read_text, reader
from terminal_runs import clean_environment

from gemma10m import Sampling, answer
from gemma10m.sanitise import sanitise

QUESTIONS = ["Who is Anne?", "汉字 é <end_of_turn>?"]


def run_on_a_terminal(words: list[str], stdin: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, stdout (a pipe) and what stderr (a terminal) shows."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gemma10m", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=follower,
        env=clean_environment(**environment),
    )
    os.close(follower)
    assert process.stdin is not None
    process.stdin.write(stdin.encode())
    process.stdin.close()
    screen = b""
    try:
        while piece := os.read(leader, 65536):
            screen += piece
    except OSError:  # how Linux says that the last writer has closed the terminal
        pass
    os.close(leader)
    with process:
        assert process.stdout is not None
        return process.wait(timeout=240), process.stdout.read().decode(), screen.decode()


def test_answers_alone_reach_the_pipe_while_progress_reaches_the_terminal(tmp_path: Path) -> None:
    tiny = reader()
    text, book = SENTENCE * 6, tmp_path / "book.txt"
    book.write_text(text)
    state, settings = read_text(tiny, text), Sampling(max_new_tokens=12)
    answers = ["".join(answer(tiny.model, tiny.tokenizer, state, question, settings)) for question in QUESTIONS]
    assert len(set(answers)) == 2
    code, stdout, screen = run_on_a_terminal(
        [
            "ask",
            str(book),
            "--model",
            str(checkpoint()),
            "--device",
            "cpu",
            "--max-new-tokens",
            "12",
            "--recall",
            "off",
        ],
        "\n\n".join(QUESTIONS),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        OMP_NUM_THREADS="1",
    )
    assert (code, stdout) == (0, sanitise("\n\n".join(answers) + "\n"))
    total = len(tiny.tokenizer.encode(text))
    assert f"read {total} of {total} tokens" in screen
    assert "? " not in screen, "questions from a pipe are not asked for"
