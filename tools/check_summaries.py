"""Count what is wrong with summaries: sentences that occur twice, loops, length, lines of an outline from elsewhere.

    python tools/check_summaries.py SOURCE... --model MODEL [--ways sections outline] [--words 200] [--results FILE]

Each way of each source is one run of the command, and one row.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from gemma10m.bench.rows import append_rows
from gemma10m.documents import Document, open_source
from gemma10m.documents.paragraphs import paragraphs
from gemma10m.passages.comparable import read_terms
from gemma10m.passages.cutting import NUMERAL, sentences
from gemma10m.passages.folding import fold
from gemma10m.passages.matching import content
from gemma10m.terminal import Terminal

MOST = 2 / 3  # of a line's content words: as many in the section, and the line is the section's
LOOP = 4  # words: as many in a row, three times in one text, with no list in it, are a loop
ABOUT = "This text above file chapter section passage story book is about and says mentions describes discusses."
Row = dict[str, object]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", fold(text).casefold())


def repeated(text: str) -> int:
    """Count the sentences that occurred before, but for case, spaces, end marks and the number of a list's item."""
    cut = [text[first:last] for first, last in sentences(text, by_line=True)]
    keys = Counter(tuple(words(NUMERAL.sub("", each, 1))) for each in cut)
    return sum(count - 1 for key, count in keys.items() if key)


def loops(text: str) -> bool:
    """Tell if the same words come three times in a row."""
    said = words(text)
    return any(
        said[at : at + size] == said[at + size : at + 2 * size] == said[at + 2 * size : at + 3 * size]
        for size in range(LOOP, len(said) // 3 + 1)
        for at in range(len(said) - 3 * size + 1)
    )


def share(line: str, text: str) -> float:
    """Return the share of the line's content words, names and numbers that the text has."""
    said, there, about = (content(terms) for terms in read_terms([line, text, ABOUT]))
    keys = {term.key for term in there}
    left = {term.key for term in said} - {term.key for term in about}
    return len(left & keys) / len(left) if left else 0.0


def section_texts(document: Document, starts: list[tuple[str, int]]) -> list[str]:
    """Return the text from each start, (path, offset), to the next one in the same file."""
    found, at = [""] * len(starts), -1
    for file in document.files:
        for paragraph in paragraphs(file):
            here = (paragraph.path, paragraph.offset)
            at = starts.index(here) if here in starts else at
            if at >= 0:
                found[at] += paragraph.text
    return found


def summarized(source: str, way: str, wanted: argparse.Namespace) -> Row:
    """Run the command and return its row."""
    options = ["--outline"] if way == "outline" else ["--by", way]
    command = ["-m", "gemma10m", "summarize", source, "--model", wanted.model, "--json", "--words", str(wanted.words)]
    started = time.monotonic()
    limit = ["--max-new-tokens", str(wanted.max_new_tokens)]
    run = subprocess.run([sys.executable, *command, *options, *limit], stdout=subprocess.PIPE, text=True, check=True)
    row: Row = {"source": Path(source).name, "way": way, "seconds": round(time.monotonic() - started)}
    records = [json.loads(line) for line in run.stdout.splitlines()]
    if wanted.show:
        Terminal().line(run.stdout)
    if way == "outline":
        return row | of_outline(source, [each for each in records if each["summary"] is not None])
    text = records[-1]["summary"]
    return row | {
        "repeated": repeated(text),
        "loops": int(loops(text)),
        "asked": wanted.words,
        "words": len(text.split()),
    }


def of_outline(source: str, records: list[dict[str, Any]]) -> Row:
    document, sections = open_source(source), [each["section"] for each in records]
    shown = {str(Path(source, file.path) if document.headed else source): file.path for file in document.files}
    starts = [(shown[each["path"]], int(each["offset"])) for each in sections]
    lines = [str(each["summary"]) for each in records]
    shares = [share(line, text) for line, text in zip(lines, section_texts(document, starts), strict=True)]
    return {
        "repeated": repeated("\n".join(lines)),
        "loops": sum(map(loops, lines)),
        "lines": len(lines),
        "lines_of_section": sum(each >= MOST for each in shares),
        "extracts": sum(bool(each.get("extract")) for each in records),
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("sources", nargs="+")
    options.add_argument("--model", required=True)
    options.add_argument("--ways", nargs="+", default=["state", "sections", "refine", "outline"])
    options.add_argument("--words", type=int, default=200)
    options.add_argument("--max-new-tokens", type=int, default=1024)
    options.add_argument("--results", type=Path)
    options.add_argument("--show", action="store_true")
    wanted = options.parse_args()
    for source in wanted.sources:
        for way in wanted.ways:
            row = {"model": Path(wanted.model).name, **summarized(source, way, wanted)}
            Terminal().line(json.dumps(row))
            if wanted.results:
                command = f"python tools/check_summaries.py {row['source']} --model {row['model']} --ways {way}"
                append_rows(wanted.results, "summaries", f"{command} --words {wanted.words}", [row])


if __name__ == "__main__":
    main()
