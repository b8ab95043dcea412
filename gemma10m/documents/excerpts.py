"""Sample parts of a document's text from all over it, for what can be told of the whole without reading it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from gemma10m.documents.document import Document
from gemma10m.encodings import LOSSY
from gemma10m.errors import DocumentError

_PARTS = 8
_PART = 1 << 13  # bytes


def sampled(document: Document) -> Iterator[tuple[str, int]]:
    """Yield texts and their sizes in bytes: from the start, the end and evenly between, or all of a short document.

    A file that has changed yields nothing: the error comes when it is read.
    """
    if document.nbytes <= _PARTS * _PART:
        starts = range(0, document.nbytes, _PART)
    else:
        starts = range(0, document.nbytes - _PART + 1, (document.nbytes - _PART) // (_PARTS - 1))
    ends = list(accumulate(file.nbytes for file in document.files))
    for start in starts:
        number = bisect_right(ends, start)
        file = document.files[number]
        first = start - (ends[number] - file.nbytes)
        first -= first % 4  # whole characters of UTF-16 and UTF-32
        try:
            part = file.cut(first, min(first + _PART, file.nbytes))
        except DocumentError:
            continue
        encoding = "utf-8" if file.encoding == LOSSY else file.encoding.removesuffix("-sig")
        yield part.decode(encoding, "ignore"), len(part)
