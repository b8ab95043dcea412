"""Read PDF page by page: a process of its own says what is drawn, and it is put in order here."""

from __future__ import annotations

import json
import re
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, BinaryIO

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.counts import counted, number_of
from gemma10m.documents.formats import pdf_process
from gemma10m.documents.formats.hyphens import Hyphens, whole_words
from gemma10m.documents.formats.own_process import own_process
from gemma10m.documents.formats.pdf_fragments import Fragment, Gap
from gemma10m.documents.formats.pdf_layout import Page, page_of
from gemma10m.documents.formats.running_heads import RunningHeads
from gemma10m.documents.formats.symbols import UNKNOWN, symbol
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_BLANK_PAGES = 0.25  # of all; so many are covers and separators
_MOST_FAILURES = 5  # pages that end the process
_PAGES_NAMED = 10
_LARGEST_PAGE = 4 << 20  # bytes of JSON
_MOST_WORDS = 500_000  # that are told apart
_NAMELESS = re.compile("[\ufffe\ue000-\uf8ff]")
_ENDS = (".", "!", "?", ":", ";", '"', "”", "’", ")")
_TOO_MUCH = "a PDF that takes too much memory, or is damaged"
_WHY = {
    pdf_process.ENCRYPTED: "a PDF that only a password opens",
    pdf_process.BROKEN: "damaged: it begins as a PDF, and is cut short or broken",
    -signal.SIGPROF: f"a PDF with a page that takes more than {limits.PDF_SECONDS} s",
}


def write_pdf(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a PDF. Raises `UnreadableError`, also for a PDF of pictures, and `DiskError`."""
    if find_spec("pypdfium2") is None:
        raise UnreadableError("a PDF, which needs pypdfium2", hint="pip install 'gemma10m[pdf]'")
    with tempfile.TemporaryFile() as kept:
        pages = _Pages(kept, budget)
        pages.read(content)
        pages.write(writer)
    if writer.blank:
        raise UnreadableError(
            "a PDF without text: it seems to be a scan", hint="have its pages recognised first, for example by ocrmypdf"
        )
    pages.tell(writer)


class _Pages:
    """Read the pages twice: words and lines that come again are known once all pages were seen."""

    def __init__(self, kept: BinaryIO, budget: Budget) -> None:
        self._kept, self._budget = kept, budget
        self._words: Counter[str] = Counter()
        self._heads = RunningHeads()
        self._number = self._blank = self._nameless = self._more = self._attached = self._xfa = self._outside = (
            self._hidden
        ) = 0
        self._lost: list[int] = []

    def read(self, content: Content) -> None:
        """Read the pages; one that ends the process is left out, and the next process begins after it."""
        failures, most, why = 0, 1, _WHY[pdf_process.BROKEN]
        while self._number < most:
            code, count = self._run(content)
            if code:
                why = _WHY.get(code, _TOO_MUCH)
                failures += 1
            if not count:
                raise UnreadableError(why)
            most = min(count, limits.PLACES)
            self._more = count - most
            left = most - self._number
            for _ in range(left if failures > _MOST_FAILURES else min(left, 1)):
                self._add(b"null")
        if self._number == len(self._lost):
            raise UnreadableError(why)
        self._kept.seek(0)

    def _run(self, content: Content) -> tuple[int, int]:
        """Return the process's exit code, and the number of pages it reports."""
        with own_process(pdf_process, content, limits.PDF_MEMORY, limits.PDF_SECONDS, self._number) as process:
            assert process.stdout is not None
            count, self._attached, self._xfa = map(int, process.stdout.readline(50).split() or (0, 0, 0))
            while self._number < min(count, limits.PLACES):
                line = process.stdout.readline(_LARGEST_PAGE)
                if not line.endswith(b"\n"):  # it ended in the middle of a page, or the page would not end
                    process.kill()
                    break
                self._add(line)
        return process.returncode, count

    def _add(self, line: bytes) -> None:
        self._number += 1
        found = json.loads(line)
        page, comments = Page(), []
        if found is None:
            self._lost.append(self._number)
        else:
            fragments, rules, boxes, comments, outside, hidden = found
            self._budget.spend(sum(len(each[-1]) for each in fragments + comments))
            page = self._page(fragments, rules, boxes)
            self._outside += outside
            self._hidden += hidden
        self._blank += not any(line.strip() for line in page.lines) and found is not None
        if len(self._words) < _MOST_WORDS:
            self._words.update(whole_words(page.lines))
        self._heads.add(self._number, page)
        self._kept.write(json.dumps([page.lines, page.has_head, page.has_foot, comments]).encode() + b"\n")

    def _page(self, fragments: list[list[Any]], *drawn: list[list[float]]) -> Page:
        return page_of([_fragment(each, self._named(each[-1])) for each in fragments], *drawn)

    def _named(self, text: str) -> str:
        return _NAMELESS.sub(self._name, text)

    def _name(self, found: re.Match[str]) -> str:
        sign = symbol(ord(found[0]), "") if found[0] != "\ufffe" else UNKNOWN
        self._nameless += sign == UNKNOWN
        return sign

    def write(self, writer: TextWriter) -> None:
        before = ""
        for number, text in enumerate(self._texts(), start=1):
            if number > 1:
                is_continued = before and not before.endswith(_ENDS) and text[:1].islower()
                writer.write("\n" if is_continued else "\n\n")
            writer.place(f"page {number}")
            writer.write(text)
            before = text[-1:]

    def _texts(self) -> Iterator[str]:
        """Yield the text of each page; a word that a page's end divides is where it begins."""
        hyphens, last, last_remarks = Hyphens(self._words), list[str](), list[str]()
        for number, line in enumerate(self._kept, start=1):
            kept, has_head, has_foot, comments = json.loads(line)
            page = self._heads.without(number, Page(tuple(kept), has_head, has_foot))
            lines = hyphens.joined(page.lines)
            remarks = [f"[comment by {author or 'somebody'}] {' '.join(text.split())}" for author, text in comments]
            if number > 1:
                last, lines = hyphens.across(last, lines)
                yield "\n".join([*last, *last_remarks])
            last, last_remarks = lines, remarks
        yield "\n".join([*last, *last_remarks])

    def tell(self, writer: TextWriter) -> None:
        if self._lost:
            named = ", ".join(str(number) for number in self._lost[:_PAGES_NAMED])
            more = f" and {len(self._lost) - _PAGES_NAMED:,} more" if len(self._lost) > _PAGES_NAMED else ""
            writer.note(f"page{'s' * (len(self._lost) > 1)} {named}{more} cannot be read: damaged, or too large")
        if self._attached:
            writer.note(f"{counted(self._attached, 'attached file')} not read")
        if self._xfa:
            writer.note("it is an XFA form, of which only what is drawn is read")
        if self._more:
            writer.note(f"its last {counted(self._more, 'page')} not read: it has too many")
        if self._nameless:
            why = "its font does not name it" if self._nameless == 1 else "their font does not name them"
            writer.note(f"{number_of(self._nameless, 'character')} cannot be known: {why}")
        if self._outside:
            writer.note(f"{counted(self._outside, 'character', ' outside of the pages')} not read")
        if self._hidden:
            writer.note(f"{counted(self._hidden, 'hidden character')} not read")
        if self._blank > self._number * _BLANK_PAGES:
            writer.note(f"{self._blank:,} of {self._number:,} pages hold no text (scanned?)")


def _fragment(each: list[Any], text: str) -> Fragment:
    return Fragment._make([*each[:-2], tuple(map(Gap._make, each[-2])), text])
