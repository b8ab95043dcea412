"""Run commands on a pseudo-terminal, in a folder and a home of their own."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from gemma10m.errors import Gemma10MError
from recording.cleaning import cleaned

ROOT = Path(__file__).parents[2]
COLUMNS, ROWS = 100, 50
LONGEST = 1800  # seconds
PROGRAM = 'from gemma10m.__main__ import main\n\nif __name__ == "__main__":\n    main()\n'
LEFT_OUT = ("XDG_", "GEMMA10M_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONWARNINGS")


@dataclass(frozen=True)
class Ran:
    command: str
    status: int
    written: str  # with escape sequences, without what differs between two runs


@dataclass(frozen=True)
class Desk:
    """Hold a home folder, in it the folder that commands run in, and a program `gemma10m` of this repository."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "guide"

    def prepare(self) -> None:
        self.folder.mkdir(parents=True)
        program = self.home / "bin" / "gemma10m"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable}\n{PROGRAM}")
        program.chmod(0o700)

    def environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
        search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        path = f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        own = {"HOME": str(self.home), "PATH": path, "PYTHONPATH": search, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        return kept | own

    def show(self, command: str) -> Ran:
        """Run a command with a terminal for its input, output and messages."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = self._start(command, follower, follower)
        os.close(follower)
        stop = Timer(LONGEST, os.killpg, (process.pid, signal.SIGKILL))
        stop.start()
        written = _read_all(leader)
        status = process.wait()
        stop.cancel()
        os.close(leader)
        return Ran(command, status, cleaned(written.decode("utf-8", "replace"), self.home))

    def output(self, command: str) -> str:
        """Return what a command writes to standard output. Raises Gemma10MError if it fails."""
        process = self._start(command, subprocess.PIPE, subprocess.DEVNULL)
        found, _ = process.communicate(timeout=LONGEST)
        if process.returncode:
            raise Gemma10MError(f"`{command}` ended with status {process.returncode}")
        return found.decode()

    def _start(self, command: str, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL if stdout == subprocess.PIPE else stdout,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )


def _read_all(leader: int) -> bytes:
    pieces = []
    try:
        while piece := os.read(leader, 65536):
            pieces.append(piece)
    except OSError:  # Linux says so that the last writer has closed the terminal
        pass
    return b"".join(pieces)
