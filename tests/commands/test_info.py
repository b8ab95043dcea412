"""`info`: sizes with what they are made of, documents with what is skipped, and paths that may not be looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gemma10m.adapters.peft_folder import read_adapter
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.arguments import sources_and_question, sources_and_words
from gemma10m.commands.ask import ask
from gemma10m.commands.find import find
from gemma10m.commands.info import info
from gemma10m.commands.train import TrainOptions, train
from gemma10m.errors import DiskError, DocumentError, Gemma10MError, ModelError
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.terminal import Terminal
from gemma10m.training.recipe import Recipe, default_stages
from gemma10m.training.start import scratch_plan
from gemma10m.weights.downloads import DEFAULT_MODEL
from gemma10m.weights.loading import resolve_model

CPU = ModelOptions(device="cpu")


def told(capsys: pytest.CaptureFixture[str], target: str | None, options: ModelOptions = CPU) -> dict[str, list[str]]:
    """Return the rows of a table by their names."""
    info(Terminal(), target, options)
    rows: dict[str, list[str]] = {}
    for line in capsys.readouterr().out.splitlines()[1:]:
        name, _, value = line.strip().partition("  ")
        rows.setdefault(name, []).append(value.strip())
    return rows


def test_a_state_has_a_bound_and_the_process_a_size_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(capsys, "demo")
    (state,) = rows["state"]
    assert state.startswith("at most 1.3 MB at any length")
    assert "1.1 MB of keys and values, 266 KB of memory" in state
    (process,) = rows["process"]
    assert re.search(r" [\d.]+ [MG]B of it the program itself", process)  # with what the tests before left in it
    (state,) = told(capsys, "demo", ModelOptions(device="cpu", memory="full"))["state"]
    assert state == "8.2 KB a token of keys and values, without a limit"
    (state,) = told(capsys, "demo", ModelOptions(device="cpu", memory="window"))["state"]
    assert state.endswith("1.1 MB of keys and values")


def test_keys_and_values_in_fewer_bits_have_smaller_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(capsys, "demo", ModelOptions(device="cpu", memory="full", kv="int8"))
    assert rows["reading"] == ["full memory, segment 64, carry 0, sinks 0, keys and values in int8"]
    assert rows["state"] == ["2.3 KB a token of keys and values, without a limit"]  # 8.2 KB as they are


def test_a_published_model_that_is_not_here_has_sizes_and_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(capsys, "google/gemma-3-4b-it")
    assert {"weights", "state", "memory needed", "process"} <= set(rows)


def test_the_plan_says_which_format_fits_which_card(capsys: pytest.CaptureFixture[str]) -> None:
    (cards,) = told(capsys, "google/gemma-7b")["fits cards"]
    assert cards == "6 GB nothing, 8 GB nothing, 12 GB nothing, 16 GB int8, 24 GB bfloat16"
    (here,) = told(capsys, "demo")["fits here"]
    assert here.startswith("bfloat16 in ")


def test_the_default_download_has_a_plan_with_its_gates(capsys: pytest.CaptureFixture[str]) -> None:
    for name in (DEFAULT_MODEL, "gemma-2B-10M"):
        rows = told(capsys, name)
        assert rows["parameters"] == ["2,506,172,416, without its 144 memory gates"]
        assert rows["reading"][0].startswith("linear memory")
        assert "of memory" in rows["state"][0]


def test_a_name_of_nothing_may_be_a_path_or_a_model() -> None:
    with pytest.raises(DocumentError, match="nosuchmodel does not exist, and no model") as caught:
        info(Terminal(), "nosuchmodel", CPU)
    assert "spelling of the path" in caught.value.hint
    assert "gemma10m download" in caught.value.hint


def test_the_program_says_which_model_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    (name,) = told(capsys, None)["default model"]
    assert name


def test_what_a_folder_leaves_out_is_counted_with_an_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    for name in ("a.py", "b.png", "c.png", "yarn.lock", "d.epub"):
        content = b"\0" if name.endswith("png") else b"PK\x03\x04" if name.endswith("epub") else b"x"
        (folder / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    rows = told(capsys, "src")
    assert rows["files"] == ["1 to read, 4 skipped"]
    counted, (named,) = rows["skipped"][:2], rows["skipped"][2:]
    assert counted == ["2 images, such as src/b.png", "1 lock file, such as src/yarn.lock"]
    assert named.startswith("src/d.epub: damaged")


def split(path: Path) -> tuple[list[str], list[str]]:
    return sources_and_question([str(path), "Who?"], [])


def test_a_folder_without_permission_is_no_internal_error(closed: Path) -> None:
    refusals: list[tuple[type[Gemma10MError], Callable[[], object]]] = [
        (DocumentError, lambda: info(Terminal(), str(closed), CPU)),
        (DocumentError, lambda: info(Terminal(), str(closed / "a.txt"), CPU)),
        (ModelError, lambda: resolve_model(closed)),
        (ModelError, lambda: resolve_model(closed / "m.gguf")),
        (DiskError, lambda: train(Terminal(), TrainOptions([__file__], closed / "out"))),
        (DocumentError, lambda: train(Terminal(), TrainOptions([str(closed / "a.txt")], closed.parent / "out"))),
        (ModelError, lambda: scratch_plan(closed / "config.json", Recipe(default_stages(1)))),
        (ModelError, lambda: read_adapter(closed)),
        (DocumentError, lambda: ask(Terminal(), *split(closed / "a.txt"), CPU, Sampling(), RetrievalOptions())),
        (DocumentError, lambda: find(Terminal(), *sources_and_words([str(closed / "a.txt"), "x"], None), 1)),
    ]
    for kind, call in refusals:
        with pytest.raises(kind, match=r"[Pp]ermission denied"):
            call()
