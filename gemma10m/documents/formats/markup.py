"""HTML cut into text and tags in linear time, whatever it holds; nothing is left out but what a page does not show.

`html.parser` of Python 3.11 takes time that is quadratic in the number of comments that do not end, and raises
AssertionError for `<![x[`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple


class Token(NamedTuple):
    kind: Literal["text", "start", "end"]
    value: str  # the text, or the name of the element in lower case


# A quote counts only after "="; every repetition is possessive, so that no match goes back.
_TAG = re.compile(
    r"""<(/?)([a-zA-Z][^\s/>]*+)((?:=\s*+(?:"[^"]*+"|'[^']*+')|[^>=]++|=(?!\s*+["']))*+)>""",
)
_TAG_WITHOUT_QUOTES = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)([^>]*+)>")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "title")}
_PART = 1 << 16  # characters of text handed out at a time
_LONGEST_ENTITY = 40
_ENDS = (("<!--", "-->"), ("<![CDATA[", "]]>"))


def tokens(text: str) -> Iterator[Token]:
    """Tags that do not end are text; so is a `<` that begins nothing."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.tag = _TAG
        self.endless: set[str] = set()  # what has no end in the rest of the text, and is not looked for again

    def run(self) -> Iterator[Token]:
        while self.position < len(self.text):
            start = self.text.find("<", self.position)
            if start != self.position:
                yield from self._until(len(self.text) if start < 0 else start)
            elif self.text.startswith(("<!", "<?"), start):
                yield from self._declaration(start)
            else:
                yield from self._tag(start)

    def _declaration(self, start: int) -> Iterator[Token]:
        for opening, closing in _ENDS:
            if not self.text.startswith(opening, start) or closing in self.endless:
                continue
            inside = start + (2 if closing == "-->" else len(opening))  # `<!-->` is a whole comment
            end = self.text.find(closing, inside)
            if end >= 0:
                if closing == "]]>":
                    self.position = inside
                    yield from self._until(end, escaped=False)
                self.position = end + len(closing)
                return
            self.endless.add(closing)
        end = self.text.find(">", start)
        if end < 0:
            yield from self._until(len(self.text))
        else:
            self.position = end + 1

    def _tag(self, start: int) -> Iterator[Token]:
        name = self.text[start + 1 : start + 3].removeprefix("/")[:1]
        if not (name.isascii() and name.isalpha()):
            yield Token("text", "<")
            self.position = start + 1
            return
        match = self.tag.match(self.text, start)
        if match is None:  # a quote that does not end: from here on they do not count
            self.tag = _TAG_WITHOUT_QUOTES
            match = self.tag.match(self.text, start)
        if match is None:
            yield from self._until(len(self.text))
            return
        self.position = match.end()
        yield from self._element(match[2].lower(), closes=bool(match[1]), empty=match[3].endswith("/"))

    def _element(self, name: str, closes: bool, empty: bool) -> Iterator[Token]:
        if not closes:
            yield Token("start", name)
            if name in _RAW_END and not empty:
                end = _RAW_END[name].search(self.text, self.position)
                self.position = end.start() if end else len(self.text)
        if closes or empty:
            yield Token("end", name)

    def _until(self, end: int, escaped: bool = True) -> Iterator[Token]:
        """Text in parts, which are never cut inside an entity."""
        while self.position < end:
            part = min(end, self.position + _PART)
            if part < end:
                entity = self.text.rfind("&", max(self.position + 1, part - _LONGEST_ENTITY), part)
                part = entity if entity > 0 else part
            text = self.text[self.position : part]
            self.position = part
            yield Token("text", html.unescape(text) if escaped else text)
