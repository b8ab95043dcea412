"""An adapter belongs to one base: it is found, checked and merged, and states of one model are not those of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf_models import tiny_weights, write_model
from official_models import official_model, save
from readers import checkpoint
from tiny_adapters import CONFIG, RANK, eighths, updates_for, write_tiny

import gemma10m
from gemma10m.adapters.about import NOTHING_KNOWN, AboutAnswers
from gemma10m.adapters.lora import LowRankUpdate, Updates
from gemma10m.adapters.peft_folder import read_adapter, write_adapter
from gemma10m.answering.sampling import Sampling
from gemma10m.commands import summarize as summarize_command
from gemma10m.errors import ModelError, StateError
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions, choose_model, load_reader
from gemma10m.library.state_model import as_saved
from gemma10m.library.summarizing import SummaryOptions, from_state
from gemma10m.saved_states import Reader
from gemma10m.state_file import read_header
from gemma10m.terminal import Terminal
from gemma10m.weights import adapting
from gemma10m.weights.adapting import NO_ADAPTER, adapted_fingerprint, find_adapter
from gemma10m.weights.checkpoint import open_checkpoint


def about(base: Path) -> AboutAnswers:
    return AboutAnswers(open_checkpoint(base).fingerprint, reads_passages=True)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Return an adapter of the tests' checkpoint."""
    return write_tiny(tmp_path / "adapter", checkpoint(), about(checkpoint()))


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Package another adapter of the tests' checkpoint."""
    folder = write_tiny(tmp_path / "packaged", checkpoint(), about(checkpoint()), seed=500)
    monkeypatch.setattr(adapting, "reader_folders", lambda: (tmp_path / "another", folder))
    return folder


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["gemma3_text", "llama", "qwen2"])
def test_the_updates_are_added_to_their_weights_and_no_others(name: str, dtype: str, tmp_path: Path) -> None:
    base = save(official_model(name), tmp_path / "base")
    folder = write_tiny(tmp_path / "adapter", base)
    plain, adapted = (gemma10m.load_model(base, dtype=dtype, adapter=each) for each in ("none", folder))
    updates = read_adapter(folder).updates
    for key, weight in plain.state_dict().items():
        found = adapted.state_dict()[key]
        assert found.dtype == weight.dtype
        assert torch.equal(found, updates[key].added_to(weight) if key in updates else weight), key
    assert adapted.fingerprint != plain.fingerprint == open_checkpoint(base).fingerprint
    assert adapted.fingerprint == adapted_fingerprint(open_checkpoint(base), read_adapter(folder), "window")


def test_an_adapter_is_added_to_a_gguf_file_s_weights(tmp_path: Path) -> None:
    """Matrices of llama.cpp have other names and, in Llama, other rows; those of an adapter are transformers' own."""
    weights = tiny_weights("llama")
    write_model(tmp_path / "model.gguf", "llama", weights, kind="Q8_0")
    folder = write_tiny(tmp_path / "adapter", tmp_path / "model.gguf")
    plain, adapted = (gemma10m.load_model(tmp_path / "model.gguf", adapter=each) for each in ("none", folder))
    name = "model.layers.1.self_attn.q_proj.weight"
    found, before = adapted.get_parameter(name), plain.get_parameter(name)
    assert (before - weights[name]).abs().max() < 0.01
    assert torch.equal(found, read_adapter(folder).updates[name].added_to(before))
    assert not torch.equal(found, before)


def test_an_adapter_of_another_base_is_refused(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"{adapter} was trained on other weights than those of model-1-") as refused:
        gemma10m.load_model(checkpoint(seed=1), adapter=adapter)
    assert "--adapter" in refused.value.hint
    unsigned = write_tiny(tmp_path / "unsigned", checkpoint())
    assert gemma10m.load_model(checkpoint(seed=1), adapter=unsigned)  # nobody noted its base, and the shapes fit


