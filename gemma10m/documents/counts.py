"""Write numbers of things in notices: `1 page is`, `1,024 pages are`."""

from __future__ import annotations


def counted(number: int, noun: str, of: str = "") -> str:
    """Return the number with its noun and verb; `of` comes between the two: `3 signs of a font are`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}{of} {'is' if number == 1 else 'are'}"
