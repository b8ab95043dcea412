"""Files inside of text, in base64: their place is kept, and what they hold is not."""

from __future__ import annotations

import re

from gemma10m.documents.spool import TextWriter

MARK = "base64,"
_SHORT = 200  # characters, of what is not shortened
_LONG = re.compile(
    r"(data:[\w.+/-]{0,80}(?:;[\w.+=\"-]{0,80}){0,5};?base64,)\s?([A-Za-z0-9+/=_%-]{200,}+)", re.IGNORECASE
)


def shortened(text: str, writer: TextWriter) -> str:
    """Shorten long `data:` addresses to `data:image/png;base64,...`; the writer notes how much was left out."""
    if len(text) < _SHORT or MARK not in text:
        return text
    short, number = _LONG.subn(r"\1...", text)
    if number:
        writer.note(f"data: addresses are shortened: {len(text) - len(short):,} characters of base64 left out")
    return short
