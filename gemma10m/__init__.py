"""Read documents of up to ten million tokens once, in constant memory, and ask questions about them.

    model = gemma10m.load_model("demo")
    tokenizer = gemma10m.load_tokenizer("demo")
    state = gemma10m.read(model, tokenizer, gemma10m.open_source("book.txt"))
    print("".join(gemma10m.answer(model, tokenizer, state, "Who is Anne?")))

Names are imported when first used: `import gemma10m` does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gemma10m.answering.answer import answer
    from gemma10m.answering.sampling import Sampling
    from gemma10m.documents import open_source
    from gemma10m.reading import read
    from gemma10m.tokens import load_tokenizer
    from gemma10m.weights.loading import load_model

__version__ = "0.1.0"

_HOMES = {
    "Sampling": "gemma10m.answering.sampling",
    "answer": "gemma10m.answering.answer",
    "load_model": "gemma10m.weights.loading",
    "load_tokenizer": "gemma10m.tokens",
    "open_source": "gemma10m.documents",
    "read": "gemma10m.reading",
}

__all__ = [
    "Sampling",
    "__version__",
    "answer",
    "load_model",
    "load_tokenizer",
    "open_source",
    "read",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
