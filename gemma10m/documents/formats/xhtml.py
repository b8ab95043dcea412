"""What libxml2 takes in another way than browsers do, written so that it does not matter."""

from __future__ import annotations

import html
import re

_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_END_AS_BREAK = re.compile(r"(?:<br\s*>)?</br\s*>", re.IGNORECASE)
_SUBSET = re.compile(r"(\s*(?:<\?xml[^>]{0,200}>\s*)?<!DOCTYPE[^\[>]{0,1000})\[[^\]]{0,100000}\]\s*>", re.IGNORECASE)


def as_html(text: str) -> str:
    """Without a document type's own declarations, with text for CDATA sections, with `<br>` for `</br>`."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "</br" in text or "</BR" in text:
        text = _END_AS_BREAK.sub("<br>", text)
    if subset := _SUBSET.match(text):
        text = f"{subset[1]}>{text[subset.end() :]}"
    first, *sections = text.split(_CDATA)
    parts = [first]
    for section in sections:
        inside, end, after = section.partition(_CDATA_END)
        parts += [html.escape(inside), after] if end else [_CDATA, section]
    return "".join(parts)
