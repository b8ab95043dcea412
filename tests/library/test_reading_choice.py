"""A model reads exactly, by its window or by its adapter's memory, where the user names nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from official_models import official_model, save
from readers import write_memory

from gemma10m.library import Notices
from gemma10m.library.model_choice import BYTES_A_TOKEN, ModelOptions, choose_model, choose_reading
from gemma10m.weights.checkpoint import open_checkpoint


@pytest.fixture(scope="module", params=["gemma3_text", "llama"])
def options(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelOptions:
    base = save(official_model(request.param), tmp_path_factory.mktemp("base"))
    return ModelOptions(str(base), adapter=str(write_memory(base, tmp_path_factory.mktemp("memory"))))


def choice(options: ModelOptions, contexts: float, state_alone: bool) -> str:
    """Return the kind that a document of so many contexts is read with."""
    chosen = choose_model(Notices(), options)
    nbytes = int(contexts * chosen.checkpoint.config.context) * BYTES_A_TOKEN
    return choose_reading(Notices(), options, chosen, nbytes, state_alone).memory


def test_the_memory_of_an_adapter_is_used_where_nothing_else_answers(options: ModelOptions) -> None:
    assert choice(options, 2, state_alone=True) == "added"
    assert choice(options, 2, state_alone=False) == "window"
    assert choice(options, 0.5, state_alone=True) == "window"  # all of it is seen


def test_what_the_user_names_is_used(options: ModelOptions) -> None:
    named = ModelOptions(options.model, adapter=options.adapter, memory="window")
    assert choice(named, 2, state_alone=True) == "window"
    carried = ModelOptions(options.model, adapter=options.adapter, carry=4096)
    assert choice(carried, 2, state_alone=True) == "window"


def test_the_adapter_s_own_lengths_are_kept(options: ModelOptions) -> None:
    chosen = choose_model(Notices(), options)
    assert options.model
    context = open_checkpoint(Path(options.model)).config.context
    reading = choose_reading(Notices(), options, chosen, 2 * context * BYTES_A_TOKEN, state_alone=True)
    assert reading == chosen.checkpoint.added
