"""Run `text`: print the text of a source as a model reads it, or a part of one file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gemma10m.commands.arguments import refuse_states
from gemma10m.documents import Document, SourceFile
from gemma10m.documents.counts import number_of
from gemma10m.documents.text import decoder
from gemma10m.errors import DocumentError, UsageError
from gemma10m.library.sources import ALL, Patterns, open_document, saved_state
from gemma10m.terminal import Terminal

RANGE = re.compile(r"([0-9]{1,12})(?:-([0-9]{1,12}))?")
LINE = re.compile(r"[^\n]*\n|[^\n]+")


def text(terminal: Terminal, sources: list[str], page: str | None, lines: str | None, patterns: Patterns = ALL) -> None:
    """Print the text. Raises UsageError for a part that the document does not have."""
    if page is not None and lines is not None:
        raise UsageError(
            "--page and --lines were both given", hint="give --lines alone: lines count from the start of the file"
        )
    if state := saved_state(sources):
        raise DocumentError(f"{state} is a saved state, which does not hold the text", "name the document itself")
    refuse_states(sources)
    document = open_document(terminal, sources, patterns)
    if page is not None:
        pieces = iter([_page(_single(document), page)])
    elif lines is not None:
        pieces = _lines(_single(document), *_range("--lines", lines))
    else:
        pieces = (piece.text for piece in document.pieces())
    for piece in pieces:
        terminal.verbatim(piece)


def _single(document: Document) -> SourceFile:
    if len(document.files) > 1:
        hint = "name the file, or leave --page and --lines out"
        raise UsageError(f"{document.name} has {len(document.files)} files, each with its own pages and lines", hint)
    return document.files[0]


def _range(option: str, words: str, place: str = "") -> tuple[int, int]:
    """Return the first and the last number of a range, from 1. place: a name that may be given in its stead."""
    match = RANGE.fullmatch(words)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last:
        name = f", or a name such as {place!r}" if place else ""
        raise UsageError(f"{option} must be a number or a range such as 3-7{name}, found {words!r}")
    return first, last


def _page(file: SourceFile, words: str) -> str:
    """Return the text of pages, chapters or cells by number, or of one place by name."""
    names = [name for _, name in file.places]
    named = [place for place, name in enumerate(names) if name.partition(" ")[2] == words]  # `sheet 2024`
    numbers = [place for place, name in enumerate(names) if name == words]
    if not numbers and (RANGE.fullmatch(words) or not named):
        first, last = _range("--page", words, names[0] if names else "")
        numbers = [place for place, name in enumerate(_numbers(file)) if first <= name <= last]
    numbers = numbers or named
    if not numbers:
        found = f"{names[0]} to {names[-1]}" if names else "no pages, chapters or cells"
        raise UsageError(f"{file.path} has no text at --page {words}: it has {found}")
    ends = [offset for offset, _ in file.places[1:]] + [file.nbytes]
    bytes_there = b"".join(file.cut(file.places[number][0], ends[number]) for number in numbers)
    return decoder(file.encoding).decode(bytes_there, True)


def _numbers(file: SourceFile) -> list[int]:
    """Return the number of each page or cell; chapters and nodes, which have names, are counted."""
    names = [re.fullmatch(r"(?:page|cell) ([0-9]+)", name) for _, name in file.places]
    return [int(name[1]) if name else place for place, name in enumerate(names, start=1)]


def _lines(file: SourceFile, first: int, last: int) -> Iterator[str]:
    number, whole = 1, True  # the last line that was seen ended
    for piece in file.pieces(0):
        for match in LINE.finditer(piece.text):
            if first <= number <= last:
                yield match[0]
            whole = match[0].endswith("\n")
            number += whole
            if number > last:
                return
    if (lines := number - whole) < first:
        raise UsageError(f"{file.path} has {number_of(lines, 'line')}, found --lines {first:,}")
