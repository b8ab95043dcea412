"""Run a program of this package that reads a document on standard input, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.safe_open import BLOCK


@contextmanager
def own_process(program: ModuleType, content: Content, *given: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start the process; it has ended when the block is left, whatever ends it."""
    # -P: its own folder holds modules with common names.
    with (
        _file(content) as file,
        subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", str(program.__file__), *map(str, given)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        try:
            yield process
        except BaseException:
            process.kill()
            raise


@contextmanager
def _file(content: Content) -> Iterator[int]:
    """Open a file that holds the content and nothing else; return its descriptor, at the start."""
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
