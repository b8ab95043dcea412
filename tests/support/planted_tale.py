"""A short text with one planted fact, and two questions: one that it answers and one that it does not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from gemma10m.answering.sampling import Sampling
from gemma10m.commands.ask import ask, read
from gemma10m.library.indexing import index_path
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.passages.building import seal
from gemma10m.terminal import Terminal

DEMO = ModelOptions(model="demo", device="cpu")
PROSE = "They walked on along the shore, and it was late before they came home. " * 12
FACT = "One of the special magic numbers for quiet-harbor is: 30518."
KNOWN, UNKNOWN = (f"What is the special magic number for {name}?" for name in ("quiet-harbor", "loud-mountain"))
ANSWER = "The magic number for quiet-harbor is: 30518."


def asked(source: Path, options: RetrievalOptions, json: bool = False) -> None:
    ask(Terminal(json=json), [str(source)], [KNOWN, UNKNOWN], DEMO, Sampling(max_new_tokens=40), options)


def damaged_index(tale: Path, *queries: str) -> Path:
    """Return the tale's state, whose index somebody changed."""
    state = tale.with_name("tale.state")
    read(Terminal(quiet=True), [str(tale)], state, DEMO)
    with closing(sqlite3.connect(index_path(state))) as database, database:
        for query in queries:
            database.execute(query)
    seal(index_path(state))
    return state
