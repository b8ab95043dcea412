"""Answer a question on a copy of the document's state: the state handed in is never changed."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import torch

from gemma10m.answering.sampling import Sampler, Sampling
from gemma10m.errors import UsageError
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt


def answer(
    model: Decoder,
    tokenizer: Tokenizer,
    state: State,
    question: str,
    sampling: Sampling | None = None,
    retrieved: str = "",
) -> Iterator[str]:
    """The answer in pieces, as it is made; ends at <eos>, <end_of_turn> or `max_new_tokens`.

    retrieved: passages of the document that are read again before the question.
    All of them and the answer go on in the open segment and are written to memory, as the document was, when that
    closes; on states derived from `state`. Raises UsageError for an empty question.
    """
    refuse_empty(question)
    ids = Prompt(tokenizer).question(question.strip(), retrieved)
    yield from speak(model, tokenizer, state, ids, sampling or Sampling())


def speak(
    model: Decoder, tokenizer: Tokenizer, state: State, ids: list[int], sampling: Sampling
) -> Generator[str, None, tuple[State, list[int]]]:
    """Read `ids`, then say what follows, in pieces; ends as `answer` does.

    Returns the state after all that was read, and the ids that were said last and are not read yet: one, or none.
    """
    sampler, decoder = Sampler(sampling), tokenizer.stream_decoder()
    for _ in range(sampling.max_new_tokens):
        with torch.inference_mode():
            logits, state = model(torch.tensor([ids]), state, logits="last")  # (1, 1, V)
        token = sampler.choose(logits[0, 0])
        if token in tokenizer.stop_ids:
            ids = []
            break
        ids = [token]
        if text := decoder.decode(token):
            yield text
    if rest := decoder.flush():
        yield rest
    return state, ids


def refuse_empty(question: str) -> None:
    """Raises UsageError."""
    if not question.strip():
        raise UsageError("the question is empty", hint="say what you want to know")
