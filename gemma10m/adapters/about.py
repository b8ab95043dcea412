"""Say what PEFT's files do not: what an adapter was trained on, and how it refuses. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AboutAdapter:
    """Say what PEFT's files do not."""

    base: str = ""  # fingerprint of the weights it was trained on; "" if nobody noted it
    reads_passages: bool = False  # trained to answer from passages, and with `not in the text` where they do not say it
    refusal_bias: float = 0.0  # added to the logarithm of the odds of `not in the text`
    strict_bias: float = 0.0  # the same in strict mode
    data: str = ""  # what it was trained on, with the licences
    passages: int = 0  # how many it was trained to see at most, and is shown; 0: as many as fit


NOTHING_KNOWN = AboutAdapter()
