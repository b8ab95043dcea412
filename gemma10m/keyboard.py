"""Keys that are typed while an answer is printed: kept for the next question, and not shown in the answer."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

try:
    import termios
except ImportError:  # not on Windows
    termios = None  # type: ignore[assignment]


@contextmanager
def keys_unechoed() -> Iterator[None]:
    """Turn echo off where standard input is a terminal; it is on again however the block ends, SIGTERM included."""
    if termios is None or not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    with _ended_by_exceptions():
        try:
            termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
            yield
        finally:
            with suppress(termios.error):  # the terminal went away
                termios.tcsetattr(descriptor, termios.TCSANOW, before)


@contextmanager
def _ended_by_exceptions() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the program, with the exit code they have anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
