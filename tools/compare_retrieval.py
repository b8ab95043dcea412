"""Compare ways of finding the passages that answer a question, one change at a time.

    python tools/compare_retrieval.py FOLDER [--count 250] [--seed 0] [--train] [--ends] [--results FILE]

FOLDER is what tools/fetch_questions.py wrote. A question counts when all sentences of its sources are in the first 4,
or 8, passages; those of SQuAD that have no answer are left out. --ends measures words alone and the
program's own search, and nothing between.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from retrieval.asked import AskedQuestion, answers, drawn
from retrieval.rankings import (
    Ranking,
    added_to_second,
    by_count,
    by_window,
    by_words,
    fused_with_second,
    less_by_length,
    with_names_twice,
    with_phrases,
)
from retrieval.trial_index import Layout, TrialIndex, build_trial

from gemma10m.bench.rows import append_rows
from gemma10m.documents import Document, open_source
from gemma10m.passages.building import build_index
from gemma10m.passages.index import open_index
from gemma10m.passages.retrieve import SEARCHED
from gemma10m.passages.searching import find
from gemma10m.terminal import Terminal

SETS = ("squad", "hotpotqa")
FIRST = (4, 8)
Questions = Mapping[str, Sequence[AskedQuestion]]
Variants = tuple[tuple[Layout, tuple[tuple[str, Ranking], ...]], ...]
VARIANTS: Variants = (
    (
        Layout(),
        (
            ("before", by_words()),
            ("reordered by words", by_count),
            ("phrases", with_phrases),
            ("names twice", with_names_twice),
            ("window coverage 0.3", by_window(0.3)),
            ("window coverage 1", by_window(1.0)),
            ("less by length 0.1", less_by_length(0.1)),
            ("second search, fused", fused_with_second()),
            ("second search, added 0.3", added_to_second(0.3)),
        ),
    ),
    (Layout(titles=True), (("headings", by_words()), ("headings twice", by_words(2.0)))),
    (Layout(neighbours=True), (("neighbours", by_words()), ("neighbours half", by_words(0.5)))),
    (Layout(longest=600), (("600 characters", by_words()),)),
    (Layout(borders=True), (("cut at headings", by_words()),)),
    (
        Layout(borders=True, titles=True),
        (
            ("cut at headings, headings twice", by_words(2.0)),
            ("these and second search, fused", fused_with_second(2.0)),
            ("these and second search, added 0.3", added_to_second(0.3, 2.0)),
        ),
    ),
)


def measured(search: Callable[[str], list[str]], questions: Questions) -> dict[str, object]:
    """Return percentages, the mean milliseconds of processor time and the mean characters of the first 8 passages."""
    row: dict[str, object] = {}
    for name, asked in questions.items():
        found, seconds = [], 0.0
        for question in asked:
            started = time.process_time()
            found.append(search(question.question))
            seconds += time.process_time() - started
        for first in FIRST:
            hits = sum(answers(question, texts[:first]) for question, texts in zip(asked, found, strict=True))
            row[f"{name}_at_{first}"] = round(100 * hits / len(asked), 1)
        row[f"{name}_cpu_ms"] = round(1000 * seconds / len(asked), 1)
        row[f"{name}_characters"] = round(sum(len(text) for texts in found for text in texts[:8]) / len(asked))
    return row


def trials(document: Document, folder: Path, questions: Questions, variants: Variants) -> Iterator[dict[str, object]]:
    for place, (layout, rankings) in enumerate(variants):
        path = folder / f"{place}.sqlite"
        built = _built(lambda path=path, layout=layout: build_trial(document, path, layout), path)  # type: ignore[misc]
        with closing(sqlite3.connect(path)) as database:
            index = TrialIndex(database)
            for name, ranking in rankings:
                yield {"variant": name, **built, "passages": index.count, **_ranked(index, ranking, questions)}
        path.unlink()


def _ranked(index: TrialIndex, ranking: Ranking, questions: Questions) -> dict[str, object]:
    def search(question: str) -> list[str]:
        return [index.text(number) for number in ranking(index, question)[:SEARCHED]]

    return measured(search, questions)


def built_in(document: Document, folder: Path, questions: Questions) -> Iterator[dict[str, object]]:
    path = folder / "built-in.sqlite"
    built = _built(lambda: build_index(document, path), path)
    with open_index(path) as index:
        row = measured(lambda question: [found.text for found in find(index, question, SEARCHED)], questions)
    yield {"variant": "built in", **built, **row}


def _built(build: Callable[[], object], path: Path) -> dict[str, object]:
    started = time.process_time()
    build()
    return {"build_seconds": round(time.process_time() - started, 1), "index_bytes": path.stat().st_size}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--count", type=int, default=250)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--train", action="store_true")
    options.add_argument("--ends", action="store_true")
    options.add_argument("--results", type=Path)
    wanted = options.parse_args()
    part = "train" if wanted.train else "test"
    questions = {name: drawn(wanted.folder / f"{name}-{part}.jsonl", wanted.count, wanted.seed) for name in SETS}
    document, rows = open_source(wanted.folder / "all.md"), []
    with TemporaryDirectory() as folder:
        variants = ((Layout(), VARIANTS[0][1][:1]),) if wanted.ends else VARIANTS
        tried = trials(document, Path(folder), questions, variants)
        for row in chain(tried, built_in(document, Path(folder), questions)):
            rows.append({"part": part, "questions": wanted.count, "seed": wanted.seed, **row})
            Terminal().line(str(rows[-1]))
    if wanted.results:
        train = (" --train" if wanted.train else "") + (" --ends" if wanted.ends else "")
        command = f"python tools/compare_retrieval.py FOLDER --count {wanted.count} --seed {wanted.seed}{train}"
        append_rows(wanted.results, "retrieval", command, rows)


if __name__ == "__main__":
    main()
