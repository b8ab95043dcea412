"""Info manuals of GNU programs: nodes are places. A NUL stands before each picture, as in no other text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter
from gemma10m.documents.text import wrong_bytes

_SEPARATOR = "\x1f"
_NODE = re.compile(r"\s*File: [^\n]*?\bNode: ([^\n,\x7f]+)")
_TABLES = ("Tag Table:", "End Tag Table", "Indirect:", "Local Variables:")  # for programs
_MARK = "\0\b"  # around "[index]" and "[image src=...]"


def write_info(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of an Info manual. Raises `UnreadableError` and `DiskError`."""
    wrong = 0
    for node in _nodes(content):
        if node.lstrip().startswith(_TABLES):
            continue
        if found := _NODE.match(node):
            writer.place(f"node {found[1]}")
        wrong += node.count("\ufffd")
        writer.write(node.lstrip("\n").replace(f"{_MARK}[index{_MARK}]", "").replace(_MARK, ""))
    if wrong:
        writer.note(wrong_bytes(wrong, "UTF-8"))


def _nodes(content: Content) -> Iterator[str]:
    decoder, node = codecs.getincrementaldecoder("utf-8")("replace"), ""
    for block in content.blocks():
        *ended, node = (node + decoder.decode(block)).split(_SEPARATOR)
        yield from ended
        if len(node) > limits.LARGEST_WHOLE:
            raise UnreadableError(f"an Info manual with a node of more than {limits.LARGEST_WHOLE >> 20} MiB")
    yield node + decoder.decode(b"", True)
