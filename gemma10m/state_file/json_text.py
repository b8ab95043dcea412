"""JSON with one text for a value on the way out, and nothing let through on the way in."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import isinf
from typing import Any


def canonical_json(value: object) -> str:
    """The one text a value has: no spaces, ASCII only, fields in their declared order."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=asdict)


def strict_json(text: str) -> Any:
    """Parse JSON. Raises ValueError for what `json` lets through: duplicate keys, NaN, nesting too deep to walk."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a key stands twice in one JSON object")
    return unique


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise ValueError("a number is too large")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
