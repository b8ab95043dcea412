"""Keys typed while an answer is printed are kept and not echoed, and echo comes back however the program ends."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios

import pytest
from terminal_runs import clean_environment

BODY = """
import sys, time
from gemma10m import interrupts
from gemma10m.keyboard import keys_unechoed
interrupts.install()
with interrupts.unwinding(), keys_unechoed():
    print("ready", flush=True)
    {}
print(sys.stdin.readline(), end="", flush=True)
"""


def echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


@pytest.mark.parametrize(
    ("body", "ended_by"),
    [
        ("time.sleep(0.5)", None),
        ("1 / 0", None),
        ("time.sleep(60)", signal.SIGTERM),
        ("time.sleep(60)", signal.SIGINT),
    ],
)
def test_echo_is_off_meanwhile_and_on_again(body: str, ended_by: signal.Signals | None) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", BODY.format(body)],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    if body != "1 / 0":
        assert not echoes(follower)
    os.write(leader, b"typed early\n")
    if ended_by:
        process.send_signal(ended_by)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode == 0) is (body == "time.sleep(0.5)")
    assert echoes(follower)
    assert out == (b"typed early\n" if process.returncode == 0 else b"")
    os.close(leader)
    os.close(follower)


def test_without_a_terminal_nothing_is_changed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BODY.format("pass")], input=b"piped\n", capture_output=True, env=clean_environment()
    )
    assert done.stdout == b"ready\npiped\n"
