"""Summarise more than a model holds at once: by section, by joining summaries, or by refining one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from gemma10m.answering.document_parts import Count, DocumentPart
from gemma10m.answering.new_sentences import LEAST, joined
from gemma10m.answering.own_words import OwnWords
from gemma10m.answering.summaries import Requests
from gemma10m.documents.sections import Section

Write = Callable[[str, str], str]  # a text and a request -> what the model says to it


@dataclass(frozen=True)
class Summary:
    section: Section
    text: str | None  # None for a section that holds no text
    nbytes: int  # of the section
    tokens: int
    extract: bool = False  # it is a sentence of the section, and not the model's


@dataclass(frozen=True)
class Refined:
    text: str | None  # a summary of all up to this part; None while there was no text
    nbytes: int  # of the part
    tokens: int


def by_sections(
    parts: Iterable[DocumentPart], write: Write, requests: Requests, count: Count, room: int
) -> Iterator[Summary]:
    """Yield one summary per section, as it is made; a sentence, where one is asked for, is in the section's words."""
    for section, group in groupby(parts, key=lambda part: part.section):
        written, nbytes, tokens, last_place, own = [], 0, 0, "", OwnWords()
        for part in group:
            nbytes, tokens, last_place = nbytes + part.nbytes, tokens + part.tokens, part.last_place
            if part.text.strip():
                written.append(write(part.text, requests.text))
                own.add(part.text)
        text, extract = combine(written, write, requests, count, room) if written else None, False
        if text is not None and (requests.is_sentence or not text):
            text, extract = own.line(text, requests.text)
        yield Summary(replace(section, last_place=last_place), text, nbytes, tokens, extract)


def combine(summaries: list[str], write: Write, requests: Requests, count: Count, room: int) -> str:
    """Reduce one or more summaries: neighbours that fit together become one until one is left."""
    while len(summaries) > 1:
        groups = _neighbours(summaries, count, room)
        summaries = [
            long_enough(write("\n\n".join(group), requests.summaries), group, requests.words) if group[1:] else group[0]
            for group in groups
        ]
    return summaries[0]


def long_enough(summary: str, made_of: list[str], words: int) -> str:
    """Return the summary or, if it is too short, the longer one of it and what it was made of, joined."""
    if len(summary.split()) >= LEAST * words:
        return summary
    return max(summary, joined(made_of, words), key=lambda text: len(text.split()))


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
            new = write(text, requests.more)
            summary = long_enough(new, [summary, new], requests.words)
        else:
            summary = write(part.text, requests.text)
        yield Refined(summary, part.nbytes, part.tokens)
