"""What every command of the program shares: its options, how it fails, how it writes to the screen."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Callable
from typing import Annotated

import typer

from gemma10m import __version__
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
        command(terminal)
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit):
            raise
        sys.exit(terminal.error(error))


def main() -> None:
    app(args=shared_options_first(sys.argv[1:]))


def shared_options_first(words: list[str]) -> list[str]:
    """--quiet and --no-color work after the command's name, too."""
    end = words.index("--") if "--" in words else len(words)
    moved = [word for word in words[:end] if word in ("--quiet", "--no-color")]
    return moved + [word for word in words[:end] if word not in moved] + words[end:]
