"""Rewrite what libxml2 reads in another way than browsers do, and cut a page into the parts that are parsed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from gemma10m.documents import limits

_CDATA, _CDATA_END = b"<![CDATA[", b"]]>"
_END_AS_BREAK = re.compile(rb"(?:<br\s*>)?</br\s*>", re.IGNORECASE)
_BREAK_LAST = re.compile(rb"<br\s*>\Z", re.IGNORECASE)
_END_FIRST = re.compile(rb"</br\s*>", re.IGNORECASE)
_SUBSET = re.compile(rb"(\s*(?:<\?xml[^>]{0,200}>\s*)?<!DOCTYPE[^\[>]{0,1000})\[[^\]]{0,100000}\]\s*>", re.IGNORECASE)
_ENTITY = re.compile(rb"""<!ENTITY\s+([A-Za-z_][\w.-]{0,99})\s+(?:"([^"<&%]{0,100})"|'([^'<&%]{0,100})')\s*>""")
_MOST_ENTITIES = 64
_MOST_REFERENCES = 1000  # to them in a block: a small page must not become a large text
_NEAR = 64  # bytes, of a line break's tag


def html_parts(blocks: Iterable[str]) -> Iterator[bytes]:
    """Yield the page as UTF-8 in parts of about `HTML_PART` bytes, each up to the end of a tag where it has one.

    The declarations of a document type are left out, and the entities that they declare as plain text are written.
    CDATA sections become text, and `</br>` becomes `<br>`.
    """
    for block in _without_sections(_with_breaks(_encoded(blocks))):
        start = 0
        while start < len(block):
            stop = start + limits.HTML_PART
            far = start + limits.HTML_BLOCK
            end = block.rfind(b">", start, stop) + 1 or block.find(b">", stop, far) + 1 or block.find(b" ", far) + 1
            end = end or len(block)
            yield block[start:end]
            start = end


def _encoded(blocks: Iterable[str]) -> Iterator[bytes]:
    """Cut no tag in two, unless it is longer than a block: then the cut is at a space in it."""
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    held: list[bytes] = []
    for text in blocks:
        block = newlines.decode(text).encode("utf-8", "replace")
        if end := block.rfind(b">") + 1 or max(block.rfind(b" "), block.rfind(b"\n")) + 1:
            yield b"".join([*held, block[:end]])
            held = [block[end:]]
        else:
            held.append(block)
    yield b"".join([*held, newlines.decode("", final=True).encode()])


def _with_breaks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    ends_in_break = False
    entities: dict[bytes, bytes] = {}
    for number, block in enumerate(blocks):
        if number == 0 and (subset := _SUBSET.match(block)):
            entities = _entities(subset[0])
            block = subset[1] + b">" + block[subset.end() :]
        block = _written(block, entities) if entities else block
        ended_in_break, ends_in_break = ends_in_break, bool(_BREAK_LAST.search(block[-_NEAR:]))
        if b"</br" in block or b"</BR" in block:
            if ended_in_break and (again := _END_FIRST.match(block)):
                block = block[again.end() :]
            block = _END_AS_BREAK.sub(b"<br>", block)
        yield block


def _entities(subset: bytes) -> dict[bytes, bytes]:
    """Return the first short texts that a document type gives names; the first one of a name counts."""
    found: dict[bytes, bytes] = {}
    for name, *text in islice(_ENTITY.findall(subset), _MOST_ENTITIES):
        found.setdefault(name, b"".join(text).replace(b'"', b"&quot;").replace(b"'", b"&#39;").replace(b">", b"&gt;"))
    return found


def _written(block: bytes, entities: dict[bytes, bytes]) -> bytes:
    """Return the block with the texts of entities instead of their names."""
    names = re.compile(b"&(" + b"|".join(map(re.escape, entities)) + b");")
    return names.sub(lambda found: entities[found[1]], block, count=_MOST_REFERENCES)


def _without_sections(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Turn CDATA sections into text; a section without an end is left unchanged."""
    held: list[bytes] = []  # of a section whose end has not come yet
    for block in blocks:
        before, *sections = block.split(_CDATA)
        done = [] if held else [before]
        if held:
            done += _section(held, before)
        for section in sections:
            done += held
            held[:] = [_CDATA]
            done += _section(held, section)
        yield b"".join(done)
    yield b"".join(held)


def _section(held: list[bytes], more: bytes) -> list[bytes]:
    """Return the open section as text and what is behind it; where it goes further, hold it and return nothing."""
    inside, end, after = more.partition(_CDATA_END)
    if not end:
        held.append(more)
        return []
    text = b"".join([*held[1:], inside])
    held.clear()
    return [text.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;"), after]
