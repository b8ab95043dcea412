"""Open every file of a folder, format by format: seconds, bytes, memory, and what is not read and why."""

from __future__ import annotations

import os
import re
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from gemma10m.documents import Document, open_source
from gemma10m.documents.archives.compressed import unpacked
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.detect import COMPRESSED, kind_of
from gemma10m.documents.extraction import kind_of_zip
from gemma10m.documents.formats.ole_file import kind_of_content
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError, open_regular
from gemma10m.errors import DocumentError, UsageError
from gemma10m.sanitise import sanitise

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # by number, not by what `sanitise` goes by


def measure_documents(source: Path) -> Iterator[dict[str, object]]:
    """Return a row for each format at or below `source`. Raises UsageError if there is no file.

    Each format has a process of its own, which imports nothing that reading a document does not need: its peak memory
    is what these files took. It is not spawned by this one, whose memory it would count as its own.
    """
    formats: dict[str, list[str]] = defaultdict(list)
    for path in _paths(source):
        formats[_format(path)].append(path)
    with ProcessPoolExecutor(1, get_context("forkserver"), max_tasks_per_child=1) as processes:
        for name, paths in sorted(formats.items()):
            row = processes.submit(_measure, paths).result()
            slowest = printable(os.path.relpath(str(row.pop("slowest")), source.parent))
            yield {"source": source.name, "format": name, "slowest_file": slowest, **row}


def _paths(source: Path) -> list[str]:
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names]
    paths = sorted(paths) or [str(source)] * os.path.isfile(source)
    if not paths:
        raise UsageError(f"{printable(str(source))} holds no file", hint="--source BOOK.pdf, or a folder of documents")
    return paths


def _format(path: str) -> str:
    """Name the format of what is in a file that is compressed, too: `pdf in gzip`."""
    content = Content(partial(open_regular, path, follow_links=False))
    try:
        kind = kind_of_content(content, path)
        if kind in COMPRESSED:
            head = next(unpacked(kind, content, Budget(content.size()), lambda notice: None), b"")
            return f"{kind_of(head, os.path.splitext(path)[0])} in {kind}"
        return kind_of_zip(Zip(content, Budget(content.size()))) if kind == "zip" else kind
    except UnreadableError:
        return "unreadable"


@dataclass
class _Tally:
    read: int = 0
    text_bytes: int = 0
    pages: int = 0
    controls: int = 0
    controls_shown: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, document: Document) -> None:
        self.read += 1
        self.text_bytes += document.nbytes
        self.pages += sum(label.startswith("page ") for file in document.files for _, label in file.places)
        self.skipped.update(_brief(each.reason) for each in document.skipped)
        for piece in document.pieces():
            self.controls += len(_CONTROLS.findall(piece.text))
            self.controls_shown += len(_CONTROLS.findall(sanitise(piece.text)))


def _measure(paths: list[str]) -> dict[str, object]:
    """Measure in a process of its own. Looking at the text after opening is not timed."""
    tally = _Tally()
    seconds, computing = dict.fromkeys(paths, 0.0), dict.fromkeys(paths, 0.0)
    for path in paths:
        started, computed = time.perf_counter(), _computed()
        document = _opened(path, tally.skipped)
        seconds[path], computing[path] = time.perf_counter() - started, _computed() - computed
        if document:
            tally.add(document)
    slowest = max(paths, key=lambda path: computing[path])
    return {
        "slowest": slowest,
        "slowest_seconds": seconds[slowest],
        "slowest_cpu_seconds": computing[slowest],
        "seconds": sum(seconds.values()),
        "cpu_seconds": sum(computing.values()),
        "files": len(paths),
        "read": tally.read,
        "disk_bytes": sum(os.lstat(path).st_size for path in paths),
        "text_bytes": tally.text_bytes,
        "pages": tally.pages,
        "skipped": dict(tally.skipped.most_common()),
        "control_characters": tally.controls,
        "control_characters_shown": tally.controls_shown,
        "peak_memory_bytes": _peak_memory(resource.RUSAGE_SELF) + _peak_memory(resource.RUSAGE_CHILDREN),
    }


def _opened(path: str, skipped: Counter[str]) -> Document | None:
    if os.path.islink(path):
        skipped["a link, not followed"] += 1  # what it leads to is measured where it is
        return None
    try:
        return open_source(path)
    except DocumentError as error:
        why = str(error.__cause__ or error).removeprefix(printable(path)).strip()
        skipped[_brief(why)] += 1
        return None


def _brief(reason: str) -> str:
    """Drop what belongs to one file only."""
    return reason.split(" (")[0]


def _computed() -> float:
    """Return processor seconds, those of the processes that read PDFs included, and of no other program."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak_memory(who: int) -> int:
    peak = resource.getrusage(who).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
