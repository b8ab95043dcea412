"""The program on two ranks: one state, one sentence where something is wrong, and nothing lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rank_programs import Scenario, run_scenarios
from readers import SENTENCE, checkpoint
from safetensors.torch import load_file

TEXT = SENTENCE * 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    (folder / "book.txt").write_text(TEXT)
    (folder / "other.txt").write_text(TEXT.replace("want", "need"))
    return folder


def scenarios(folder: Path) -> list[Scenario]:
    def read(name: str, book: str = "book.txt", seed: int = 0, **more: str) -> list[str]:
        vectors = more.get("memory") == "state-vector"
        options = [word for key, value in more.items() for word in (f"--{key}", value)]
        model = str(checkpoint(seed, vectors=vectors))
        return ["read", str(folder / book), "-o", str(folder / name), "-m", model, "--device", "cpu", *options]

    return [
        Scenario("alone", [read("alone")]),
        Scenario("together", [read("together")] * 2),
        Scenario("again", [read("together")] * 2),
        Scenario("interrupted", [read("resumed")] * 2, "interrupt"),
        Scenario("resumed", [read("resumed")] * 2),
        Scenario("killed", [read("killed")] * 2, "kill"),
        Scenario("memory", [read("memory")] * 2, "memory"),
        Scenario("documents", [read("differs"), read("differs", "other.txt")]),
        Scenario("models", [read("differs"), read("differs", seed=1)]),
        Scenario("carry", [read("differs"), read("differs", carry="0")]),
        Scenario("versions", [read("differs")] * 2, "version"),
        Scenario("missing", [read("differs"), read("differs", "missing.txt")]),
        Scenario("state-vector", [read("refused", memory="state-vector")] * 2),
        Scenario("full", [read("refused", memory="full")] * 2),
        Scenario("ask", [["ask", str(folder / "book.txt"), "Who?"]] * 2),
        Scenario("standard input", [["read", "-", "-m", str(checkpoint())]] * 2),
    ]


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, list[Any]]:
    return run_scenarios(folder, scenarios(folder), {"XDG_CACHE_HOME": str(folder / "cache")})


def state(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(folder / name)


def one_sentence(ranks: list[dict[str, Any]], speaker: int = 0) -> str:
    """Return the error that one rank reports; the other one must have said nothing of it."""
    errors = [[line for line in rank["err"].splitlines() if line.startswith("error: ")] for rank in ranks]
    assert [len(lines) for lines in errors] == ([1, 0] if speaker == 0 else [0, 1])
    assert not any("Traceback" in rank["err"] for rank in ranks)
    assert all(rank["code"] for rank in ranks)
    return errors[speaker][0].removeprefix("error: ")


def test_two_ranks_save_one_state_and_the_first_one_speaks(found: dict[str, list[Any]], folder: Path) -> None:
    first, second = found["together"]
    assert (first["code"], second["code"]) == (0, 0)
    assert first["out"] == f"{folder / 'together'}\n"
    assert "2 ranks read together" in first["err"]
    assert (second["out"], second["err"]) == ("", "")
    alone, together = state(folder, "alone"), state(folder, "together")
    assert alone.keys() == together.keys()
    for name, tensor in alone.items():
        torch.testing.assert_close(together[name], tensor, rtol=1e-5, atol=1e-5)
    assert (folder / "together.passages").exists()


def test_a_second_read_finds_the_state(found: dict[str, list[Any]]) -> None:
    assert [rank["code"] for rank in found["again"]] == [0, 0]
    assert found["again"][0]["err"] == ""


def test_a_signal_to_one_rank_stops_both_and_the_read_resumes(found: dict[str, list[Any]], folder: Path) -> None:
    assert [rank["code"] for rank in found["interrupted"]] == [130, 130]
    assert one_sentence(found["interrupted"]).startswith("stopped after 124 tokens; the state is saved in ")
    assert "resuming after 128 tokens read earlier" in found["resumed"][0]["err"]
    resumed, whole = state(folder, "resumed"), state(folder, "together")
    assert all(torch.equal(resumed[name], tensor) for name, tensor in whole.items())


def test_a_rank_that_is_gone_ends_the_other(found: dict[str, list[Any]]) -> None:
    assert one_sentence(found["killed"]) == "another rank has ended, or cannot be reached any more"
    assert found["killed"][0]["code"] == 8


def test_the_rank_that_fails_says_why(found: dict[str, list[Any]]) -> None:
    assert one_sentence(found["memory"], 1) == "rank 1: not enough memory: 17 bytes too many"
    assert one_sentence(found["missing"], 1).endswith("missing.txt does not exist")


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        ("documents", "rank 1 has another document than rank 0: "),
        ("models", "rank 1 has another model than rank 0: "),
        ("versions", "rank 1 has another version than rank 0: 0.0.1 and "),
        ("carry", "rank 1 has another way of reading than rank 0: gated, segment 16, carry 0, sinks 4 and "),
        ("state-vector", "`state-vector` memory goes from one segment to the next, "),
        ("full", "`full` memory keeps every key and value on one card, "),
        ("ask", "only `gemma10m read` runs on several ranks"),
        ("standard input", "standard input reaches one process, and not several ranks"),
    ],
)
def test_what_ranks_cannot_read_together_is_refused(found: dict[str, list[Any]], scenario: str, sentence: str) -> None:
    assert one_sentence(found[scenario]).startswith(sentence)
    assert found[scenario][0]["code"] == 2


def test_a_refused_read_leaves_no_file(found: dict[str, list[Any]], folder: Path) -> None:
    assert found
    assert not [path for path in folder.iterdir() if path.name.startswith(("differs", "refused"))]
