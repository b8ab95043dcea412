"""SIGINT and SIGTERM end the program with 130 or 143 and one sentence, from its first line to its last.

Three modes. `leave`: nothing is worth keeping yet, the process ends at once. `unwind`: KeyboardInterrupt is raised, so
that files are closed. `ask`: a flag is set, and a loop stops where its state can be saved. In the last two a second
signal ends the process at once. A thread reads the signals' numbers from a pipe that the C handler writes to: it sees
a second signal that arrives before Python has handled the first, and any signal while the main thread is in C code.
Imports neither the command line nor torch: it has to be there before them.
"""

from __future__ import annotations

import os
import signal
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

HANDLED = (signal.SIGINT, signal.SIGTERM)
EXIT_CODES = tuple(128 + number for number in HANDLED)
SHOW_CURSOR = "\x1b[?25h"  # a progress line hides it


class _Episode:
    """The signals that this process was sent; one object, `_EPISODE`, because signals belong to the process."""

    def __init__(self) -> None:
        self.leaves = False
        self.hushed = False  # another process has said why
        self.seen = self.handled = 0  # by the thread, and by the handler: either may be first
        self.answered = 0  # how many were handled when the last ones were forgotten
        self.received = 0  # the last signal that was not taken by a loop
        self.ask: Callable[[int], None] | None = None
        self.screen: list[Any] | None = None  # the terminal's settings at the start, which an edited line changes

    def arrived(self, number: int) -> None:
        """Run in the thread: end the process where no handler is to be waited for."""
        self.seen += 1
        waits_in_vain = self.leaves and self.seen > self.handled
        if waits_in_vain or self.seen - self.answered > 1:
            leave(number)

    def handle(self, number: int, _: FrameType | None) -> None:
        """Run in the main thread, between two of its bytecodes."""
        if self.leaves:
            leave(number)
        self.handled += 1
        self.received = number
        if self.ask is None:
            raise KeyboardInterrupt
        self.ask(number)


_EPISODE = _Episode()
_LEAVING = threading.RLock()  # never released; a handler may interrupt the one that has it


def install() -> None:
    """Take over both signals for good, in mode `leave`; called once, from the main thread."""
    _EPISODE.leaves = True
    _take_over()


@contextmanager
def _installed() -> Iterator[None]:
    """Take over both signals for the block where `install` was not called: in a script of somebody else."""
    if any(signal.getsignal(number) == _EPISODE.handle for number in HANDLED):
        yield
        return
    before, forget_after = {number: signal.getsignal(number) for number in HANDLED}, _take_over()
    try:
        yield
    finally:
        forget_after()
        for number, handler in before.items():
            signal.signal(number, handler)


def _take_over() -> Callable[[], None]:
    """Set the handlers and start the thread; return what ends it. A signal that is ignored stays so (`nohup`)."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for number in HANDLED:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _EPISODE.handle)
    with suppress(OSError, termios.error):
        _EPISODE.screen = termios.tcgetattr(0)
    outer = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    thread = threading.Thread(target=_watch, args=(reading,), name="signals", daemon=True)
    thread.start()

    def end() -> None:
        signal.set_wakeup_fd(outer)
        os.close(writing)
        thread.join()

    return end


def _watch(reading: int) -> None:
    """Read signals until the writing end is closed."""
    while numbers := os.read(reading, 1):
        if numbers[0] in HANDLED:
            _EPISODE.arrived(numbers[0])
    os.close(reading)


def leave(number: int) -> None:
    """End the process now, with one sentence unless it is hushed; what is half written is never in a file's place."""
    _LEAVING.acquire()  # the thread and the main thread may both be here: one speaks and ends, the other waits
    cursor = SHOW_CURSOR if os.isatty(2) else ""
    if _EPISODE.screen is not None:
        with suppress(OSError, termios.error):
            termios.tcsetattr(0, termios.TCSANOW, _EPISODE.screen)
    if not _EPISODE.hushed:
        os.write(2, f"{cursor}error: interrupted\nhint: run the same command again\n".encode())
    os._exit(128 + number)


def received() -> int:
    """Return the number of the signal that the main thread was unwound by; 0 for none."""
    return _EPISODE.received


def hush() -> None:
    """Let a signal that comes from now on end the process without a sentence, because one of several ranks has it."""
    _EPISODE.hushed = True


def forget() -> None:
    """Begin anew after a signal that a conversation has answered."""
    _EPISODE.answered, _EPISODE.received = _EPISODE.handled, 0


@contextmanager
def unwinding() -> Iterator[None]:
    """Raise KeyboardInterrupt on a signal inside the block; after it leave at once where `install` was called."""
    forget()
    leaves, _EPISODE.leaves = _EPISODE.leaves, False
    try:
        yield
    finally:
        _EPISODE.leaves = leaves


@contextmanager
def asking(ask: Callable[[int], None]) -> Iterator[None]:
    """Call `ask` with the number of the first signal inside the block; a second one ends the process."""
    leaves, before = _EPISODE.leaves, _EPISODE.ask
    with _installed():
        forget()
        _EPISODE.leaves, _EPISODE.ask = False, ask
        try:
            yield
        finally:
            _EPISODE.leaves, _EPISODE.ask = leaves, before
