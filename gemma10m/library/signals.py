"""Stop a read on SIGINT and SIGTERM: the first at the end of a segment, the second at once with the program."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gemma10m import interrupts


class StopRequest:
    def __init__(self) -> None:
        self.signal_number = 0

    def __call__(self) -> bool:
        return self.signal_number != 0

    def ask(self, number: int) -> None:
        self.signal_number = number


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Set the flag on the first signal inside the block; a second one ends the process at once.

    Only the main thread may handle signals: in others the flag is never set.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    with interrupts.asking(request.ask):
        yield request
