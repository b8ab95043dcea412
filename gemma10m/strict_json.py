"""Parse JSON strictly, so that nothing odd gets in from hostile files, and write one text per value."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

_LONGEST_INTEGER = 20  # characters of -2**63


def strict_json(text: str) -> Any:
    """Return the value in `text`.

    Raises ValueError for duplicate keys, NaN, infinity, huge numbers and deep nesting.
    """
    try:
        return json.loads(
            text, parse_int=_integer, parse_float=_finite, parse_constant=_refuse, object_pairs_hook=_unique
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def canonical_json(value: object) -> str:
    """Return the one text a value has: no spaces, ASCII only, fields of dataclasses in their declared order."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=asdict)


def quote(value: object) -> str:
    """Quote a value from a file for a message: printable and short."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise ValueError(f"found a number of {len(digits):,} characters")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"found {quote(digits)}, which is beyond every finite number")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"found {constant}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"found the key {quote(key)} twice")
        values[key] = value
    return values
