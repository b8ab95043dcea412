"""Read documents of up to ten million tokens once, in constant memory, and ask questions about them.

    with gemma10m.Library("demo").open("book.txt") as reading:
        print(reading.ask("Who is Anne?").text)

Names are imported when first used: `import gemma10m` does not import torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gemma10m.answering.answer import answer as answer
    from gemma10m.answering.sampling import Sampling as Sampling
    from gemma10m.documents import open_source as open_source
    from gemma10m.library import Library as Library
    from gemma10m.reading import read as read
    from gemma10m.tokens import load_tokenizer as load_tokenizer
    from gemma10m.weights.loading import load_model as load_model

if sys.platform == "win32":
    # Files are opened without following links, locked, and processes limited, by calls that Windows does not have.
    raise ImportError("gemma10m runs on Linux and macOS; on Windows, run it in WSL")

__version__ = "0.1.0"

_HOMES = {
    "Library": "gemma10m.library",
    "Sampling": "gemma10m.answering.sampling",
    "answer": "gemma10m.answering.answer",
    "load_model": "gemma10m.weights.loading",
    "load_tokenizer": "gemma10m.tokens",
    "open_source": "gemma10m.documents",
    "read": "gemma10m.reading",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
