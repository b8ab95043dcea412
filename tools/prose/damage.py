"""Packages and what is in them come from elsewhere: nothing in them is believed, and nothing grows without bound."""

from __future__ import annotations

LARGEST = 1 << 26  # bytes of a package, and of anything unpacked from one; the real ones stay under 5 MB


class DamagedError(Exception):
    """Say what is wrong with a file, in a few words."""


def check_size(size: int, what: str, largest: int = LARGEST) -> None:
    if not 0 <= size <= largest:
        raise DamagedError(f"{what} would have {size:,} bytes, more than the {largest:,} allowed")
