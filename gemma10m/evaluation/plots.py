"""Draw recall rows: accuracy by length and depth, and accuracy, speed and memory against length.

matplotlib is the extra [plot]. It brings numpy, so it is imported where it draws and nowhere else.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from gemma10m.atomic_file import atomic_file
from gemma10m.errors import UsageError
from gemma10m.evaluation.cell import wilson
from gemma10m.evaluation.journal import ResultRow
from gemma10m.progress import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Panels = dict[str, list[ResultRow]]

COLOURS = "viridis"  # one lightness for each value: it reads the same to every eye, and in grey
DARK = 0.47  # up to this accuracy its colours are dark
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito
MARKERS = "osD^vPX"
MISSING = "#dddddd"
WIDEST = 18.0  # inches of panels side by side
DOTS_PER_INCH = 100
NUMBERS = ("tokens", "depth", "n", "right")
LABELS = 6  # the most lengths that are labelled on an axis of lengths


def heat_map(rows: Sequence[ResultRow], path: Path) -> None:
    """Draw accuracy by length and depth as a PNG: a panel per task, memory and model; rows of one cell are pooled.

    rows: as `eval` writes them. Raises UsageError for rows it cannot draw or without matplotlib, DiskError.
    """
    panels = _panels(rows)
    lengths, depths = _values(rows, "tokens"), _values(rows, "depth")
    width, height = 1.2 + 0.55 * len(lengths), 1.3 + 0.45 * len(depths)
    columns = max(1, min(len(panels), int(WIDEST / width)))
    lines = math.ceil(len(panels) / columns)
    figure = _figure_class()(figsize=(columns * width + 1, lines * height), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).flatten()
    for axes, (title, mine) in zip(grid[: len(panels)], panels.items(), strict=True):
        image = _heat_panel(axes, mine, lengths, depths)
        axes.set_title(title, fontsize=9)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    figure.colorbar(image, ax=grid, label="accuracy", aspect=20 * lines)
    _save(figure, path)


def length_plot(rows: Sequence[ResultRow], path: Path) -> None:
    """Draw accuracy with its 95 % interval, tokens/s and peak memory against length as a PNG.

    Each panel of `heat_map` is a line here. Depths are pooled; speed is their median, memory their most. Rows without a
    speed or a memory have no point there, nor have those of a model without memory. Raises as `heat_map` does.
    """
    panels = _panels(rows)
    figure = _figure_class()(figsize=(13.5, 4.4), layout="constrained")
    accuracy, speed, memory = figure.subplots(1, 3, sharex=True)
    for number, (title, mine) in enumerate(panels.items()):
        style = {"color": LINES[number % len(LINES)], "marker": MARKERS[number % len(MARKERS)], "markersize": 5}
        _accuracy_line(accuracy, mine, title.replace("\n", ", "), style)
        _line(speed, _whole_reads(mine), "tokens_per_second", median, style)
        _line(memory, _whole_reads(mine), "peak_memory_bytes", lambda found: max(found) / 1e6, style)
    _label(accuracy, rows, "accuracy", 1.0)
    whole = _whole_reads(rows)
    _label(speed, rows, "tokens per second", max(_known(whole, "tokens_per_second"), default=0.0))
    _label(memory, rows, "peak memory (MB)", max(_known(whole, "peak_memory_bytes"), default=0.0) / 1e6)
    figure.legend(loc="outside lower center", ncols=min(3, len(panels)), frameon=False, fontsize=8)
    _save(figure, path)


def speed_plot(rows: Sequence[ResultRow], path: Path) -> None:
    """Draw tokens/s and peak memory against length as a PNG, from `bench read`'s rows. Raises as `heat_map` does."""
    figure = _figure_class()(figsize=(9.0, 4.0), layout="constrained")
    speed, memory = figure.subplots(1, 2, sharex=True)
    seen = [{**row, "peak": row["peak_device_memory_bytes"] or row["peak_memory_bytes"]} for row in rows]
    style = {"color": LINES[0], "marker": MARKERS[0], "markersize": 5}
    _line(speed, seen, "tokens_per_second", median, style)
    _line(memory, seen, "peak", lambda found: max(found) / 1e9, style)
    _label(speed, seen, "tokens per second", max(_known(seen, "tokens_per_second")))
    _label(memory, seen, "peak memory (GB)", max(_known(seen, "peak")) / 1e9)
    figure.suptitle(f"{rows[0]['model']}, {rows[0]['layers']} layers, {rows[0]['memory']} memory", fontsize=9)
    _save(figure, path)


def _figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("drawing needs matplotlib, which is not installed", "pip install 'gemma10m[plot]'") from error
    return Figure


