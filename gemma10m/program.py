"""What every command of the program shares: its options, how it fails, how it writes to the screen."""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from collections.abc import Callable
from typing import Annotated

import typer

from gemma10m import __version__, interrupts
from gemma10m.errors import Interrupted, UsageError
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
    """What every command has: how to write to the screen."""

    quiet = False
    no_color = False

    def terminal(self, json: bool = False) -> Terminal:
        return Terminal(quiet=self.quiet, no_color=self.no_color, json=json)


shared = Shared()

# The parser is inside typer or beside it, by typer's version.
_PARSER_ERROR: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _show_version(wanted: bool) -> None:
    if wanted:
        Terminal().line(f"gemma10m {__version__}")
        raise typer.Exit


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours (also: NO_COLOR).")] = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    shared.quiet, shared.no_color = quiet, no_color


def command_line() -> str:
    return shlex.join(["gemma10m", *sys.argv[1:]])


def run_command(command: Callable[[Terminal], None], json: bool = False) -> None:
    """Run a command; whatever ends it becomes one sentence, a hint and an exit code."""
    terminal = shared.terminal(json)
    # torch says so when it is imported; nothing here needs numpy.
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    choose_threads()
    try:
        with interrupts.unwinding():
            _check_working_folder()
            command(terminal)
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit):
            raise
        sys.exit(terminal.error(_end_of(error)))


def _check_working_folder() -> None:
    """Raise UsageError where the folder is gone: the mathematics library that torch loads ends the process there."""
    try:
        os.getcwd()
    except OSError as error:
        hint = "change to a folder that is there, and run the command again"
        raise UsageError(f"the working folder cannot be used: {error.strerror}", hint) from None


def _end_of(error: BaseException) -> BaseException:
    """Return the interruption where a signal came: libraries turn KeyboardInterrupt into errors of their own."""
    number = interrupts.received()
    if number and not isinstance(error, Interrupted):
        return Interrupted("interrupted", "run the same command again", number)
    return error


def main() -> None:
    """Run the command line and exit with its code. The parser's errors are sanitised, too."""
    try:
        code = app(shared_options_first(sys.argv[1:]), prog_name="gemma10m", standalone_mode=False)
    except _PARSER_ERROR as error:
        sys.exit(_explain(error))
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    """Show what is wrong with the words of the command line, or the help where there are none; return the exit code."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        Terminal().write(f"{context.get_help()}\n")
        return 2
    command = context.command_path if context is not None else "gemma10m"
    message: str = error.format_message()  # type: ignore[attr-defined]
    return shared.terminal().error(UsageError(message.rstrip("."), f"`{command} --help` shows what it takes"))


def shared_options_first(words: list[str]) -> list[str]:
    """--quiet and --no-color work after the command's name, too."""
    end = words.index("--") if "--" in words else len(words)
    moved = [word for word in words[:end] if word in ("--quiet", "--no-color")]
    return moved + [word for word in words[:end] if word not in moved] + words[end:]
