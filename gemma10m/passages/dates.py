"""Write dates in one way, so that they are compared whatever way a text writes them in: 3 May 1899."""

from __future__ import annotations

import re

_MONTHS = "January February March April May June July August September October November December".split()
_SHORT = {"Sept": 8, **{month[:3]: at for at, month in enumerate(_MONTHS)}}
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)}|(?:{'|'.join(_SHORT)})\b\.?)"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_END = r"(?![\w/-]|[.,:]\d)"
_DATES = (
    re.compile(rf"\b{_MONTH} {_DAY}(?:,? {_YEAR}{_END}|(?=[^\w\s,:/-]|,? ?$))"),
    re.compile(rf"(?<![\w.,:/-]){_DAY} (?:of )?{_MONTH}(?:,? {_YEAR}{_END})?(?!\w)"),
    re.compile(rf"\b{_MONTH}(?P<day>),? {_YEAR}{_END}"),
    re.compile(rf"(?<![\w.,:/-]){_YEAR}-(?P<number>0[1-9]|1[0-2])-{_DAY}{_END}"),
)


def with_plain_dates(text: str) -> str:
    """Write each date of a folded text as day, month and year, as far as it has them: June 1st, 1785 as 1 June 1785."""
    for pattern in _DATES:
        text = pattern.sub(_plain, text)
    return text


def _plain(match: re.Match[str]) -> str:
    named = match.groupdict()
    month = named.get("month")
    at = int(named["number"]) - 1 if month is None else _SHORT.get(month.rstrip("."), -1)
    return " ".join(filter(None, (named["day"].lstrip("0"), _MONTHS[at] if at >= 0 else month, named["year"])))
