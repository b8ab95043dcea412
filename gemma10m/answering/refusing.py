"""Decide between an answer and `not in the text` before the first word, where a model was trained to say the latter."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Refusing:
    """Refuse where the refusal is likelier than all answers together.

    The likeliest single word is a poor judge: an answer that can begin in many ways loses to a refusal that has one.
    """

    token: int  # the refusal's first
    bias: float = 0.0  # added to the odds' logarithm

    def margin(self, logits: Tensor) -> float:
        """Return the logarithm of the odds that the model refuses, without the bias; logits (V) of the first token."""
        others = logits.float().index_fill(0, self._places(logits), -torch.inf)
        return float(logits[self.token].float() - others.logsumexp(0))

    def decided(self, logits: Tensor) -> Tensor:
        """Return logits (V) that leave the refusal alone, or everything but the refusal."""
        if self.margin(logits) + self.bias <= 0:
            return logits.index_fill(0, self._places(logits), -torch.inf)
        return torch.full_like(logits, -torch.inf).index_fill(0, self._places(logits), 0.0)

    def _places(self, logits: Tensor) -> Tensor:
        return torch.tensor([self.token], device=logits.device)
