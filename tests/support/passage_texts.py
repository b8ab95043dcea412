"""Texts that are cut into passages and indexed."""

from __future__ import annotations

from pathlib import Path

from gemma10m.documents import Document, open_source

FILLER = "The quick brown fox jumps over the lazy dog, and nobody minds.  It was a day like any other.\n\n" * 60


def written(path: Path, text: str, encoding: str = "utf-8") -> Document:
    path.write_bytes(text.encode(encoding))
    return open_source(path)


WRAPPED = """\
Sir Walter Elliot, of Kellynch Hall, was a man who never took up any book
but the Baronetage; there he found occupation for an idle hour, and
consolation in a distressed one; there his faculties were roused into
admiration, by contemplating the limited remnant of the earliest patents;
and there, if every other leaf were powerless, he could read his own
history with an interest which never failed.  This was the page at which
the favourite volume always opened.

The house stood by the river, and nobody had lived in it for as long as
anybody in the village could remember.

"""
