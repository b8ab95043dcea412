"""Run `eval`: recall by task, length and depth, with controls without memory; perplexity by position."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gemma10m.commands.needle_run import NeedleRun
from gemma10m.commands.perplexity_run import PerplexityRun
from gemma10m.documents import open_source
from gemma10m.errors import DocumentError, UsageError
from gemma10m.evaluation.cell import GROUP, Cell
from gemma10m.evaluation.journal import Journal, ResultRow
from gemma10m.evaluation.report import table_lines
from gemma10m.evaluation.task import PERPLEXITY, make_tasks
from gemma10m.folders import measurements_file
from gemma10m.library.model_choice import ModelOptions, load_reader
from gemma10m.memory import KINDS
from gemma10m.terminal import Terminal

UNITS = {"K": 1 << 10, "M": 1 << 20}
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class EvalOptions:
    """Hold the options as they were typed; None and empty mean the defaults."""

    tasks: tuple[str, ...]
    lengths: tuple[str, ...]
    data: Path | None
    depths: tuple[float, ...] = DEPTHS
    n: int = 20
    facts: int | None = None
    form: str | None = None
    values: str | None = None
    unseen: bool = False
    seed: int = 0
    controls: bool = True
    batch: int = GROUP
    results: Path | None = None
    plot: Path | None = None
    recall: str | None = None


def evaluate(terminal: Terminal, options: ModelOptions, wanted: EvalOptions, command: str) -> None:
    """Run the evaluation. Raises UsageError and DocumentError before measuring, and Interrupted after a signal."""
    cells = _cells(wanted)
    if not wanted.lengths:
        raise UsageError("no length was given", hint="give --length, such as 32K")
    if wanted.plot and not cells:
        raise UsageError("--plot shows answers by length and depth, which perplexity does not have", "leave --plot out")
    if wanted.plot and not find_spec("matplotlib"):
        raise UsageError("--plot needs matplotlib, which is not installed", hint="pip install 'gemma10m[plot]'")
    text = _text(wanted)
    results = wanted.results or measurements_file()
    journal = Journal(results, command)
    terminal.note(f"rows are kept in {results}; cells already in it are not measured again")
    reader = load_reader(terminal, options)
    if not KINDS[reader.model.reading.memory].remembers and options.memory is None:
        terminal.warn(f"{reader.model.name} has no memory: it cannot answer about what has left its window")
    perplexity = None
    if PERPLEXITY in wanted.tasks:
        perplexity = PerplexityRun(terminal, reader, text or "", _lengths(wanted), wanted.seed, journal)
    if cells:
        rows = NeedleRun(terminal, reader, text, journal, wanted.batch).measure(
            cells, wanted.controls, _recalls(wanted)
        )
        for line in table_lines(rows):
            terminal.line(line)
        if wanted.plot:
            _draw(rows, wanted.plot)
    if perplexity:
        perplexity.measure()


def _draw(rows: list[ResultRow], path: Path) -> None:
    from gemma10m.evaluation.plots import heat_map, length_plot

    heat_map(rows, path)
    length_plot(rows, path.with_stem(f"{path.stem}-lengths"))


def _cells(wanted: EvalOptions) -> list[Cell]:
    for name, number, most in (("-n", wanted.n, 100_000), ("--batch", wanted.batch, GROUP)):
        if not 1 <= number <= most:
            raise UsageError(f"{name} must be 1 to {most:,}, found {number:,}")
    outside = [depth for depth in wanted.depths if not 0.0 <= depth <= 1.0]
    if outside:
        raise UsageError(f"a depth must be 0 (the start) to 1 (the end), found {outside[0]:g}")
    if _recalls(wanted) and "passkey" in wanted.tasks:
        raise UsageError(
            "passkey is a text to continue and not a question: no passages can be retrieved for it", "try needle"
        )
    tasks = make_tasks(wanted.tasks, wanted.form, wanted.facts, wanted.values, wanted.unseen)
    return [
        Cell(task, tokens, depth, wanted.n, wanted.seed)
        for task in tasks
        for tokens in _lengths(wanted)
        for depth in dict.fromkeys(wanted.depths)
    ]


def _recalls(wanted: EvalOptions) -> bool:
    """Tell if the cells are repeated with passages. Raises UsageError for a number of tokens."""
    if wanted.recall not in (None, "auto", "off"):
        raise UsageError(
            f"--recall must be auto or off, found {wanted.recall!r}", hint="only the task qa takes a number of tokens"
        )
    return wanted.recall == "auto"


def _lengths(wanted: EvalOptions) -> list[int]:
    return list(dict.fromkeys(parse_length(word) for word in wanted.lengths))


def parse_length(word: str) -> int:
    """Return a length in tokens: 32K is 32,768, 1M is 1,048,576, a plain number is itself. Raises UsageError."""
    digits, unit = (word[:-1], UNITS[word[-1].upper()]) if word[-1:].upper() in UNITS else (word, 1)
    if not (digits.isascii() and digits.isdigit() and 0 < len(digits) <= 10 and int(digits)):
        raise UsageError(
            f"--length must be a number of tokens, found {word!r}", hint="give one such as 32K, 1M or 5000"
        )
    return int(digits) * unit


def _text(wanted: EvalOptions) -> str | None:
    if not set(wanted.tasks) - {"passkey"}:
        return None
    if wanted.data is None:
        asked = next(name for name in wanted.tasks if name != "passkey")
        raise UsageError(
            f"{asked} needs prose to hide its facts in", hint="give --data BOOK.txt, a book that training never saw"
        )
    text = "\n\n".join(open_source(wanted.data).texts())
    if not text.strip():
        raise DocumentError(f"{wanted.data} holds no text", hint="give --data a book")
    return text
