"""Score lists that are asked for: `python tools/score_lists.py DOCUMENT QUESTIONS`, which has the items of each.

QUESTIONS: JSONL with a question and its items, each a list of spellings. Recall is the share of the items that an
answer has, precision the share of what it lists that is an item; both are means over the questions.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gemma10m import Library
from gemma10m.bench.rows import append_rows
from gemma10m.library.checking import Answer
from gemma10m.passages.folding import fold
from gemma10m.passages.statements import is_refusal
from gemma10m.passages.words import WORD
from gemma10m.terminal import Terminal

_BETWEEN = re.compile(r"[\n;,]|\b(?:and|or)\b")


@dataclass(frozen=True)
class Listing:
    question: str
    items: Sequence[Sequence[str]]  # each with its spellings


@dataclass(frozen=True)
class Score:
    recall: float
    precision: float
    listed: int


def read_listings(path: Path) -> list[Listing]:
    return [Listing(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def words(text: str) -> str:
    """Return the text's words in lower case with a space around each, so that a part of a word is not found."""
    said = (match[0].removesuffix("'s") for match in WORD.finditer(fold(text).casefold()))
    return f" {' '.join(said)} "


def score(said: str, items: Sequence[Sequence[str]]) -> Score:
    """Compare what was said with the items. An answer that refuses, or is empty, lists nothing: its precision is 0."""
    said = "" if is_refusal(said) else said
    parts = [part for part in map(words, _BETWEEN.split(said)) if part.strip()]
    found = sum(any(words(one) in words(said) for one in each) for each in items)
    right = sum(any(words(one) in part for each in items for one in each) for part in parts)
    return Score(found / len(items), right / len(parts) if parts else 0.0, len(parts))


def measured(document: Path, listings: Sequence[Listing], model: str, show: bool) -> dict[str, object]:
    """Ask every question, and return a row."""
    scores, started, answers = list[Score](), time.monotonic(), list[Answer]()
    with Library(model).open(document) as reading:
        for each in listings:
            answers.append(reading.ask(each.question))
            scores.append(score(answers[-1].text, each.items))
            if show:
                Terminal().line(f"{each.question}\n    {answers[-1].text!r}\n    {scores[-1]}")
    return {
        "document": document.name,
        "model": model,
        "n": len(listings),
        "recall": statistics.fmean(one.recall for one in scores),
        "precision": statistics.fmean(one.precision for one in scores),
        "listed": statistics.fmean(one.listed for one in scores),
        "verified": sum(one.verdict == "verified" for one in answers),
        "seconds_per_question": (time.monotonic() - started) / len(listings),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("document", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("-m", "--model", default="small")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    row = measured(options.document, read_listings(options.questions), options.model, options.show)
    if options.results:
        command = f"tools/score_lists.py {options.document} {options.questions} -m {options.model}"
        append_rows(options.results, "lists", command, [row])
    Terminal().line(json.dumps(row))


if __name__ == "__main__":
    main()
