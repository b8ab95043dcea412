"""Write the slides of a presentation: a heading with the title, the text, and the speaker's notes."""

from __future__ import annotations

from dataclasses import dataclass, field

from gemma10m.documents.counts import counted
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_BLANK_SLIDES = 0.25  # of all; so many have nothing but a picture


@dataclass
class Slide:
    """Hold the text of one slide."""

    title: str = ""
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    is_hidden: bool = False  # in the show; programs list it, and it is read


class Slides:
    """Receive the slides in their order."""

    def __init__(self, writer: TextWriter) -> None:
        self._writer = writer
        self._number = self._blank = self._hidden = self._lost = 0
        self._damage = ""  # of the first slide that is lost
        self._has_text = False

    def write(self, slide: Slide) -> None:
        """Write a slide."""
        self._number += 1
        self._hidden += slide.is_hidden
        self._blank += not (slide.title or slide.lines)
        self._has_text |= bool(slide.title or slide.lines or slide.notes or slide.comments)
        self._writer.write("" if self._writer.blank else "\n")
        self._writer.place(f"slide {self._number}")
        self._writer.write(f"Slide {self._number}{f': {slide.title}' if slide.title else ''}\n")
        for heading, lines in (("", slide.lines), ("Notes\n", slide.notes), ("", slide.comments)):
            if lines:
                self._writer.write("\n" + heading + "".join(f"{line}\n" for line in lines))

    def lose(self, why: str) -> None:
        """Count a slide that cannot be read."""
        self._number += 1
        self._lost += 1
        self._damage = self._damage or why

    def tell(self, damage: str = "") -> None:
        """Note what is not read. Raises `UnreadableError` where there is no text. damage: of the list of slides."""
        if not self._has_text:
            raise UnreadableError(self._damage or damage or "a slide presentation without text")
        if self._lost:
            self._writer.note(f"{counted(self._lost, 'slide')} not read ({self._damage})")
        if self._hidden:
            self._writer.note(f"{counted(self._hidden, 'slide', ' that the show passes over')} read")
        if self._blank > self._number * _BLANK_SLIDES:
            self._writer.note(f"{self._blank:,} of {self._number:,} slides hold no text (pictures?)")
