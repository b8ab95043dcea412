"""Landmarks against words: which of them lead to the passage that a sentence stands in, and what they cost."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from gemma10m.bench.index_search import BUDGET, SEARCHED, drawn_questions, holds
from gemma10m.documents import Document, open_source
from gemma10m.passages.building import build_index
from gemma10m.passages.index import PassageIndex, fused, open_index
from gemma10m.passages.landmarks import Keys
from gemma10m.passages.retrieve import retrieve
from gemma10m.reading.stretch import peak_memory


def measure_landmarks(source: Path, keys: Keys, n: int, seed: int) -> dict[str, object]:
    """Of `n` sentences, each asked by six of its words as `measure_index` does: how many times its passage comes first,
    and among the first eight, by words, by landmarks and by both; and how many are retrieved without and with them.

    Raises UsageError when hardly a sentence of the source has six telling words.
    """
    document = open_source(source)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        plain = _built(document, path, None)
        pointing, peak = _built(document, path, keys), peak_memory()
        with open_index(path) as index:
            found = _found(index, document, keys, n, random.Random(seed))
    return {
        "source": source.name,
        "model_fingerprint": keys.fingerprint,
        "text_bytes": document.nbytes,
        "index_seconds": plain[0],
        "index_bytes": plain[1],
        "seconds_with_landmarks": pointing[0],
        "bytes_with_landmarks": pointing[1],
        "peak_memory_bytes": peak,
        **found,
        "n": n,
    }


def _built(document: Document, path: Path, keys: Keys | None) -> tuple[float, int]:
    """Seconds and bytes."""
    started = time.perf_counter()
    build_index(document, path, keys=keys)
    return time.perf_counter() - started, path.stat().st_size


def _found(index: PassageIndex, document: Document, keys: Keys, n: int, draw: random.Random) -> dict[str, float]:
    counts: Counter[str] = Counter()
    slowest = 0.0
    for sentence, words in drawn_questions(document, n, draw):
        question, right = " ".join(words), sentence.passage
        started = time.perf_counter()
        nearest = index.pointed_at(keys, question, SEARCHED)
        slowest = max(slowest, time.perf_counter() - started)
        by_words = index.with_words(words, SEARCHED)
        for name, ranking in (("words", by_words), ("landmarks", nearest), ("both", fused([by_words, nearest]))):
            passages = [index.passage(number) for number in ranking[:SEARCHED]]
            counts[f"first_by_{name}"] += passages[:1] == [right]
            counts[f"among_{SEARCHED}_by_{name}"] += right in passages
        for name, pointer in (("recalled", None), ("recalled_with_landmarks", keys)):
            retrieved = retrieve(index, keys.tokenizer, question, BUDGET, pointer)
            counts[name] += any(holds(each, sentence) for each in retrieved)
    return {**counts, "slowest_query_seconds": slowest}
