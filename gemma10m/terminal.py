"""The only module that writes to the screen: data to stdout, everything else to stderr, all of it sanitised.

rich never gets stdout, so that answers reach a pipe whatever stderr is. A closed stdout ends the run quietly.
"""

from __future__ import annotations

import errno
import io
import json as json_format
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import IO, TYPE_CHECKING, Self

from gemma10m.errors import DiskError, Gemma10MError, Interrupted, OutOfMemoryError, UsageError, is_out_of_memory
from gemma10m.progress import ProgressView, Status, byte_status, count_status, reading_status
from gemma10m.sanitise import sanitise, sanitise_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

SECONDS_BETWEEN_PLAIN_LINES = 10.0
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_Show = Callable[[Status], None]


class _PlainLine:
    """Write progress to a log: a line at most every ten seconds, and the last one."""

    def __init__(self, label: str, message: Callable[[str], None]) -> None:
        self._label = label
        self._message = message
        self._waiting: Status | None = None
        self._due = time.monotonic() + SECONDS_BETWEEN_PLAIN_LINES

    def show(self, status: Status) -> None:
        self._waiting = status
        if time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        if self._waiting is not None:
            self._message(f"{self._label}: {', '.join(long for long, _ in self._waiting.fields)}")
        self._waiting = None
        self._due = time.monotonic() + SECONDS_BETWEEN_PLAIN_LINES


