"""Say how a model answers from passages, which neither a checkpoint nor PEFT's files do. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AboutAnswers:
    """Say how a model answers from passages, and for an adapter what it was trained on."""

    base: str = ""  # fingerprint of the weights that this is about; "" if nobody noted it
    reads_passages: bool = False  # answers from passages alone, and with `not in the text` where they do not say it
    refusal_bias: float = 0.0  # added to the logarithm of the odds of `not in the text`
    strict_bias: float = 0.0  # the same in strict mode
    data: str = ""  # what it was trained on, with the licences
    passages: int = 0  # how many it is shown at most; 0: as many as fit


NOTHING_KNOWN = AboutAnswers()
