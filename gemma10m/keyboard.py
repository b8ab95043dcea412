"""Keys that are typed while an answer is printed: kept for the next question, and not shown in the answer."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def keys_unechoed() -> Iterator[None]:
    """Turn echo off where standard input is a terminal, and on again however the block ends."""
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
        yield
    finally:
        with suppress(termios.error):  # the terminal went away
            termios.tcsetattr(descriptor, termios.TCSANOW, before)
