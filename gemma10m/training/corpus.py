"""Prepare the user's texts as prose to train on."""

from __future__ import annotations

from collections.abc import Iterable

from gemma10m.errors import DocumentError
from gemma10m.tasks.haystack import Prose
from gemma10m.tokens import Tokenizer

BETWEEN = "\n\n"  # short files that are joined


def corpus(tokenizer: Tokenizer, texts: Iterable[str], longest: int) -> list[Prose]:
    """Return the texts, short ones joined until no document of `longest` tokens repeats itself.

    Raises DocumentError when all of them together are shorter.
    """
    groups: list[list[str]] = []
    group: list[str] = []
    tokens = total = 0
    for text in texts:
        group.append(text)
        tokens += (count := len(tokenizer.encode(text)))
        total += count
        if tokens >= longest:
            groups.append(group)
            group, tokens = [], 0
    if not groups:
        raise DocumentError(
            f"the texts hold {total:,} tokens, and a document of the longest stage has {longest:,}",
            hint="name more text with --data, or make the stages of the recipe shorter",
        )
    groups[-1] += group
    return [Prose.of(tokenizer, BETWEEN.join(group)) for group in groups]