def update(name: str, rows: int, columns: int) -> Updates:
    return {name: LowRankUpdate(eighths((RANK, columns), 0), eighths((rows, RANK), 1), 2.0)}


@pytest.mark.parametrize(
    ("updates", "says"),
    [
        (update("model.layers.0.mlp.up_proj.weight", 40, 25), r"\[40, 25\], and .* a weight of the shape \[40, 24\]"),
        (update("model.layers.0.mlp.up_proj.weight", 24, 40), r"\[24, 40\], and .* a weight of the shape \[40, 24\]"),
        (update("model.layers.9.mlp.up_proj.weight", 40, 24), "has no such weight"),
        (update("model.norm.weight", 24, 1), r"\[24, 1\], and .* a weight of the shape \[24\]"),
        (update(".weight", 24, 1), "has no such weight"),
    ],
    ids=["too wide", "turned", "another layer", "a norm", "no name"],
)
def test_updates_of_other_shapes_are_refused(updates: Updates, says: str, tmp_path: Path) -> None:
    write_adapter(tmp_path / "adapter", updates, CONFIG, NOTHING_KNOWN, "base")
    with pytest.raises(ModelError, match=says) as refused:
        gemma10m.load_model(checkpoint(), adapter=tmp_path / "adapter")
    assert "\n" not in refused.value.message
    assert refused.value.hint


def test_two_updates_of_one_weight_are_refused(tmp_path: Path) -> None:
    """Gemma 3 has two names for a weight: with a vision tower beside it and without."""
    base = save(official_model("gemma3_text"), tmp_path / "base")
    own = updates_for(base, ("up_proj",))
    name = "model.layers.0.mlp.up_proj.weight"
    both = {**own, name.replace("model.", "model.language_model.", 1): own[name]}
    write_adapter(tmp_path / "adapter", both, CONFIG, NOTHING_KNOWN, "base")
    with pytest.raises(ModelError, match=f"changes '{name}' twice"):
        gemma10m.load_model(base, adapter=tmp_path / "adapter")


def test_a_missing_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"adapter_config\.json cannot be used as an adapter"):
        gemma10m.load_model(checkpoint(), adapter=tmp_path / "nowhere")


def test_the_packaged_adapter_is_used_for_its_base_alone(packaged: Path, adapter: Path) -> None:
    base, other = open_checkpoint(checkpoint()), open_checkpoint(checkpoint(seed=1))
    found = find_adapter(None, base)
    assert found is not None
    assert found.path == packaged
    assert find_adapter(None, other) is None
    assert find_adapter(NO_ADAPTER, base) is None
    asked = find_adapter(str(adapter), base)
    assert asked is not None
    assert asked.path == adapter


def test_commands_use_the_packaged_adapter_and_the_api_when_it_is_asked(packaged: Path) -> None:
    plain, adapted = (gemma10m.load_model(checkpoint(), adapter=each).fingerprint for each in ("none", None))
    assert plain != adapted
    assert gemma10m.load_model(checkpoint()).fingerprint == plain
    reader = load_reader(Terminal(), ModelOptions(str(checkpoint()), "cpu"))
    assert reader.model.fingerprint == adapted
    assert reader.about == about(checkpoint())
    without = load_reader(Terminal(), ModelOptions(str(checkpoint()), "cpu", adapter="none"))
    assert (without.model.fingerprint, without.about) == (plain, NOTHING_KNOWN)


