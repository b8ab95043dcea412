"""Read a file once from end to end: its size, its hash and its encoding."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from gemma10m.documents.document import SourceFile
from gemma10m.documents.extraction import Text
from gemma10m.documents.file_stat import Stamp
from gemma10m.documents.safe_open import BLOCK, UnreadableError, block_digest, read_block
from gemma10m.documents.spool import Spool
from gemma10m.documents.text import EncodingDetector
from gemma10m.encodings import LOSSY


def _any(head: bytes) -> str:
    return ""


def inspect(shown: str, text: Text, stamp: Stamp | None, why_not: Callable[[bytes], str] = _any) -> SourceFile:
    """Read a file in constant memory. stamp: of the file, taken before it was opened.

    Raises `UnreadableError`, also where `why_not` gives a reason against a text that begins so.
    """
    content = text.content
    sha256, digests, nbytes = hashlib.sha256(), bytearray(), 0

    def following() -> bytes:
        left = BLOCK if content.nbytes is None else min(BLOCK, content.nbytes - nbytes)
        return read_block(descriptor, content.start + nbytes, left)

    with content.descriptor() as descriptor:
        block = following()
        if why := why_not(block):
            raise UnreadableError(why)
        detector = EncodingDetector(block)
        while block:
            nbytes += len(block)
            after = following() if len(block) == BLOCK else b""
            detector.feed(block, final=not after)
            sha256.update(block)
            digests += block_digest(block)
            block = after
    return SourceFile(
        path=shown,
        nbytes=nbytes,
        sha256=sha256.hexdigest(),
        encoding=detector.encoding,
        mark=len(detector.mark),
        digests=bytes(digests),
        open=content.open,
        start=content.start,
        places=text.places,
        stamp=stamp if isinstance(content.open, Spool) else None,  # what lies in a file itself is compared with it
        wrong=detector.wrong if detector.encoding == LOSSY else 0,
        nuls=detector.nuls,
    )
