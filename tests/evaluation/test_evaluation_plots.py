"""Pictures are pictures, drawn from rows old and new, without numpy for anyone else."""

from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.figure
import pytest
from matplotlib.figure import Figure

from gemma10m.errors import DiskError, UsageError
from gemma10m.evaluation.cell import wilson
from gemma10m.evaluation.plots import heat_map, length_plot

DRAWINGS = (heat_map, length_plot)
OLD: dict[str, Any] = {"tokens": 4096, "depth": 0.5, "facts": 1, "n": 100, "right": 97, "memory": "gated"}


def row(**changes: Any) -> dict[str, Any]:
    new = {"task": "needle", "label": "needle single", "model": "demo", "tokens_per_second": 3e4}
    return OLD | new | {"peak_memory_bytes": 3e8} | changes


ROWS = [
    row(tokens=tokens, depth=depth, memory=memory, right=right)
    for tokens in (1024, 65536, 1048576)
    for depth in (0.0, 0.5, 1.0)
    for memory, right in (("gated", 100 if tokens < 1e6 else 83), ("window", 0))
]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the figures that were saved."""
    figures: list[Figure] = []
    save = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k))[1])
    return figures


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_png_is_written(draw: Any, tmp_path: Path) -> None:
    draw(ROWS, tmp_path / "a.png")
    width, height = size_of((tmp_path / "a.png").read_bytes())
    assert min(width, height) > 200
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_every_cell_has_its_number_and_every_axis_its_name(tmp_path: Path, drawn: list[Figure]) -> None:
    heat_map(ROWS, tmp_path / "a.png")
    panels = [axes for axes in drawn[0].axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == [
        "needle single\ndemo, memory gated", "needle single\ndemo, memory window",
    ]  # fmt: skip
    for axes, last in zip(panels, ("83/100", "0/100"), strict=True):
        assert len(axes.texts) == 9
        assert axes.texts[-1].get_text() == last
        assert axes.get_xlabel() == "length (tokens)"
        assert axes.get_ylabel() == "depth of the fact"
        assert [text.get_text() for text in axes.get_xticklabels()] == ["1.0K", "65.5K", "1.0M"]
        assert [text.get_text() for text in axes.get_yticklabels()] == ["0 %", "50 %", "100 %"]


def test_each_number_stands_out_from_its_cell(tmp_path: Path, drawn: list[Figure]) -> None:
    """Text and ground contrast by WCAG's measure, at every accuracy."""
    heat_map([row(tokens=1000 + right, right=right) for right in range(101)], tmp_path / "a.png")
    axes = drawn[0].axes[0]
    image = axes.get_images()[0]
    for x, text in enumerate(axes.texts):
        ground = luminance(image.to_rgba([[x / 100]])[0][0])
        ink = 1.0 if text.get_color() == "white" else 0.0
        assert (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05) >= 3.5, (x, ground)


def luminance(colour: Any) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_rows_of_one_cell_are_pooled_and_a_missing_cell_stays_empty(tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [row(right=9, n=10), row(right=3, n=20), row(depth=1.0, tokens=9, n=1, right=1)]
    heat_map(rows, tmp_path / "a.png")
    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["12/30", "1/1"]


def test_rows_without_a_task_are_needles(tmp_path: Path, drawn: list[Figure]) -> None:
    heat_map([OLD, OLD | {"facts": 4}], tmp_path / "a.png")
    titles = [axes.get_title() for axes in drawn[0].axes if axes.get_title()]
    assert titles == ["needle\nmemory gated", "needle, 4 facts\nmemory gated"]


def test_lengths_are_on_a_log_axis_and_what_was_not_read_has_no_speed(tmp_path: Path, drawn: list[Figure]) -> None:
    length_plot(ROWS, tmp_path / "a.png")
    accuracy, speed, memory = drawn[0].axes
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["accuracy", "tokens per second", "peak memory (MB)"]
    assert {axes.get_xscale() for axes in drawn[0].axes} == {"log"}
    assert [list(line.get_ydata()) for line in memory.lines] == [[300.0] * 3, []]
    assert [list(line.get_ydata()) for line in speed.lines] == [[3e4] * 3, []]
    assert list(accuracy.containers[0].lines[0].get_ydata()) == [1.0, 1.0, 0.83]
    assert memory.get_ylim()[1] > 300


def test_documents_of_one_text_count_for_fewer_in_the_intervals(tmp_path: Path, drawn: list[Figure]) -> None:
    """A hundred documents whose texts decide like ten have the interval that Wilson gives for ten."""
    length_plot(
        [row(n=100, right=50, effect=effect, memory=f"m{effect}") for effect in (1.0, 10.0)], tmp_path / "a.png"
    )
    axes = next(axes for axes in drawn[0].axes if axes.containers)
    heights = [container.lines[2][0].get_segments()[0][:, 1] for container in axes.containers]
    assert [tuple(each) for each in heights] == [pytest.approx(wilson(0.5 * n, n)) for n in (100, 10)]


def test_what_was_not_measured_is_said(tmp_path: Path, drawn: list[Figure]) -> None:
    length_plot([OLD, row(tokens_per_second=None, peak_memory_bytes=None)], tmp_path / "a.png")
    assert [text.get_text() for axes in drawn[0].axes for text in axes.texts] == ["not measured"] * 2


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "there are no rows"),
        ([{}], "tokens is None, depth is None, n is None, right is None"),
        ([row(n=0, right=0)], "n is 0"),
        ([row(right=101)], "right is 101"),
        ([row(tokens=0)], "tokens is 0"),
        ([row(depth="deep")], "depth is 'deep'"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw: Any, rows: list[dict[str, Any]], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said) as error:
        draw(rows, tmp_path / "a.png")
    assert error.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("draw", DRAWINGS)
def test_without_matplotlib_it_is_said_how_to_get_it(
    draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def hiding(name: str, *words: Any, **named: Any) -> Any:
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *words, **named)

    monkeypatch.setattr(builtins, "__import__", hiding)
    with pytest.raises(UsageError, match="not installed") as error:
        draw(ROWS, tmp_path / "a.png")
    assert error.value.hint == "pip install 'gemma10m[plot]'"


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_picture_that_cannot_be_finished_leaves_the_old_one(
    draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no fonts")

    (tmp_path / "a.png").write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(RuntimeError, match="no fonts"):
        draw(ROWS, tmp_path / "a.png")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="a file is in the place of its folder"):
        heat_map([OLD], tmp_path / "file" / "a.png")


def test_importing_it_brings_neither_matplotlib_nor_numpy_nor_a_window() -> None:
    blocked = "import sys; sys.modules['numpy'] = sys.modules['matplotlib'] = None; import gemma10m.evaluation.plots"
    subprocess.run([sys.executable, "-W", "ignore", "-c", blocked], check=True, cwd=Path(__file__).parents[2])


def test_pyplot_stays_out(tmp_path: Path) -> None:
    heat_map(ROWS, tmp_path / "a.png")
    length_plot(ROWS, tmp_path / "b.png")
    assert "matplotlib.pyplot" not in sys.modules
