"""Summarise more than a model holds at once: by section, by joining summaries, or by refining one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from gemma10m.answering.document_parts import Count, DocumentPart
from gemma10m.answering.summaries import Requests
from gemma10m.documents.sections import Section

Write = Callable[[str, str], str]  # a text and a request -> what the model says to it


@dataclass(frozen=True)
class Summary:
    section: Section
    text: str | None  # None for a section that holds no text
    nbytes: int  # of the section
    tokens: int


@dataclass(frozen=True)
class Refined:
    text: str | None  # a summary of all up to this part; None while there was no text
    nbytes: int  # of the part
    tokens: int


def by_sections(
    parts: Iterable[DocumentPart], write: Write, requests: Requests, count: Count, room: int
) -> Iterator[Summary]:
    """Yield one summary per section, as it is made."""
    for section, group in groupby(parts, key=lambda part: part.section):
        written, nbytes, tokens, last_place = [], 0, 0, ""
        for part in group:
            nbytes, tokens, last_place = nbytes + part.nbytes, tokens + part.tokens, part.last_place
            if part.text.strip():
                written.append(write(part.text, requests.text))
        text = combine(written, write, requests, count, room) if written else None
        yield Summary(replace(section, last_place=last_place), text, nbytes, tokens)


def combine(summaries: list[str], write: Write, requests: Requests, count: Count, room: int) -> str:
    """Reduce one or more summaries: neighbours that fit together become one until one is left."""
    while len(summaries) > 1:
        groups = _neighbours(summaries, count, room)
        summaries = [write("\n\n".join(group), requests.summaries) if group[1:] else group[0] for group in groups]
    return summaries[0]


def _neighbours(summaries: list[str], count: Count, room: int) -> list[list[str]]:
    """Group at least two neighbours, but for the last group, so that there are fewer groups than summaries."""
    groups: list[list[str]] = [[]]
    used = 0
    for summary in summaries:
        tokens = count(summary)
        if len(groups[-1]) >= 2 and used + tokens > room:
            groups.append([])
            used = 0
        groups[-1].append(summary)
        used += tokens
    return groups


def refine(parts: Iterable[DocumentPart], write: Write, requests: Requests) -> Iterator[Refined]:
    """Yield one step per part, each with a summary that has grown by it."""
    summary: str | None = None
    for part in parts:
        if not part.text.strip():
            pass
        elif summary is not None:
            text = f"A summary of what comes before:\n{summary}\n\nWhat comes next:\n{part.text}"
            summary = write(text, requests.more)
        else:
            summary = write(part.text, requests.text)
        yield Refined(summary, part.nbytes, part.tokens)