def _panels(rows: Sequence[ResultRow]) -> Panels:
    """Group rows by title, in the order the titles come."""
    if not rows:
        raise UsageError("there are no rows to draw", hint="run `gemma10m eval` with --results first")
    panels: Panels = {}
    for row in rows:
        wrong = [name for name in NUMBERS if not isinstance(row.get(name), int | float)]
        if wrong or not (row["n"] > 0 and 0 <= row["right"] <= row["n"] and row["tokens"] > 0):
            raise UsageError(
                f"a row cannot be drawn: {', '.join(f'{name} is {row.get(name)!r}' for name in wrong or NUMBERS)}",
                hint="draw rows of the kind recall, as `gemma10m eval` writes them",
            )
        panels.setdefault(_title(row), []).append(row)
    return panels


def _title(row: ResultRow) -> str:
    facts = row.get("facts", 1)
    label = row.get("label") or f"{row.get('task', 'needle')}" + (f", {facts} facts" if facts != 1 else "")
    how = f"memory {row.get('memory', 'unknown')}"
    return f"{label}\n{row['model']}, {how}" if row.get("model") else f"{label}\n{how}"


def _values(rows: Iterable[ResultRow], name: str) -> list[float]:
    return sorted({row[name] for row in rows})


def _whole_reads(rows: Iterable[ResultRow]) -> list[ResultRow]:
    """Drop the rows of models that forget: `eval` does not read to them what they cannot see."""
    return [row for row in rows if not row.get("memory", "").startswith("window")]


def _pooled(rows: Iterable[ResultRow]) -> tuple[int, int]:
    found = list(rows)
    return sum(row["right"] for row in found), sum(row["n"] for row in found)


def _heat_panel(axes: Axes, rows: list[ResultRow], lengths: list[float], depths: list[float]) -> AxesImage:
    pooled = [
        [_pooled(row for row in rows if (row["tokens"], row["depth"]) == (length, depth)) for length in lengths]
        for depth in depths
    ]
    shares = [[right / n if n else math.nan for right, n in line] for line in pooled]
    axes.set_facecolor(MISSING)
    image = axes.imshow(shares, cmap=COLOURS, vmin=0.0, vmax=1.0, aspect="auto")
    for y, line in enumerate(pooled):
        for x, (right, n) in enumerate(line):
            if n:
                colour = "white" if right / n <= DARK else "black"
                axes.text(x, y, f"{right}/{n}", ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(range(len(lengths)), [format_count(float(length)) for length in lengths], rotation=45)
    axes.set_yticks(range(len(depths)), [f"{100 * depth:g} %" for depth in depths])
    axes.set_xlabel("length (tokens)")
    axes.set_ylabel("depth of the fact")
    return image


def _accuracy_line(axes: Axes, rows: list[ResultRow], label: str, style: dict[str, Any]) -> None:
    lengths = _values(rows, "tokens")
    pooled = [_pooled(row for row in rows if row["tokens"] == length) for length in lengths]
    shares = [right / n for right, n in pooled]
    alone = [sum(row["n"] / row.get("effect", 1.0) for row in rows if row["tokens"] == length) for length in lengths]
    intervals = [wilson(share * n, n) for share, n in zip(shares, alone, strict=True)]
    below = [max(0.0, share - low) for share, (low, _) in zip(shares, intervals, strict=True)]
    above = [max(0.0, high - share) for share, (_, high) in zip(shares, intervals, strict=True)]
    axes.errorbar(lengths, shares, yerr=(below, above), label=label, capsize=2, elinewidth=0.8, **style)


def _line(
    axes: Axes, rows: list[ResultRow], name: str, summary: Callable[[list[float]], float], style: dict[str, Any]
) -> None:
    known = [row for row in rows if row.get(name) is not None]
    lengths = _values(known, "tokens")
    axes.plot(
        lengths, [summary([row[name] for row in known if row["tokens"] == length]) for length in lengths], **style
    )


def _known(rows: Iterable[ResultRow], name: str) -> list[float]:
    return [row[name] for row in rows if row.get(name) is not None]


def _label(axes: Axes, rows: Sequence[ResultRow], label: str, top: float) -> None:
    """Label the axes of a panel whose highest point is at `top`; 0: it has none."""
    lengths = _values(rows, "tokens")
    shown = lengths[:: math.ceil(len(lengths) / LABELS)]
    axes.set_xscale("log")
    axes.set_xlim(lengths[0] / 1.3, lengths[-1] * 1.3)
    axes.set_xticks(shown, [format_count(float(length)) for length in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("length (tokens)")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.set_ylim(-0.03 * (top or 1), 1.1 * (top or 1))
    if not top:
        axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes)


def _save(figure: Figure, path: Path) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
    with atomic_file(path) as file:
        file.write(drawn.getvalue())
