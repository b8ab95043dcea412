"""The passage index of a document: seconds, bytes, and whether a sentence is found by some of its words."""

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
from gemma10m.passages.cutting import Passage, cut_document, sentences
from gemma10m.passages.index import open_index
from gemma10m.passages.words import telling
from gemma10m.reading.stretch import peak_memory

ASKED = 6  # words of a sentence
RECALLED = 8  # passages: what fits half of a window of 4096 tokens


def measure_index(source: Path, n: int, seed: int) -> dict[str, object]:
    """Seconds to open the source and to index it, bytes, and of `n` sentences drawn from it, each asked by six of its
    words in any order, how many had their passage among the first eight.

    Raises UsageError when hardly a sentence of the source has six telling words.
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
            for passage, words in _questions(document, n, random.Random(seed)):
                asked = time.perf_counter()
                recalled = index.search(words, RECALLED)
                seconds.append(time.perf_counter() - asked)
                found += (passage.file, passage.start) in {(each.file, each.start) for each in recalled}
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
        "found": found,
        "n": n,
    }


def _questions(document: Document, n: int, draw: random.Random) -> Iterator[tuple[Passage, list[str]]]:
    """Passages drawn without regard to their length, each with six words of one of its sentences."""
    drawn = _reservoir(document, 4 * n, draw)
    asked = [(passage, words) for passage in drawn if (words := _six_words(passage, draw))]
    if len(asked) < n:
        raise UsageError(f"{document.name} is too short to ask {n} questions about", hint="name a longer document")
    yield from asked[:n]


def _reservoir(document: Document, size: int, draw: random.Random) -> list[Passage]:
    """`size` of the document's passages, each as likely as any (Vitter's algorithm R), in any order."""
    kept: list[Passage] = []
    for number, passage in enumerate(cut_document(document)):
        if number < size:
            kept.append(passage)
        elif (place := draw.randrange(number + 1)) < size:
            kept[place] = passage
    draw.shuffle(kept)
    return kept


def _six_words(passage: Passage, draw: random.Random) -> list[str]:
    spans = [telling(passage.text[first:last]) for first, last in sentences(passage.text)]
    long = [words for words in spans if len(words) >= ASKED]
    return draw.sample(draw.choice(long), ASKED) if long else []
