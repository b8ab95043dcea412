"""JSON from hostile files: duplicate keys, NaN, infinity, huge numbers and deep nesting are errors of our own."""

from __future__ import annotations

import json
import math

from gemma10m.errors import ModelError

_HINT = "the file is damaged: restore it or download it again"
_LONGEST_INTEGER = 20  # characters of -2**63


def parse_json(data: bytes, source: object) -> object:
    """The value in `data`; `source` names the file in the ModelError that anything else raises."""
    try:
        value: object = json.loads(
            data.decode("utf-8"),
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_refuse,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        raise ModelError(f"{source} is not valid JSON: it is nested too deeply", _HINT) from None
    except ValueError as error:
        raise ModelError(f"{source} is not valid JSON: {error}", _HINT) from None
    return value


def quote(value: object) -> str:
    """A value from a file as it may stand in a message: printable and short."""
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
