"""Hold the mixer of each layer to what the teacher's mixer of that layer gives: a signal for every token and layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

import torch
from torch import Tensor, nn

from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder


class Mixed:
    """Collect what each layer's mixer gives while a model reads; nothing for no model."""

    def __init__(self, model: Decoder | None) -> None:
        self._mixers = model.mixers if model else ()
        self._found: list[list[Tensor]] = [[] for _ in self._mixers]

    def __enter__(self) -> Mixed:
        self._hooks = [mixer.register_forward_hook(self._keep(layer)) for layer, mixer in enumerate(self._mixers)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()

    def _keep(self, layer: int) -> Callable[[nn.Module, object, tuple[Tensor, object]], None]:
        def keep(_: nn.Module, __: object, output: tuple[Tensor, object]) -> None:
            self._found[layer].append(output[0])

        return keep

    def outputs(self) -> list[Tensor]:
        """Return (B, S, D) for each layer."""
        return [torch.cat(parts, dim=1) for parts in self._found]


def mixer_distance(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Return the mean over layers of |found - wanted|^2 / |wanted|^2, both (B, S, D) for each layer -> ().

    Tokens that the teacher did not read are left out. Raises UsageError for a teacher of another shape.
    """
    if len(found) != len(wanted) or any(
        mine.shape[2] != theirs.shape[2] for mine, theirs in zip(found, wanted, strict=True)
    ):
        raise UsageError("mixer_weight needs a teacher of the model's own shape", hint="leave out mixer_weight")
    distances = []
    for mine, theirs in zip(found, wanted, strict=True):
        mine, theirs = mine[:, : theirs.shape[1]].float(), theirs.float()
        distances.append((mine - theirs).square().sum() / theirs.square().sum().clamp_min(1e-12))
    return torch.stack(distances).mean()
