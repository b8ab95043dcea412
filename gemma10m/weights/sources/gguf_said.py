"""Read one architecture's metadata in a GGUF file, and collect what is wrong with it."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from gemma10m.models.config_reader import MOST_LAYERS
from gemma10m.strict_json import quote

LARGEST_COUNT = 2**31 - 1


class Said:
    """Read one architecture's metadata and collect what is wrong with it."""

    def __init__(self, metadata: Mapping[str, Any], architecture: str) -> None:
        self.problems: list[str] = []
        self._metadata = metadata
        self._prefix = architecture + "."

    def any(self, key: str) -> Any:
        return self._metadata.get(self._prefix + key)

    def keys(self, start: str) -> Iterator[str]:
        return (key for key in self._metadata if key.startswith(self._prefix + start))

    def count(self, key: str, default: int | None = None) -> int:
        found = self.any(key)
        if found is None and default is not None:
            return default
        if type(found) is int and 1 <= found <= LARGEST_COUNT:
            return found
        self.complain(key, found, "a whole number above 0")
        return 1

    def whole(self, key: str) -> int:
        """Read a whole number that may be 0, which it is where the file does not say."""
        found = self.any(key)
        return 0 if found in (None, 0) and found is not False else self.count(key)

    def counts(self, key: str, layers: int) -> list[int]:
        """Read a whole number for each layer, or one for all."""
        found = self.any(key)
        if not isinstance(found, list):
            return [self.count(key)] * min(layers, MOST_LAYERS)
        if len(found) == layers and all(type(each) is int and 1 <= each <= LARGEST_COUNT for each in found):
            return found
        self.complain(key, found, f"a whole number above 0 for each of {layers:,} layers")
        return [1] * min(layers, MOST_LAYERS)

    def number(self, key: str, default: float | None = None) -> float:
        found = self.any(key)
        if found is None and default is not None:
            return default
        if type(found) in (int, float) and math.isfinite(found) and found > 0:
            return shortest(found)
        self.complain(key, found, "a number above 0")
        return 1.0

    def differs(self, key: str, other: str) -> None:
        self.problems.append(f"{self._prefix}{key} differs from {other.rpartition('.')[2]}, which is not read")

    def complain(self, key: str, found: object, expected: str) -> None:
        problem = "is missing" if found is None else f"is {quote(found)}"
        self.problems.append(f"{self._prefix}{key} {problem}, {expected} expected")


def shortest(value: float) -> float:
    """Return the shortest decimal that rounds to the same float32: GGUF's 9.999999974752427e-07 is 1e-06."""
    if not abs(value) < 3e38:
        return float(value)
    single = struct.pack("f", value)
    texts = (f"{value:.{digits}g}" for digits in range(1, 10))
    return next((float(text) for text in texts if struct.pack("f", float(text)) == single), float(value))
