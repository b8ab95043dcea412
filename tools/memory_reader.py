"""Load a model with the memory of an adapter, as the tools that measure one need it."""

from __future__ import annotations

from pathlib import Path

from gemma10m.library.model_choice import ModelOptions, load_reader
from gemma10m.saved_states import Reader
from gemma10m.terminal import Terminal


def reader_with_memory(terminal: Terminal, model: str, adapter: Path) -> Reader:
    return load_reader(terminal, ModelOptions(model, memory="added", read_all=True, adapter=str(adapter)))
