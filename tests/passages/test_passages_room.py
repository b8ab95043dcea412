"""`--recall N`: no more is recalled than the window holds beside the question and its answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from readers import fed_ids

from gemma10m import load_model, open_source
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.ask import ask
from gemma10m.config import ReadingConfig
from gemma10m.errors import StateError
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions, load_reader
from gemma10m.library.retrieval import SHORT_ANSWER, Passages, RetrievalOptions, room_for_passages
from gemma10m.memory.state import State
from gemma10m.passages.building import build_index
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.saved_states import Reader
from gemma10m.terminal import Terminal
from gemma10m.tokens.prompt import Prompt

DEMO = ModelOptions(model="demo", device="cpu")
QUESTION = "What is the special magic number for quiet-harbor?"
FACTS = "".join(f"One of the special magic numbers for quiet-harbor is: {30518 + n}. It rained.\n\n" for n in range(60))


def refuse(error: StateError) -> PassageIndex:
    raise error


@pytest.fixture(scope="module")
def demo() -> Reader:
    return load_reader(Terminal(), DEMO)


def after(reader: Reader, tokens: int) -> State:
    return State(reader.model.empty_state().layers, tokens)


def recalled(demo: Reader, folder: Path, said: str, position: int = 640) -> tuple[int, list[str]]:
    """Return the tokens that are recalled, and the warnings of two questions."""
    document, path, warned = folder / "tale.txt", folder / "index", list[str]()
    document.write_text(FACTS)
    build_index(open_source(document), path)
    with open_index(path) as index:
        passages = Passages(index, lambda: None, RetrievalOptions(said), refuse, warned.append)
        found = [passages.retrieved(demo, QUESTION, after(demo, position)) for _ in range(2)]
    return len(demo.tokenizer.encode(found[0])), warned


@pytest.mark.parametrize("position", [640, 650, 700])
def test_what_is_recalled_stays_in_the_window(demo: Reader, tmp_path: Path, position: int) -> None:
    tokens, warned = recalled(demo, tmp_path, "5000", position)
    question = len(Prompt(demo.tokenizer).question(QUESTION))
    assert 30 < tokens <= 64 + 64 - question - 32
    (warning,) = warned
    assert warning.startswith("--recall 5000 is more than fits the window with the question and its answer: ")


def test_what_fits_is_not_cut_down(demo: Reader, tmp_path: Path) -> None:
    for said in ("0", "off", "auto", "64"):
        assert recalled(demo, tmp_path, said, position=703)[1] == []


def test_the_room_is_what_the_open_segment_and_the_question_leave(demo: Reader) -> None:
    wide = Reader(load_model("demo"), demo.tokenizer)
    wide.model.reading = ReadingConfig("gated", 2048, 2048, 4)
    asked = len(Prompt(demo.tokenizer).next_question(QUESTION))
    for position, left in ((2048 * 3, 4096), (2048 * 3 + 1000, 3096), (2047, 2049)):
        assert room_for_passages(wide, QUESTION, after(wide, position)) == left - asked - SHORT_ANSWER
    assert room_for_passages(demo, "word " * 500, after(demo, 640)) == 0
    wide.model.reading = ReadingConfig("full")
    assert room_for_passages(wide, QUESTION, after(wide, 2048)) is None


@pytest.mark.usefixtures("cache")
def test_a_number_that_is_too_large_is_said_and_the_question_sees_what_was_recalled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], demo: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Library, "reader", lambda *_, **__: demo)
    path = tmp_path / "tale.txt"
    path.write_text(FACTS)
    ask(Terminal(quiet=True), [str(path)], [QUESTION], DEMO, Sampling(max_new_tokens=1), RetrievalOptions("off"))
    capsys.readouterr()
    with fed_ids(demo.model) as fed:
        ask(Terminal(), [str(path)], [QUESTION], DEMO, Sampling(max_new_tokens=1), RetrievalOptions("5000"))
    assert 40 < len(fed) <= 128 - 32
    assert capsys.readouterr().err.count("warning: --recall 5000 is more than fits the window") == 1
