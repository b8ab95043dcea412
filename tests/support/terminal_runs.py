"""Programs that use a Terminal, run in a process of their own, on a pseudo-terminal where that matters."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from textwrap import dedent, indent
from typing import NamedTuple

import gemma10m

SOURCE = str(Path(gemma10m.__file__).parent.parent)


class Screened(NamedTuple):
    returncode: int
    stdout: bytes  # what reached the pipe
    screen: bytes  # what reached the terminal


def program(body: str, options: str = "") -> str:
    lines = [
        "import os, sys, time",
        "from gemma10m.terminal import ProgressView, Terminal",
        f"terminal = Terminal({options})",
        "try:",
        indent(dedent(body), "    "),
        "except BaseException as exception:",
        "    sys.exit(terminal.error(exception))",
    ]
    return "\n".join(lines)


def clean_environment(**extra: str) -> dict[str, str]:
    """Return the environment without NO_COLOR, COLUMNS and the like, whatever the tests run under."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": SOURCE, "TERM": "xterm-256color", **extra}


def run_on_terminal(
    body: str,
    *,
    options: str = "",
    columns: int = 80,
    typed: bytes | None = None,
    stdout_too: bool = False,
    **environment: str,
) -> Screened:
    """Run with stderr on a terminal, and stdin too where something is `typed`; stdout is a pipe unless `stdout_too`."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", program(body, options)],
        stdin=subprocess.DEVNULL if typed is None else follower,
        stdout=follower if stdout_too else subprocess.PIPE,
        stderr=follower,
        env=clean_environment(**environment),
    )
    if typed is not None:
        os.write(leader, typed)
    os.close(follower)
    screen = _read_all(leader)
    stdout, _ = process.communicate(timeout=60)
    os.close(leader)
    return Screened(process.returncode, stdout or b"", screen)


def _read_all(leader: int) -> bytes:
    pieces = []
    try:
        while piece := os.read(leader, 65536):
            pieces.append(piece)
    except OSError:  # how Linux says that the last writer has closed the terminal
        pass
    return b"".join(pieces)
