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
finding.py       words -> passages of a document, or of a library, without a model
kept.py          the states and passages in the cache
defaults.py      the model that is used when none is named
reading.py       a document that was read
library.py       Library
many.py          a list or a folder -> the documents that it names
read_one.py      the task of one document of many, in a worker's process
workers.py       workers in processes of this machine
ray_workers.py   workers on the machines of Ray
read_many.py     many documents -> a folder of states
states_index.py a folder of states -> one index of all their passages
states_library.py a folder of states -> answers of its best documents
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gemma10m.library.chat import AnswerStream as AnswerStream
    from gemma10m.library.chat import Chat as Chat
    from gemma10m.library.checking import Answer as Answer
    from gemma10m.library.library import Library as Library
    from gemma10m.library.listening import Listener as Listener
    from gemma10m.library.listening import Notices as Notices
    from gemma10m.library.read_many import RunView as RunView
    from gemma10m.library.read_one import DocumentOutcome as DocumentOutcome
    from gemma10m.library.reading import Reading as Reading
    from gemma10m.library.retrieval import RetrievalOptions as RetrievalOptions
    from gemma10m.library.sources import Patterns as Patterns
    from gemma10m.library.states_library import StatesLibrary as StatesLibrary
    from gemma10m.passages.quotes import Source as Source

_HOMES = {
    "Answer": "gemma10m.library.checking",
    "AnswerStream": "gemma10m.library.chat",
    "Chat": "gemma10m.library.chat",
    "DocumentOutcome": "gemma10m.library.read_one",
    "Library": "gemma10m.library.library",
    "Listener": "gemma10m.library.listening",
    "Notices": "gemma10m.library.listening",
    "Patterns": "gemma10m.library.sources",
    "Reading": "gemma10m.library.reading",
    "RetrievalOptions": "gemma10m.library.retrieval",
    "RunView": "gemma10m.library.read_many",
    "Source": "gemma10m.passages.quotes",
    "StatesLibrary": "gemma10m.library.states_library",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: `find`, `text` and `states` do without torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
