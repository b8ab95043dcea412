"""Run a command: the options that all commands share, their errors, and their terminal."""

from __future__ import annotations

import gc
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Annotated

import typer

from gemma10m import __version__, interrupts
from gemma10m.errors import Gemma10MError, Interrupted, UsageError
from gemma10m.ranks.reporter import Reporter
from gemma10m.terminal import Terminal
from gemma10m.threads import choose_threads

app = typer.Typer(
    name="gemma10m",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Read documents of up to ten million tokens once, in constant memory, and ask questions about them.",
)


class Shared:
    """Hold the options that every command has, and make its terminal."""

    quiet = False
    no_color = False

    def terminal(self, json: bool = False) -> Terminal:
        return Terminal(quiet=self.quiet, no_color=self.no_color, json=json)


shared = Shared()

# Python's own, 700, has the collector walk all that imports and vocabularies make: a tenth of a second of each start.
COLLECTIONS = (50_000, 20, 20)

_PORT = re.compile(r":[0-9]+$")  # at the end of an address

# The parser is inside typer or beside it, by typer's version.
_PARSER_ERROR: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _show_version(wanted: bool) -> None:
    if wanted:
        Terminal().line(f"gemma10m {__version__}")
        raise typer.Exit


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no notes.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Use no colours (also: NO_COLOR).")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    shared.quiet, shared.no_color = quiet, no_color


def command_line() -> str:
    return shlex.join(["gemma10m", *sys.argv[1:]])


@contextmanager
def command_terminal(json: bool = False, ranks: bool = False) -> Iterator[Terminal]:
    """Give a command its terminal; turn whatever ends the command into one sentence, a hint and an exit code.

    ranks: the command may run on several ranks; the first one has the terminal, and one reports an error.
    """
    terminal, reporter = shared.terminal(json), Reporter()
    # torch says so when it is imported; nothing here needs numpy.
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    choose_threads()
    try:
        with interrupts.unwinding():
            _check_working_folder()
            terminal.silent = not reporter.join(ranks)
            yield terminal
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit):
            raise
        sys.exit(_report(terminal, reporter, _end_of(error)))


def _report(terminal: Terminal, reporter: Reporter, error: BaseException) -> int:
    """Show the error, or let another rank show it; return the exit code."""
    if reporter.several:
        interrupts.hush()  # torchrun ends all ranks as soon as one has ended
    terminal.silent = not reporter.reports()
    code = terminal.error(error, reporter.name)
    reporter.done()
    return code


def _check_working_folder() -> None:
    """Raise UsageError if the folder is gone: the mathematics library that torch loads would end the process."""
    try:
        os.getcwd()
    except OSError as error:
        hint = "change to a folder that exists, and run the command again"
        raise UsageError(f"the working folder cannot be used: {error.strerror}", hint) from None


def _end_of(error: BaseException) -> BaseException:
    """Return an Interrupted if a signal came: libraries turn KeyboardInterrupt into errors of their own."""
    number = interrupts.received()
    if number and not isinstance(error, Interrupted):
        return Interrupted("interrupted", "run the same command again", number)
    return error


def main() -> None:
    """Run the command line and exit with its code; sanitise the parser's errors, too."""
    gc.set_threshold(*COLLECTIONS)
    try:
        code = _parse(sys.argv[1:])
    except (Gemma10MError, OSError) as error:  # outside a command: the help or the version cannot be written
        code = shared.terminal().error(error)
    sys.exit(code)


def _parse(words: list[str]) -> str | int | None:
    """Run a command, and return the exit code.

    Nobody reading any more is no error: the parser, which writes the help, would exit with 1.
    """
    try:
        code = app(with_ray_address(shared_options_first(words)), prog_name="gemma10m", standalone_mode=False)
    except _PARSER_ERROR as error:
        return _explain(error)
    except SystemExit as end:
        return 0 if isinstance(end.__context__, BrokenPipeError) else end.code
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    """Show what is wrong with the command line, or the help if it is empty; return the exit code."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        Terminal().write(f"{context.get_help()}\n")
        return 2
    command = context.command_path if context is not None else "gemma10m"
    message: str = error.format_message()  # type: ignore[attr-defined]
    return shared.terminal().error(UsageError(message.rstrip("."), f"see `{command} --help`"))


def shared_options_first(words: list[str]) -> list[str]:
    """Move --quiet and --no-color before the command's name, so that they work after it, too."""
    end = words.index("--") if "--" in words else len(words)
    moved = [word for word in words[:end] if word in ("--quiet", "--no-color")]
    return moved + [word for word in words[:end] if word not in moved] + words[end:]


def with_ray_address(words: list[str]) -> list[str]:
    """Add "local" behind a --ray without an address, as the parser knows no option whose value may be missing."""
    found = list[str]()
    for word, after in zip_longest(words, words[1:], fillvalue=""):
        found.append(word)
        if word == "--ray" and not (after in ("auto", "local") or _PORT.search(after)):
            found.append("local")
    return found
