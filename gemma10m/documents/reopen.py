"""Open a document again that was opened before, if its files are still what they were."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import partial

from gemma10m.documents.content import Content
from gemma10m.documents.detect import REFUSED
from gemma10m.documents.document import Document, Origin
from gemma10m.documents.formats.ole_file import kind_of_content
from gemma10m.documents.formats.plain_text import is_rewritten
from gemma10m.documents.names import printable
from gemma10m.documents.repository import Walk
from gemma10m.documents.safe_open import UnreadableError, open_regular
from gemma10m.documents.selection import Choice
from gemma10m.documents.source import STANDARD_INPUT, open_from
from gemma10m.documents.text import is_binary
from gemma10m.errors import DiskError, DocumentError

MORE = 10_000  # files beside the document's, at most, that are passed over


def open_again(origin: Origin, fingerprint: str, sizes: Mapping[str, int], skipped: Collection[str]) -> Document | None:
    """Open the document again; return None where it changed or cannot be opened.

    sizes: the size of each file's text. Names and sizes are compared first: files that differ in them are not read.
    """
    if not origin.names or STANDARD_INPUT in origin.names:
        return None
    try:
        if not all(_may_be(origin, name, sizes, skipped) for name in origin.names):
            return None
        document = open_from(origin.folder, origin)
    except (DocumentError, DiskError, UnreadableError, OSError, ValueError):
        return None
    return document if document.fingerprint == fingerprint else None


def _may_be(origin: Origin, name: str, sizes: Mapping[str, int], skipped: Collection[str]) -> bool:
    root = os.path.join(origin.folder, name)
    if not os.path.isdir(root):
        shown = printable(name)
        return may_hold(root, sizes[shown], follow_links=True) if shown in sizes else os.path.isfile(root)
    most = len(sizes) + len(skipped) + MORE
    walk = Walk(root, Choice.of(origin.include, origin.exclude, origin.everything), most).run()
    above = "" if len(origin.names) == 1 else printable(name.rstrip("/")) + "/"
    shown_and_real = ((above + printable(path), os.path.join(root, path)) for path in walk.files)
    return len(walk.files) + len(walk.skipped) <= most and all(
        may_hold(path, sizes[shown], follow_links=False) if shown in sizes else shown in skipped or not _read_as(path)
        for shown, path in shown_and_real
    )


def may_hold(path: str, nbytes: int, follow_links: bool) -> bool:
    """Return whether a text of this size can be the file's, or be extracted from it."""
    return os.stat(path).st_size == nbytes or _read_as(path, follow_links) not in ("", "text")


def _read_as(path: str, follow_links: bool = False) -> str:
    """Return its kind, or "" for a file that is passed over, such as those that a read leaves in the folder."""
    try:
        content = Content(partial(open_regular, path, follow_links=follow_links))
        head = content.head()
        kind = kind_of_content(content, path)
        if kind == "text" and is_rewritten(content):
            return "rewritten text"
    except UnreadableError:
        return ""
    return "" if kind in REFUSED or (kind == "text" and is_binary(head)) else kind
