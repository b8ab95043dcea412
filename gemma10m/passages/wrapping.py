"""Find the line breaks where a line was only full: the sentence continues after them."""

from __future__ import annotations

import re

NARROWEST = 25  # characters of a line that was full: columns of a newspaper
WIDEST = 160  # longer lines were never wrapped
MUCH_SHORTER = 0.6
# Headings, list items, table rows, fences, `Key: value`.
_OWN_LINE = re.compile(
    r"\s*(?:#{1,6} |[-*+•–—] |[(\[]?(?:\d{1,3}|[A-Za-z])[.)\]] |[|>\[]|```|~~~|([=~_*-])\1{2,}|[A-Z][\w -]{0,24}: )"
)
_ROW = re.compile(r" \| |\S(?: {3,}|[ ]*\t)\S|\f")
_HYPHEN = re.compile("[^\\W\\d_][-\u00ad\u2010\u2011][ \\t]*$")
_ITEM = re.compile(r"\s*(?:[-*+•–—]|[(\[]?(?:\d{1,3}|[A-Za-z])[.)\]])\s+")  # the item's next lines begin below its text
_INDENTED_CODE = re.compile(r"(?:\t| {4}).*[{}=;()<>\\]")


def wrapped(text: str) -> list[bool]:
    """Tell for each newline if the line before it continues after it."""
    lines = ["", *text.split("\n"), ""]
    return [_goes_on(*lines[at - 1 : at + 3]) for at in range(1, len(lines) - 2)]


def _goes_on(before: str, line: str, following: str, after: str) -> bool:
    if _HYPHEN.search(line) and following.lstrip()[:1].islower():
        return True
    if not line.strip() or not following.strip() or not NARROWEST <= len(line) <= WIDEST:
        return False
    if _OWN_LINE.match(following) or any(map(_stands_alone, (line, following))) or _indent(following) > _margin(line):
        return False
    around = [len(each) for each in (before, following) if each.strip()]
    if len(line) < MUCH_SHORTER * min(around):
        return False
    return not all(map(_begins_anew, (each for each in (before, line, following, after) if each.strip())))


def _stands_alone(line: str) -> bool:
    return bool(_ROW.search(line.strip(" ")) or _INDENTED_CODE.match(line) or re.match(r"\s*#{1,6} ", line))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _margin(line: str) -> int:
    item = _ITEM.match(line)
    return item.end() if item else _indent(line)


def _begins_anew(line: str) -> bool:
    """Tell if the lines begin anew, as in verse, lists of names and logs, and rarely in prose."""
    first = next((character for character in line if character.isalnum()), "")
    return first.isupper() or first.isdigit()
