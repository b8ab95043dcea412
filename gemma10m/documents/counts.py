"""Write numbers of things in notices: `1 page is`, `1,024 pages are`."""

from __future__ import annotations


def number_of(number: int, noun: str) -> str:
    """Return the number with its noun: `1 page`, `3 pages`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def counted(number: int, noun: str, of: str = "") -> str:
    """Return the number with its noun and verb; `of` comes between the two: `3 signs of a font are`."""
    return f"{number_of(number, noun)}{of} {'is' if number == 1 else 'are'}"
