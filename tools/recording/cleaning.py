"""Take out of a recording what differs between two runs of the same commands: the folder, times, speeds, memory."""

from __future__ import annotations

import re
from pathlib import Path

LEFT_OUT = "…"
_DURATION = r"(?:\d+[dhms]|\?)(?: \d\d[hms])?"
_AMOUNT = r"\d[\d.]*"
_VARYING = (
    (re.compile(rf"\b(tokens in ){_DURATION}"), rf"\1{LEFT_OUT}"),
    (re.compile(rf"{_DURATION} left\b"), f"{LEFT_OUT} left"),
    (re.compile(rf"{_AMOUNT}[KMG]? tok/s"), f"{LEFT_OUT} tok/s"),
    (re.compile(rf"{_AMOUNT} [KMGT]?B/s"), f"{LEFT_OUT} B/s"),
    (re.compile(rf"\bRAM {_AMOUNT} [KMGT]?B"), f"RAM {LEFT_OUT}"),
)


def cleaned(written: str, home: Path) -> str:
    """Return what was written with `~` in the place of the home folder and `…` in the place of measured amounts."""
    for name in sorted({str(home.resolve()), str(home)}, key=len, reverse=True):
        written = written.replace(name, "~")
    for pattern, instead in _VARYING:
        written = pattern.sub(instead, written)
    return written