class _LiveLine:
    """Show progress on a terminal: one line that rich redraws, laid out for the terminal's current width."""

    def __init__(self, label: str, no_color: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        self._label = label
        self._status = Status((), None)
        self._console = Console(stderr=True, no_color=no_color or None, markup=False, highlight=False, emoji=False)
        # rich would send sys.stdout to the terminal too, and a pipe would never see the answer
        self._live = Live(self, console=self._console, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        with suppress(OSError):  # here and below: when the terminal goes away, the read goes on
            self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._live.stop()

    def show(self, status: Status) -> None:
        self._status = status

    def message(self, text: str) -> None:
        from rich.text import Text

        with suppress(OSError):
            self._console.print(Text(text), soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        label, bar_width, text = self._status.fit(self._label, options.max_width)
        fraction = self._status.fraction
        cells: list[Text | ProgressBar] = [Text(label), Text(text)] if label else [Text(text)]
        if bar_width and fraction is not None:
            cells.insert(-1, ProgressBar(total=1.0, completed=fraction, width=bar_width))
        grid = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
        for _ in cells:
            grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_row(*cells)
        yield grid


class ReadingProgress:
    def __init__(self, show: _Show) -> None:
        self._show = show

    def update(self, view: ProgressView) -> None:
        self._show(reading_status(view))


class ByteProgress:
    """Show bytes done; measure speed from the first update, so that a resumed download's old part does not count."""

    def __init__(self, show: _Show, total: int) -> None:
        self._show, self._total = show, total
        self._start: tuple[float, int] | None = None

    def update(self, done: int) -> None:
        """Show that `done` bytes of the total are finished."""
        now = time.monotonic()
        self._start = self._start or (now, done)
        elapsed, moved = now - self._start[0], done - self._start[1]
        self._show(byte_status(done, self._total, moved / elapsed if elapsed > 0 else 0.0))


class CountProgress:
    def __init__(self, show: _Show, unit: str, total: int) -> None:
        self._show, self._unit, self._total = show, unit, total

    def update(self, done: int, total: int | None = None, seconds_left: float | None = None) -> None:
        """Show that `done` are finished. total: a new total, if it has changed."""
        self._total = self._total if total is None else total
        self._show(count_status(done, self._total, self._unit, seconds_left))


class Terminal:
    """Write all output of one run. With `json`, stdout has JSON only, and `write`, `line` and `table` do nothing.

    While `silent` is set nothing is written at all: of several ranks that read together only the first writes.
    """

    def __init__(self, quiet: bool = False, no_color: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.no_color = no_color
        self.json = json
        self.silent = False
        self._live: _LiveLine | None = None
        self._said: set[str] = set()
        _prepare_streams()

    def write(self, text: str) -> None:
        """Write a piece of an answer to stdout at once.

        Raises BrokenPipeError if stdout has no reader any more, DiskError if it cannot be written.
        """
        if not self.json:
            self._put(sanitise(text))

    def verbatim(self, text: str) -> None:
        """Write a piece of a document to stdout: as UTF-8 and unchanged to a pipe or file, sanitised to a terminal.

        Raises as `write` does.
        """
        if sys.stdout.isatty() or not isinstance(sys.stdout, io.TextIOWrapper):
            self._put(sanitise(text))
        else:
            self._put(text.encode())

    def line(self, text: str) -> None:
        """Write a line of data to stdout. Raises as `write` does."""
        if not self.json:
            self._put(sanitise_line(text) + "\n")

    def json_line(self, record: Mapping[str, object]) -> None:
        """Write one JSON object on a line of its own. Raises as `write` does.

        All but printable ASCII becomes a JSON escape, so a control character is harmless and can be decoded.
        """
        self._put(json_format.dumps(dict(record), ensure_ascii=True, allow_nan=False) + "\n")

    def table(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        """Write two aligned columns to stdout. Raises as `write` does."""
        cells = [(sanitise_line(name), sanitise_line(value)) for name, value in rows]
        width = max((len(name) for name, _ in cells), default=0)
        self.line(title)
        for name, value in cells:
            self.line(f"  {name:<{width}}  {value}".rstrip())

    def note(self, text: str) -> None:
        if not self.quiet:
            self._message(text)

    def reply(self, text: str) -> None:
        """Write a message that the user asked for, with --quiet, too."""
        self._message(text)

    def warn(self, text: str) -> None:
        self._message(f"warning: {text}")

    def warn_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.warn(text)

    def error(self, exception: BaseException, who: str = "") -> int:
        """Show what went wrong, and return the exit code; show a traceback only with GEMMA10M_TRACEBACK=1.

        who: which of several ranks it went wrong on, in front of the sentence.
        """
        if isinstance(exception, BrokenPipeError):
            _silence(sys.stdout)
            return 0
        if isinstance(exception, OSError) and exception.filename is None:
            _silence(sys.stdout)  # the parser writes the help itself
        if os.environ.get("GEMMA10M_TRACEBACK") == "1" and not self.silent:
            _put_message(sanitise("".join(traceback.format_exception(exception))))
        exit_code, sentence, hint = _explain(exception)
        self._message(f"error: {who}{sentence}")
        if hint:
            self._message(f"hint: {hint}")
        return exit_code

    @contextmanager
    def progress(self, label: str) -> Iterator[ReadingProgress]:
        with self._progress_line(sanitise_line(label)) as show:
            yield ReadingProgress(show)

    @contextmanager
    def byte_progress(self, label: str, total: int, beside_data: bool = False) -> Iterator[ByteProgress]:
        """Show progress in bytes. total: 0 if unknown. beside_data: data is written to stdout meanwhile."""
        with self._progress_line(sanitise_line(label), beside_data) as show:
            yield ByteProgress(show, total)

    @contextmanager
    def count_progress(self, label: str, unit: str, total: int) -> Iterator[CountProgress]:
        """Show progress in things called `unit`, out of `total`, while data is written to stdout."""
        with self._progress_line(sanitise_line(label), beside_data=True) as show:
            yield CountProgress(show, unit, total)

    @contextmanager
    def status_progress(self, label: str) -> Iterator[_Show]:
        """Give a function that shows a status, while data is written to stdout."""
        with self._progress_line(sanitise_line(label), beside_data=True) as show:
            yield show

    @property
    def interactive(self) -> bool:
        """Tell if a person can talk: questions come from a terminal, and messages go to one."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def ask(self) -> str | None:
        """Return the line that a person types after "> ", or None at the end of input.

        The line can be edited if stdout is a terminal, too. Raises UsageError if it is not text.
        """
        if sys.stdout.isatty():
            line = _edited_line("> ")
        else:
            _put_message("> ")
            line = _read_line()
        if not line:
            _put_message("\n")
        return line or None

    def prompt(self) -> Iterator[str]:
        """Yield the lines of stdin that are not blank; prompt for each with "? " if stdin is a terminal.

        Raises UsageError if stdin is not text.
        """
        asks = sys.stdin.isatty()
        while True:
            if asks:
                _put_message("? ")
            line = _read_line()
            if not line:
                break
            if question := line.removeprefix("\ufeff").strip():
                yield question
        if asks:
            _put_message("\n")

    @contextmanager
    def _progress_line(self, label: str, beside_data: bool = False) -> Iterator[_Show]:
        # on one screen, a line that is redrawn and lines of data would spoil each other
        shared = beside_data and sys.stdout.isatty()
        if self.quiet or self.silent:
            yield lambda status: None
        elif sys.stderr.isatty() and not shared and os.environ.get("TERM") not in ("dumb", "unknown"):
            with _LiveLine(label, self.no_color) as live_line:
                self._live = live_line
                try:
                    yield live_line.show
                finally:
                    self._live = None
        else:
            plain_line = _PlainLine(label, self._message)
            try:
                yield plain_line.show
            finally:
                plain_line.flush()

    def _put(self, text: str | bytes) -> None:
        if not self.silent:
            _put(text)

    def _message(self, text: str) -> None:
        safe = sanitise_line(text)
        if self.silent:
            return
        if self._live:
            self._live.message(safe)
        else:
            _put_message(safe + "\n")


def _explain(exception: BaseException) -> tuple[int, str, str]:
    """Return the exit code, sentence and hint for an error."""
    if isinstance(exception, Gemma10MError):
        return exception.exit_code, exception.message, exception.hint
    if isinstance(exception, KeyboardInterrupt):
        return Interrupted.exit_code, "interrupted", "run the same command again"
    if is_out_of_memory(exception):
        hint = "close other programs that use the memory of this device, or choose a smaller model"
        return OutOfMemoryError.exit_code, f"not enough memory: {exception}".rstrip(": "), hint
    if isinstance(exception, OSError) and exception.errno in DISK_FULL:
        name = "" if exception.filename is None else f" {exception.filename}"
        hint = "make room on that disk, then run the same command again"
        return DiskError.exit_code, f"cannot write{name}: {exception.strerror}", hint
    hint = "this is a bug: please report it with the traceback that GEMMA10M_TRACEBACK=1 shows"
    return 1, f"internal error: {type(exception).__name__}: {exception}".rstrip(": "), hint


def _prepare_streams() -> None:
    """Replace closed streams, and keep a character that the locale lacks from ending the run."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # a file opened later would get this number, and stray output would end up in it
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="strict" if mode == "r" else "backslashreplace")


def _put(text: str | bytes) -> None:
    try:
        sys.stdout.buffer.write(text) if isinstance(text, bytes) else sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
        raise
    except OSError as error:
        _silence(sys.stdout)
        hint = "check that the disk that standard output goes to has room"
        raise DiskError(f"standard output cannot be written: {error.strerror}", hint) from error


def _put_message(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)  # losing the messages must not end a read that takes hours


def _silence(stream: IO[str]) -> None:
    """Discard the stream's buffer: the interpreter's last flush would fail and change the exit code."""
    with suppress(OSError):  # a stream without a descriptor has no last flush
        descriptor = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def _edited_line(prompt: str) -> str:
    """Return a line with its newline, "" at the end. `input` edits it if this Python has readline."""
    with suppress(ImportError):
        import_module("readline")
    try:
        return input(prompt) + "\n"
    except EOFError:
        return ""
    except UnicodeDecodeError as error:
        raise _not_text(error) from error


def _read_line() -> str:
    try:
        return sys.stdin.readline()
    except UnicodeDecodeError as error:
        raise _not_text(error) from error


def _not_text(error: UnicodeDecodeError) -> UsageError:
    message = f"standard input is not {error.encoding} text: found byte 0x{error.object[error.start]:02x}"
    return UsageError(message, hint="save the questions as UTF-8, one a line")
