"""Run one small model with the reference and with the kernels, print the errors of both and which kernels ran."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"
os.environ["GEMMA10M_BACKEND"] = "triton"

import torch
from torch import Tensor

from gemma10m.kernels import compiled

launched: Counter[str] = Counter()


def counted(kernel: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(kernel)
    def count(*arguments: Any) -> Any:
        launched[kernel.__name__] += 1
        return kernel(*arguments)

    return count


def run(model: Any, ids: Tensor) -> list[Tensor]:
    """Return the logits of three cuts, and what the state holds after them."""
    state, found = model.empty_state(ids.shape[0]), []
    for part in ids.tensor_split([11, 12], dim=1):
        logits, state = model(part, state)
        found.append(logits)
    return [*found, *(tensor for layer in state.layers for _, tensor in layer.tensors())]


def main() -> None:
    for name in filter(str.islower, compiled.__all__):
        setattr(compiled, name, counted(getattr(compiled, name)))
    # Only now, as `ops` chooses its functions when it is imported.
    from models import random_ids, tiny_model
    from rounding import largest, rounding_error

    memory: Any = sys.argv[1]
    model = tiny_model(memory, carry=5, sinks=2, dtype=torch.float32)
    ids = random_ids(model, 37, batch=3)
    expected = [tensor.detach() for tensor in run(model, ids)]
    with_gradient = sum(launched.values())
    with torch.inference_mode():
        found = run(model, ids)
        truth = run(model.double(), ids)  # which no kernel takes

    def error(results: list[Tensor]) -> float:
        """Return the largest error as a share of its tensor's largest number."""
        return max(rounding_error(one, exact) / largest(exact) for one, exact in zip(results, truth, strict=True))

    report = {
        "same": all(map(torch.equal, found, expected)),
        "kernels_error": error(found),
        "reference_error": error(expected),
        "launched": sorted(launched),
        "launched_with_gradient": with_gradient,
    }
    sys.stdout.write(json.dumps(report))


main()