@pytest.mark.usefixtures("cache", "packaged")
def test_a_summary_leaves_the_packaged_adapter_out_but_for_a_state_that_was_read_with_it(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book, state, options = tmp_path / "book.txt", tmp_path / "adapted.state", ModelOptions(str(checkpoint()), "cpu")
    book.write_text("Anne walks in the garden.", encoding="utf-8")
    with Library(**vars(options)).open(book) as reading:
        adapted = reading.reader.model.fingerprint
        reading.save(state)
    plain, other = (gemma10m.load_model(checkpoint(), adapter=each).fingerprint for each in (NO_ADAPTER, adapter))

    def used(source: Path, adapter: str | None = None) -> str:
        loaded: list[str] = []

        def noted(reader: Reader, *arguments: Any) -> Any:
            loaded.append(reader.model.fingerprint)
            return from_state(reader, *arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(summarize_command, "from_state", noted)
            chosen = replace(options, adapter=adapter)
            wanted = SummaryOptions(by="state")
            summarize_command.summarize(Terminal(), [str(source)], wanted, chosen, Sampling(max_new_tokens=2))
        return loaded[0]

    assert len({adapted, plain, other}) == 3
    assert (used(book), used(state), used(book, str(adapter))) == (plain, adapted, other)


def test_without_a_packaged_adapter_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapting, "reader_folders", lambda: (tmp_path / "nowhere",))
    assert find_adapter(None, open_checkpoint(checkpoint())) is None
    assert choose_model(Terminal(), ModelOptions(str(checkpoint()), "cpu")).adapter is None


# --- saved states -----------------------------------------------------------------------------------------------------


def read(book: Path, output: Path, adapter: str | Path | None) -> Path:
    library = Library(checkpoint(), device="cpu", adapter=adapter)
    with library.read(library.document([str(book)]), output):
        return output


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have two models on this machine: one that is not meant comes first."""
    names = [str(checkpoint(seed=1)), str(checkpoint())]
    monkeypatch.setattr("gemma10m.library.state_model.known_models", lambda: names)


@pytest.mark.usefixtures("cache", "known", "packaged")
@pytest.mark.parametrize("asked", [None, "none"])
def test_a_state_brings_its_model_and_adapter(asked: str | None, book: Path, tmp_path: Path) -> None:
    state = read(book, tmp_path / "book.g10m", asked)
    found = as_saved(ModelOptions(), state, read_header(state))
    assert (found.model, found.adapter) == (str(checkpoint()), asked)
    with Library(device="cpu").open(state) as reading:
        assert reading.ask("Who?").made is not None


@pytest.mark.usefixtures("cache", "known", "packaged")
def test_a_state_of_an_adapter_that_is_named_again_is_found(book: Path, tmp_path: Path, adapter: Path) -> None:
    state = read(book, tmp_path / "book.g10m", adapter)
    found = as_saved(ModelOptions(adapter=str(adapter)), state, read_header(state))
    assert (found.model, found.adapter) == (str(checkpoint()), str(adapter))
    with pytest.raises(ModelError, match=r"none of .* is that model"):
        as_saved(ModelOptions(), state, read_header(state))
    with pytest.raises(ModelError, match="nowhere"):
        as_saved(ModelOptions(adapter=str(tmp_path / "nowhere")), state, read_header(state))


@pytest.mark.usefixtures("cache", "known")
def test_without_a_packaged_adapter_a_state_is_found_as_before(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapting, "reader_folders", lambda: (tmp_path / "nowhere",))
    state = read(book, tmp_path / "book.g10m", None)
    found = as_saved(ModelOptions(), state, read_header(state))
    assert (found.model, found.adapter) == (str(checkpoint()), None)


@pytest.mark.usefixtures("cache", "packaged")
@pytest.mark.parametrize(("one", "other"), [("none", None), (None, "none"), ("none", "adapter"), ("adapter", None)])
def test_a_state_of_one_adapter_is_not_continued_with_another(
    one: str | None, other: str | None, book: Path, tmp_path: Path, adapter: Path
) -> None:
    folders = {"none": "none", None: None, "adapter": str(adapter)}
    state = read(book, tmp_path / "book.g10m", folders[one])
    with pytest.raises(StateError) as refused:
        Library(checkpoint(), device="cpu", adapter=folders[other]).open(state)
    assert "\n" not in refused.value.message
