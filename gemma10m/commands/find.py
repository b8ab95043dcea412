"""Run `find`: show passages by their words, with file and line and without a model."""

from __future__ import annotations

from gemma10m.commands.answers import described
from gemma10m.commands.arguments import named_states
from gemma10m.errors import NoAnswer
from gemma10m.library.finding import find_in_states, find_passages
from gemma10m.library.sources import ALL, Patterns
from gemma10m.terminal import Terminal


def find(terminal: Terminal, sources: list[str], words: str, limit: int, patterns: Patterns = ALL) -> None:
    if folder := named_states(sources, patterns):
        found = find_in_states(terminal, folder, words, limit)
    else:
        found = find_passages(terminal, sources, words, limit, patterns)
    if not found:
        raise NoAnswer("no passage contains any of these words", hint="try other words of the document")
    for source in found:
        if terminal.json:
            terminal.json_line(source.record())
        else:
            terminal.write(described(source) + "\n")
