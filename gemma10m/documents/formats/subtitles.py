"""Read the spoken lines of subtitles and captions, with times as places."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.captions import Cue, TimedText, by_frame, by_tenth, sung, synchronised
from gemma10m.documents.formats.plain_text import whole_text
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_CLOCK, _PART = r"(?:\d{1,3}:)?\d{1,2}:\d{2}", r"[.,]\d{1,3}"
_TIMES = re.compile(rf"\s*({_CLOCK}(?:{_PART})?)\s*(?:-->\s*{_CLOCK}(?:{_PART})?|,\s*{_CLOCK}{_PART})(?:\s.*)?")
_SECONDS = re.compile(r"\d+(?:[.,]\d+)?")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_READING = re.compile(r"<rt[\s.>].*?(?:</rt>|(?=</ruby>)|$)")  # of ruby; HTML drops it, too
_TAG = re.compile(
    r"</?(?:b|i|u|s|c|v|em|strong|strike|span|font|lang|ruby|rt|small|big|center|p|div|a)(?:[\s.][^<>]*)?>"
    r"|<(?:\d+:)?\d\d:\d\d\.\d{3}>|\{\\[^{}]*\}",
    re.IGNORECASE,
)
_TIMED_TEXT = re.compile(r"\s*<(?=[?!]|(?:\w{1,20}:)?tt\s)")
_BREAK = re.compile(r"<br\s*/?>|(?-i:\\N)", re.IGNORECASE)
_DRAWING = re.compile(r"\{(?=[^{}]*\\p[1-9])[^{}]*\}.*?(?=\{[^{}]*\\p[0\\}]|$)")
_BLOCK = re.compile(r"\{[^{}]*\}")  # of SubStation Alpha: settings, and notes of who translated
_NOT_SAID = ("WEBVTT", "NOTE", "STYLE", "REGION")
_TEXT_FIELDS = 9  # before the text, in a line of SubStation Alpha


def write_subtitles(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the spoken lines. Raises `UnreadableError` and `DiskError`."""
    text = whole_text(content, "a file of subtitles", writer)
    rolls = "<c>" in text  # what was said scrolls on, so that each line stands in two or three cues
    last = ""
    for clock, said in _in_time(_spoken(text, writer)):
        lines = [html.unescape(line) for each in said if (line := _shown(each))]
        new = [line for line in lines if not rolls or line != last]
        if new:
            hours = clock if clock.count(":") == 2 else f"00:{clock}"
            writer.place(f"time {hours.zfill(8)}")
            writer.write("\n".join(new) + "\n")
            last = new[-1]
    if writer.blank:
        raise UnreadableError("a file of subtitles without text")


def _spoken(text: str, writer: TextWriter) -> Iterable[Cue]:
    """Return each time and its lines. Raises `UnreadableError`."""
    if "[Script Info]" in text:
        return _dialogue(text)
    if _TIMED_TEXT.match(text):
        return TimedText().read(text, writer)
    for read in (_cues, by_frame, by_tenth, sung, synchronised):
        cues = list(read(text))
        if any(said for _, said in cues):
            return cues
    return []


def _shown(line: str) -> str:
    return " ".join(_TAG.sub("", _VOICE.sub(r"\1: ", _READING.sub("", _BREAK.sub(" ", line)))).split())


def _cues(text: str) -> Iterator[Cue]:
    """Yield each time and the lines that follow it, up to the next one's number or name."""
    clock, said, is_said, before = "", list[str](), False, ""
    for line in text.splitlines():
        if times := _TIMES.fullmatch(line):
            if said and (said[-1].strip().isdecimal() or (len(said) > 1 and not said[-2].strip())):
                said.pop()  # the number or the name of the cue that begins
            yield clock, said
            clock, said, is_said = times[1], [], True
        elif line.startswith(_NOT_SAID) and not before.strip():
            is_said = False
        elif not is_said and not line.strip():
            is_said = bool(clock)
        elif is_said and (line.strip() or said):
            said += line.split("[br]")
        before = line
    yield clock, said


def _dialogue(text: str) -> Iterator[Cue]:
    """Yield the lines of SubStation Alpha, whose fields have an order that a line of its own may change."""
    start, last = 1, _TEXT_FIELDS
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "Format" and "Text" in rest:
            names = [name.strip() for name in rest.split(",")]
            start, last = names.index("Start") if "Start" in names else 1, len(names) - 1
        fields = rest.strip().split(",", last)
        if kind == "Dialogue" and len(fields) == last + 1:
            said = _BLOCK.sub("", _DRAWING.sub(" ", fields[last])).replace("\\h", " ").replace("\\n", "\\N")
            yield fields[start].strip(), said.split("\\N")


def _in_time(lines: Iterable[Cue]) -> list[Cue]:
    """Return the lines in the order in which they are shown; a file may hold them in another."""
    timed = sorted(lines, key=lambda line: _seconds(line[0]))
    return [(re.split("[.,]", clock)[0], said) for clock, said in timed]


def _seconds(clock: str) -> float:
    total = 0.0
    for number in _SECONDS.findall(clock):
        total = 60 * total + float(number.replace(",", "."))
    return total
