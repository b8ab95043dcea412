"""Library is the object behind scripts and commands: a model, and the documents it reads.

listening.py     listeners, which get notes, warnings and progress
sources.py       the sources that a user names -> a document
model_choice.py  options -> a model and its tokenizer
number_format.py free memory -> the number format of the weights
packing.py       a model -> packed weights on disk
state_model.py   a saved state -> its model
ranked.py        what several ranks begin together
signals.py       Ctrl-C during a read
indexing.py      the passage index beside a state
read_source.py   a document -> its state, read now or found in the cache
checking.py      an answer -> its verdict and its sources
retrieval.py     a question -> the passages that are read again before it
chat.py          a question -> an answer
summarizing.py   a document -> its summary
finding.py       words -> passages, without a model
kept.py          the states and passages in the cache
defaults.py      the model that is used when none is named
reading.py       a document that was read
library.py       Library
many.py          a list or a folder -> the documents that it names
read_one.py      the task of one document of many, in a worker's process
workers.py       workers in processes of this machine
ray_workers.py   workers on the machines of Ray
read_many.py     many documents -> a folder of states
library_index.py a folder of states -> one index of all their passages
library_search.py words -> the best of the library's documents, without a model
states_library.py a folder of states -> answers of its best documents
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gemma10m.library.chat import AnswerStream, Chat
    from gemma10m.library.checking import Answer, Source
    from gemma10m.library.library import Library
    from gemma10m.library.listening import Listener, Notices
    from gemma10m.library.read_many import RunView
    from gemma10m.library.read_one import DocumentOutcome
    from gemma10m.library.reading import Reading
    from gemma10m.library.retrieval import RetrievalOptions
    from gemma10m.library.sources import Patterns
    from gemma10m.library.states_library import StatesLibrary

_HOMES = {
    "Answer": "checking",
    "AnswerStream": "chat",
    "Library": "library",
    "Listener": "listening",
    "Notices": "listening",
    "DocumentOutcome": "read_one",
    "Patterns": "sources",
    "Reading": "reading",
    "RetrievalOptions": "retrieval",
    "RunView": "read_many",
    "Source": "checking",
    "StatesLibrary": "states_library",
}

__all__ = [
    "Answer",
    "AnswerStream",
    "Chat",
    "DocumentOutcome",
    "Library",
    "Listener",
    "Notices",
    "Patterns",
    "Reading",
    "RetrievalOptions",
    "RunView",
    "Source",
    "StatesLibrary",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: `find`, `text` and `states` do without torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
