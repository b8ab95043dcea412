"""Write greedy tokens behind a prompt: with our model, and with other programs from a GGUF file's model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch

from gemma10m.bench import llama_cpp_peer, transformers_peer
from gemma10m.errors import UsageError
from gemma10m.models.continuation import Continuation
from gemma10m.models.decoder import Decoder


class TokenWriter(ABC):
    @abstractmethod
    def reset(self) -> None:
        """Forget everything."""

    @abstractmethod
    def after(self, ids: list[int]) -> int:
        """Read on; return the likeliest token behind it."""


class OwnWriter(TokenWriter):
    def __init__(self, model: Decoder) -> None:
        self._model, self._continued = model, Continuation(model, model.empty_state())

    def reset(self) -> None:
        self._continued = Continuation(self._model, self._model.empty_state())

    def after(self, ids: list[int]) -> int:
        return int(self._continued.read(ids).argmax())


class TransformersWriter(TokenWriter):
    """Write with transformers' model and its cache of keys and values."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self._model, self._device, self._cache = model, device, None

    def reset(self) -> None:
        self._cache = None

    def after(self, ids: list[int]) -> int:
        with torch.inference_mode():
            x = torch.tensor([ids], device=self._device)  # (1, S)
            found = self._model(x, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
            self._cache = found.past_key_values
            return int(found.logits.argmax())


class LlamaCppWriter(TokenWriter):
    """Write with llama.cpp. Its logits are looked through here, which takes less than a hundredth of a token's time."""

    def __init__(self, model: Any, vocabulary: int) -> None:
        self._model, self._vocabulary = model, vocabulary

    def reset(self) -> None:
        self._model.reset()

    def after(self, ids: list[int]) -> int:
        self._model.eval(ids)
        return int(llama_cpp_peer.last_logits(self._model, self._vocabulary).argmax())


@contextmanager
def _transformers(file: Path, ours: Decoder, tokens: int) -> Iterator[TokenWriter]:
    yield TransformersWriter(transformers_peer.from_file(file, ours), ours.device)


@contextmanager
def _llama_cpp(file: Path, ours: Decoder, tokens: int) -> Iterator[TokenWriter]:
    with llama_cpp_peer.loaded(file, ours, tokens) as model:
        yield LlamaCppWriter(model, ours.config.vocabulary)


WRITERS: dict[str, Callable[[Path, Decoder, int], AbstractContextManager[TokenWriter]]] = {
    "transformers": _transformers,
    "llama.cpp": _llama_cpp,
}


def writer_of(name: str) -> Callable[[Path, Decoder, int], AbstractContextManager[TokenWriter]]:
    """Return what opens a program with a GGUF file, for so many tokens in all. Raises UsageError for another name."""
    if name not in WRITERS:
        raise UsageError(f"{name!r} is no program that answers", hint=f"known: {', '.join(WRITERS)}")
    return WRITERS[name]
