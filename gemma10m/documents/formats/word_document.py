"""Hold what the parts of one Word document share while they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.docx_numbers import Numbers
from gemma10m.documents.formats.docx_styles import Styles


@dataclass
class WordDocument:
    """Hold the state that all parts of a document share."""

    styles: Styles
    numbers: Numbers = field(default_factory=lambda: Numbers(Budget(0)))
    notes: dict[tuple[str, str], int] = field(default_factory=dict)  # kind and id: the number it is given
    left_out: Counter[str] = field(default_factory=Counter)  # characters, by the reason
    dropped: dict[tuple[str, str], str] = field(default_factory=dict)  # notes of text that is left out: the reason
    symbols: int = 0  # that are not known
    objects: int = 0  # of other programs
    drawn: Callable[[str], list[str]] = lambda name: []  # returns the lines of the chart or diagram that has this id
    chunk: Callable[[str], None] = lambda name: None  # reads the part of another format that has this id
