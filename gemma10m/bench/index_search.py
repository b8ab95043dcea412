"""Measure a document's passage index: seconds, bytes, and if some words of a sentence find it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from gemma10m.bench.timing import spread
from gemma10m.documents import Document, open_source
from gemma10m.errors import UsageError
from gemma10m.passages.building import build_index
from gemma10m.passages.code_files import is_by_line
from gemma10m.passages.cutting import Passage, cut_document, sentences
from gemma10m.passages.index import open_index
from gemma10m.passages.retrieve import Excerpt, retrieve
from gemma10m.passages.words import telling
from gemma10m.reading.stretch import peak_memory
from gemma10m.tokens import Tokenizer

ASKED = 6  # words of a sentence
SEARCHED = 8  # passages of a query whose time is taken
BUDGET = 1024  # tokens of what is retrieved: half of Gemma's segment


def measure_index(source: Path, tokenizer: Tokenizer, n: int, seed: int) -> dict[str, object]:
    """Measure opening, indexing and searching a source: seconds, bytes, and how many sentences are found.

    `n` sentences drawn from it are each asked by six of their words in any order; found are those that are retrieved
    for the model to read again. Raises UsageError when hardly a sentence of the source has six telling words.
    """
    started = time.perf_counter()
    document = open_source(source)
    opened = time.perf_counter()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        build_index(document, path)
        built = time.perf_counter()
        peak, index_bytes = peak_memory(), path.stat().st_size
        found, seconds = 0, []
        with open_index(path) as index:
            for sentence, words in drawn_questions(document, n, random.Random(seed)):
                asked = time.perf_counter()
                index.search(words, SEARCHED)
                seconds.append(time.perf_counter() - asked)
                found += any(holds(each, sentence) for each in retrieve(index, tokenizer, " ".join(words), BUDGET))
    return {
        "source": source.name,
        "files": len(document.files),
        "text_bytes": document.nbytes,
        "open_seconds": opened - started,
        "index_seconds": built - opened,
        "index_bytes": index_bytes,
        "peak_memory_bytes": peak,
        "query_seconds": spread(seconds),
        "slowest_query_seconds": max(seconds),
        "budget": BUDGET,
        "found": found,
        "n": n,
    }


def drawn_questions(document: Document, n: int, draw: random.Random) -> Iterator[tuple[Excerpt, list[str]]]:
    """Draw a sentence each of passages, whatever their length, with six of its words."""
    drawn = _reservoir(document, 4 * n, draw)
    asked = [question for passage in drawn if (question := _question(document, passage, draw))]
    if len(asked) < n:
        raise UsageError(f"{document.name} is too short to ask {n} questions about", hint="name a longer document")
    yield from asked[:n]


def holds(retrieved: Excerpt, sentence: Excerpt) -> bool:
    same = (retrieved.passage.file, retrieved.passage.start) == (sentence.passage.file, sentence.passage.start)
    return same and retrieved.first <= sentence.first and sentence.last <= retrieved.last


def _reservoir(document: Document, size: int, draw: random.Random) -> list[Passage]:
    """Draw `size` of the document's passages, each as likely as any (Vitter's algorithm R), in any order."""
    kept: list[Passage] = []
    for number, passage in enumerate(cut_document(document)):
        if number < size:
            kept.append(passage)
        elif (place := draw.randrange(number + 1)) < size:
            kept[place] = passage
    draw.shuffle(kept)
    return kept


def _question(document: Document, passage: Passage, draw: random.Random) -> tuple[Excerpt, list[str]] | None:
    spans = sentences(passage.text, is_by_line(document.files[passage.file].path))
    told = [(span, telling(passage.text[slice(*span)])) for span in spans]
    long = [(Excerpt(passage, *span), words) for span, words in told if len(words) >= ASKED]
    if not long:
        return None
    sentence, words = draw.choice(long)
    return sentence, draw.sample(words, ASKED)
