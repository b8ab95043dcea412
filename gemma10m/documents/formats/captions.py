"""Take times and lines out of captions that are counted, sung, or markup: MicroDVD, MPL2, LRC, SAMI, TTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from gemma10m.documents.formats.xml_events import Attributes, parse_to_damage
from gemma10m.documents.spool import TextWriter

Cue = tuple[str, list[str]]  # when it is shown or sung, and its lines

_FRAMES = re.compile(r"\s*\{(\d{1,9})\}\{(\d{0,9})\}(.*)")
_TENTHS = re.compile(r"\s*\[(\d{1,9})\]\[\d{0,9}\](.*)")
_USUAL_RATE = 23.976  # frames in a second
_CODES = re.compile(r"\{[A-Za-z]:[^{}]*\}")  # colour, font
_RATE = re.compile(r"\d{1,9}(?:\.\d{1,3})?")
_SUNG = re.compile(r"\s*((?:\[\d{1,3}:\d\d(?:[.:]\d{1,3})?\]\s*)+)(.*)")
_SUNG_AT = re.compile(r"\[(\d+:\d\d)[.:]?(\d*)\]")
_WORD_AT = re.compile(r"<\d{1,3}:\d\d(?:[.:]\d{1,3})?>")
_SYNC = re.compile(r"""<sync\s[^<>]*?start\s*=\s*["']?(\d{1,9})[^<>]*>""", re.IGNORECASE)
_LINE = re.compile(r"<br\s*/?>|<p(?:\s[^<>]*)?>", re.IGNORECASE)
_MARKUP = re.compile(r"<[^<>]*>")
_BREAKS = str.maketrans("\n\r", " \n")  # a CR stands for an element that breaks the line
_DECLARATION = re.compile(r"\s*<\?xml[^<>]*\?>")
_CLOCK = re.compile(r"\d{1,3}:\d\d:\d\d(?:\.\d{1,9})?")  # frames may follow
_OFFSET = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_SECONDS_IN = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / 30, "t": 1.0}
_RATES = {"frameRate": "f", "tickRate": "t"}


def by_frame(text: str) -> Iterator[Cue]:
    """Yield the lines of MicroDVD, whose first may say how many frames a second has."""
    rate = _USUAL_RATE
    for line in text.splitlines():
        if not (found := _FRAMES.fullmatch(line)):
            continue
        first, last, said = found.groups()
        if first == last and _RATE.fullmatch(said.strip()):
            rate = float(said) or rate
        else:
            yield _clock(int(first) / rate), _CODES.sub("", said).split("|")


def by_tenth(text: str) -> Iterator[Cue]:
    """Yield the lines of MPL2, whose times are tenths of a second; a slash sets a line in italics."""
    for line in text.splitlines():
        if found := _TENTHS.fullmatch(line):
            yield _clock(int(found[1]) / 10), [each.strip().removeprefix("/") for each in found[2].split("|")]


def sung(text: str) -> Iterator[Cue]:
    """Yield the lines of LRC, each as often as it is sung."""
    for line in text.splitlines():
        if found := _SUNG.fullmatch(line):
            for clock, part in _SUNG_AT.findall(found[1]):
                yield f"{clock}.{part}", [_WORD_AT.sub("", found[2])]


def synchronised(text: str) -> Iterator[Cue]:
    """Yield the lines of SAMI."""
    _, *parts = _SYNC.split(text)
    for start, markup in zip(parts[::2], parts[1::2], strict=True):
        yield _clock(int(start) / 1000), [html.unescape(_MARKUP.sub("", line)) for line in _LINE.split(markup)]


class TimedText:
    """Hold the paragraphs of TTML."""

    def __init__(self) -> None:
        self._cues: list[Cue] = []
        self._units = dict(_SECONDS_IN)
        self._is_open = False

    def read(self, text: str, writer: TextWriter) -> list[Cue]:
        """Return the paragraphs, up to damage. Raises `UnreadableError` where the damage is before the first."""
        whole = _DECLARATION.sub("", text, count=1).encode("utf-8", "replace")
        parse_to_damage([whole], self._start, self._end, self._text, lambda: not self._cues, writer.note)
        return [(clock, "".join(parts).split("\n")) for clock, parts in self._cues]

    def _start(self, tag: str, given: Attributes) -> None:
        if tag == "tt":
            rates = {unit: given[name] for name, unit in _RATES.items() if _RATE.fullmatch(given.get(name, ""))}
            self._units |= {unit: 1 / (float(rate) or 1) for unit, rate in rates.items()}
        elif tag == "p":
            self._is_open = True
            self._cues.append((self._begin(given.get("begin", "")), []))
        elif tag == "br":
            self._text("\r")

    def _end(self, tag: str) -> None:
        self._is_open = self._is_open and tag != "p"

    def _text(self, text: str) -> None:
        if self._is_open:
            self._cues[-1][1].append(text.translate(_BREAKS))

    def _begin(self, time: str) -> str:
        """Return when a paragraph is shown; one that does not say it follows the one before."""
        if clock := _CLOCK.match(time):
            return clock[0]
        if offset := _OFFSET.fullmatch(time):
            return _clock(float(offset[1]) * self._units[offset[2]])
        return self._cues[-1][0] if self._cues else _clock(0)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{int(1000 * (seconds - whole)):03}"
