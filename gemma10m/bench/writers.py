"""Write greedy tokens behind a prompt: with our model, and with other programs from a GGUF file's model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from gemma10m.bench import llama_cpp_peer, transformers_peer
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.reading.pace import Pace


class TokenWriter(Protocol):
    def begin(self, ids: list[int]) -> int:
        """Read a prompt from its beginning; return the likeliest token behind it."""

    def after(self, token: int) -> int:
        """Return the likeliest token behind one more."""


class OwnWriter:
    """Write with our model, which reads a prompt as a document is read."""

    def __init__(self, model: Decoder) -> None:
        self._model, self._pace = model, Pace(model)
        self._state = model.empty_state()

    def begin(self, ids: list[int]) -> int:
        closed = (len(ids) - 1) // self._model.reading.segment * self._model.reading.segment
        self._state = self._pace.read(ids[:closed], self._model.empty_state())
        return self._step(ids[closed:])

    def after(self, token: int) -> int:
        return self._step([token])

    def _step(self, ids: list[int]) -> int:
        with torch.inference_mode():
            x = torch.tensor([ids], device=self._model.device)  # (1, S)
            logits, self._state = self._model(x, self._state, logits="last")
            return int(logits.argmax())


class TransformersWriter:
    """Write with transformers' model and its cache of keys and values."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self._model, self._device, self._cache = model, device, None

    def begin(self, ids: list[int]) -> int:
        self._cache = None
        return self._step(ids)

    def after(self, token: int) -> int:
        return self._step([token])

    def _step(self, ids: list[int]) -> int:
        with torch.inference_mode():
            x = torch.tensor([ids], device=self._device)  # (1, S)
            found = self._model(x, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
            self._cache = found.past_key_values
            return int(found.logits.argmax())


class LlamaCppWriter:
    """Write with llama.cpp. Its logits are looked through here, which takes less than a hundredth of a token's time."""

    def __init__(self, model: Any, vocabulary: int, last: Callable[[int], Tensor]) -> None:
        self._model, self._vocabulary, self._last = model, vocabulary, last

    def begin(self, ids: list[int]) -> int:
        self._model.reset()
        return self._step(ids)

    def after(self, token: int) -> int:
        return self._step([token])

    def _step(self, ids: list[int]) -> int:
        self._model.eval(ids)
        return int(self._last(self._vocabulary).argmax())


@contextmanager
def _transformers(file: Path, ours: Decoder, tokens: int) -> Iterator[TokenWriter]:
    model = transformers_peer.from_file(file, ours)
    yield TransformersWriter(model, ours.device)


@contextmanager
def _llama_cpp(file: Path, ours: Decoder, tokens: int) -> Iterator[TokenWriter]:
    with llama_cpp_peer.loaded(file, ours, tokens) as model:
        yield LlamaCppWriter(model, ours.config.vocabulary, lambda size: llama_cpp_peer.last_logits(model, size))


WRITERS: dict[str, Callable[[Path, Decoder, int], AbstractContextManager[TokenWriter]]] = {
    "transformers": _transformers,
    "llama.cpp": _llama_cpp,
}


def writer_of(name: str) -> Callable[[Path, Decoder, int], AbstractContextManager[TokenWriter]]:
    """Return what opens a program with a GGUF file, for so many tokens in all. Raises UsageError for another name."""
    if name not in WRITERS:
        raise UsageError(f"{name!r} is no program that answers", hint=f"known: {', '.join(WRITERS)}")
    return WRITERS[name]
