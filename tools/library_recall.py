"""Ask a library of manual pages for the right page: `python tools/library_recall.py [PAGES] [--results FILE]`.

Manual pages of this machine (Debian) are rendered as text and indexed together as `read-all` does; no model is loaded.
A hundred questions are the one-line descriptions of pages, without the words of the page's own name; others were
written by hand. Print how many have the right page first, and among the first three, and how long a search takes.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gemma10m.bench.rows import append_rows
from gemma10m.documents import open_source
from gemma10m.library.indexing import index_path
from gemma10m.library.listening import Notices
from gemma10m.library.states_index import MERGED_INDEX, ensure_states_index
from gemma10m.library.states_library import BEST, best_states
from gemma10m.passages.building import build_index
from gemma10m.passages.merging import MergedIndex, open_merged
from gemma10m.passages.words import telling

MANUAL = Path("/usr/share/man")
SECTIONS = [MANUAL / f"man{number}" for number in range(1, 9)]
QUESTIONS = 100
FEWEST = 3  # telling words of a description that can be asked for
OVERSTRUCK = re.compile(r".\x08")
NAME = re.compile(r"^NAME\n((?: .*\n)+)", re.MULTILINE)
BY_HAND = {
    "chmod.1": "How can everyone be allowed to execute a file?",
    "cp.1": "How do I duplicate a directory with everything inside it?",
    "crontab.5": "What do the five time fields of a scheduled job mean?",
    "cut.1": "How do I keep only some columns of each line?",
    "date.1": "How is the time printed in a format of one's own?",
    "df.1": "How much space is left on a file system?",
    "du.1": "Which command estimates how much room a directory takes?",
    "find.1": "How do I search a directory tree for files that are older than some days?",
    "grep.1": "How do I print the lines that do not match a pattern?",
    "kill.1": "How is a signal sent to a process?",
    "ln.1": "How do I make a symbolic link?",
    "mount.8": "How is a file system attached to the directory tree read-only?",
    "nice.1": "How do I start a program with a lower scheduling priority?",
    "passwd.1": "How does a user change the password?",
    "sed.1": "Which stream editor edits files in place?",
    "sort.1": "How do I order lines by a numeric key?",
    "split.1": "How is a file cut into pieces of equal size?",
    "tar.1": "How do I extract the members of an archive?",
    "uniq.1": "How do I count repeated adjacent lines?",
    "wc.1": "How do I count the words of a file?",
}


@dataclass(frozen=True)
class Asked:
    page: str
    question: str


def manual_pages(count: int) -> list[Path]:
    """Return pages, the same ones for the same packages: those asked about by hand, and others at random."""
    files = [path for section in SECTIONS for path in sorted(section.glob("*.gz")) if not path.is_symlink()]
    wanted = [path for path in files if path.stem in BY_HAND]
    others = [path for path in files if path.stem not in BY_HAND]
    return [*wanted, *random.Random(11).sample(others, min(len(others), 2 * count))]


def rendered(path: Path) -> str:
    with gzip.open(path) as file:
        source = file.read()
    if source.startswith(b".so "):  # another name of a page
        return ""
    command = ["groff", "-Kutf8", "-t", "-mandoc", "-Tutf8", "-P-cbou", "-rLL=78n", "-rHY=0"]
    done = subprocess.run(command, input=source, capture_output=True, check=False)
    return OVERSTRUCK.sub("", done.stdout.decode(errors="replace"))


def write_pages(folder: Path, count: int) -> dict[str, str]:
    """Write pages that say something of their own; return their descriptions."""
    found, texts = dict[str, str](), set[str]()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for path, text in zip(pages := manual_pages(count), threads.map(rendered, pages), strict=True):
            if len(found) == count:
                threads.shutdown(cancel_futures=True)
                break
            description = " ".join("".join(NAME.findall(text)[:1]).split())
            body = text.partition("\n")[2]
            if " - " not in description or body in texts:  # nothing, or a page under a second name
                continue
            texts.add(body)
            (folder / f"{path.stem}.txt").write_text(text, encoding="utf-8")
            found[path.stem] = description.partition(" - ")[2]
    return found


def questions(descriptions: dict[str, str]) -> list[Asked]:
    """Return descriptions that only one page has, without the words of its name."""
    once = [page for page, text in descriptions.items() if list(descriptions.values()).count(text) == 1]
    random.Random(12).shuffle(once)
    found = list[Asked]()
    for page in once:
        own = {word for word in re.split(r"[\W_]+", page.lower()) if word}
        words = [word for word in descriptions[page].split() if not own & set(re.split(r"[\W_]+", word.lower()))]
        if len(telling(" ".join(words))) >= FEWEST:
            found.append(Asked(page, " ".join(words)))
    return found[:QUESTIONS]


def index_pages(pages: Path, states: Path) -> None:
    """Index the pages as `read-all` does, each beside an empty file in the place of its state, then together."""
    for path in sorted(pages.iterdir()):
        state = states / f"{path.name}.state"
        state.touch()
        build_index(open_source(path), index_path(state))
    ensure_states_index(Notices(), states)


def ranked(index: MergedIndex, asked: list[Asked], misses: bool) -> dict[str, float]:
    first = among = 0
    started = time.monotonic()
    for each in asked:
        best = [name.removesuffix(".txt.state") for name in best_states(index, each.question)]
        first += best[:1] == [each.page]
        among += each.page in best
        if misses and each.page not in best:
            sys.stderr.write(f"{each.page}: {each.question} -> {' '.join(best)}\n")
    seconds = (time.monotonic() - started) / max(1, len(asked))
    return {"questions": len(asked), "first": first, f"first_{BEST}": among, "seconds_a_search": round(seconds, 4)}


def measure(count: int, misses: bool) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        pages, states = Path(folder, "pages"), Path(folder, "states")
        pages.mkdir()
        states.mkdir()
        descriptions = write_pages(pages, count)
        nbytes = sum(path.stat().st_size for path in pages.iterdir())
        started = time.monotonic()
        index_pages(pages, states)
        about = {"pages": len(descriptions), "text_bytes": nbytes, "seconds_to_index": time.monotonic() - started}
        by_hand = [Asked(page, question) for page, question in BY_HAND.items() if page in descriptions]
        with open_merged(states / MERGED_INDEX) as index:
            sets = {"descriptions": questions(descriptions), "by hand": by_hand}
            return [{"set": name, **about, **ranked(index, asked, misses)} for name, asked in sets.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=int, nargs="?", default=1000)
    parser.add_argument("--misses", action="store_true", help="Show the questions whose page is not found.")
    parser.add_argument("--results", type=Path)
    wanted = parser.parse_args()
    rows = measure(wanted.pages, wanted.misses)
    for row in rows:
        sys.stdout.write(f"{row}\n")
    if wanted.results:
        append_rows(wanted.results, "library", f"python tools/library_recall.py {wanted.pages}", rows)


if __name__ == "__main__":
    main()
