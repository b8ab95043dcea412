"""PDF: its text page by page, read by a process of its own."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.formats import pdf_process
from gemma10m.documents.safe_open import BLOCK, UnreadableError
from gemma10m.documents.spool import TextWriter

_PROGRAM = Path(pdf_process.__file__)
_BLANK_PAGES = 0.25  # of all; so many are covers and separators
_WHY = {
    pdf_process.ENCRYPTED: "a PDF that only a password opens",
    pdf_process.BROKEN: "damaged: it begins as a PDF but is not",
    -signal.SIGPROF: f"a PDF with a page that takes more than {limits.PDF_SECONDS} s",
}


def write_pdf(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Raises `UnreadableError`, also for a PDF of pictures, and `DiskError`."""
    if find_spec("pypdfium2") is None:
        raise UnreadableError("a PDF, which needs pypdfium2", hint="pip install 'gemma10m[pdf]'")
    pages = _Pages(writer)
    with _process(content) as process:
        assert process.stdout is not None
        while block := process.stdout.read(BLOCK):
            budget.spend(len(block))
            pages.feed(block)
    if process.returncode:
        raise UnreadableError(_WHY.get(process.returncode, "a PDF that takes too much memory, or is damaged"))
    if writer.blank:
        raise UnreadableError(
            "a PDF without text: it seems to be a scan", hint="have its pages recognised first, for example by ocrmypdf"
        )
    if pages.blank > pages.number * _BLANK_PAGES:
        writer.notice = f"{pages.blank:,} of {pages.number:,} pages hold no text (scanned?)"


@contextmanager
def _process(content: Content) -> Iterator[subprocess.Popen[bytes]]:
    """It has ended when the block is left, whatever ends it."""
    # -P: its own folder holds modules with common names.
    command = [sys.executable, "-P", str(_PROGRAM), str(limits.PDF_MEMORY), str(limits.PDF_SECONDS)]
    with (
        _file(content) as file,
        subprocess.Popen(  # noqa: S603
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process,
    ):
        try:
            yield process
        except BaseException:
            process.kill()
            raise


@contextmanager
def _file(content: Content) -> Iterator[int]:
    """A descriptor of a file that holds the content and nothing else, at its beginning."""
    with content.descriptor() as descriptor:
        if content.start == 0 and content.nbytes is None:
            os.lseek(descriptor, 0, os.SEEK_SET)
            yield descriptor
            return
        whole = ContentFile(content, descriptor)
        with tempfile.TemporaryFile() as part:
            while block := whole.read(BLOCK):
                part.write(block)
            part.seek(0)
            yield part.fileno()


class _Pages:
    def __init__(self, writer: TextWriter) -> None:
        self._writer = writer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ended = self._page_blank = True
        self.number = self.blank = 0  # pages begun, and those of them without text so far

    def feed(self, block: bytes) -> None:
        """A form feed ends a page."""
        pages = self._decoder.decode(block).split("\f")
        for index, text in enumerate(pages):
            if self._ended and (text or index < len(pages) - 1):
                self._begin()
            self._write(text)
            self._ended = index < len(pages) - 1 or self._ended

    def _begin(self) -> None:
        if self.number:
            self._writer.write("\n\n")
        self.number += 1
        self.blank += 1
        self._page_blank = True
        self._writer.place(f"page {self.number}")
        self._ended = False

    def _write(self, text: str) -> None:
        if self._page_blank and text.strip():
            self.blank -= 1
            self._page_blank = False
        self._writer.write(text)
