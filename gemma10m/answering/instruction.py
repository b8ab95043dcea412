"""Instruct a chat model with each question how to answer it from passages, and how to refuse."""

from __future__ import annotations

from gemma10m.passages.statements import REFUSAL

_HOW = f'Using only the text above, answer with a short phrase copied from it, or with "{REFUSAL}" if it has no answer.'


def instructed(question: str) -> str:
    """Return the question behind the sentence that says how to answer it."""
    return f"{_HOW}\n\nQuestion: {question.strip()}\nAnswer:"
