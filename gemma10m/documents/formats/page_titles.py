"""Find the title of a page that has no heading of its own."""

from __future__ import annotations

import html
import re
from itertools import islice

_HEADING = re.compile(rb"<(?:\w{1,20}:)?h[1-6](?:\s[^<>]*)?>", re.IGNORECASE)
_INSIDE = re.compile(rb"<[^<>]*>")
_PICTURE = re.compile(rb"\salt\s?=\s?[\"'][^\"']")
_WORD = re.compile(r"\w+")
_TITLE = re.compile(r"<(?:\w{1,20}:)?title(?:\s[^<>]*)?>([^<]*)", re.IGNORECASE)
_SHOWN = re.compile(r"<(?:\w{1,20}:)?(?:body|svg)[\s>]", re.IGNORECASE)  # where a page's head has ended
_MOST_HEADINGS, _LONGEST_HEADING = 1000, 2000  # bytes, or characters of a title
_HEAD = 64 << 10  # characters of a page in which its title is looked for


def has_heading(page: bytes) -> bool:
    """Tell if a page has a heading that is not empty."""
    page = page.replace(b"\0", b"")  # of UTF-16
    for found in islice(_HEADING.finditer(page), _MOST_HEADINGS):
        inside = page[found.end() : found.end() + _LONGEST_HEADING].partition(b"</h")[0]
        if _INSIDE.sub(b"", inside).strip() or _PICTURE.search(inside):
            return True
    return False


def title_of(page: str) -> str:
    """Return the title in a page's head, or ""."""
    head = _SHOWN.split(page[:_HEAD], maxsplit=1)[0]
    found = _TITLE.search(head)
    return " ".join(html.unescape(found[1]).split())[:_LONGEST_HEADING] if found else ""


def begins_with(text: str, title: str) -> bool:
    """Tell if a text begins with the words of a title, in any case."""
    words = [word.casefold() for word in _WORD.findall(title)]
    return bool(words) and words == [found[0].casefold() for found in islice(_WORD.finditer(text), len(words))]
