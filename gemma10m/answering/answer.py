"""Answer a question on a copy of the document's state: the state handed in is never changed."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gemma10m.answering.prompt import Prompt
from gemma10m.answering.sampling import Sampler, Sampling
from gemma10m.errors import UsageError
from gemma10m.memory.state import State
from gemma10m.models.gemma import Gemma
from gemma10m.tokens import Tokenizer


def answer(
    model: Gemma,
    tokenizer: Tokenizer,
    state: State,
    question: str,
    sampling: Sampling | None = None,
    recalled: str = "",
) -> Iterator[str]:
    """The answer in pieces, as it is made; ends at <eos>, <end_of_turn> or `max_new_tokens`.

    recalled: passages of the document that are read again before the question.
    All of them and the answer go on in the open segment and are written to memory, as the document was, when that
    closes; on states derived from `state`. Raises UsageError for an empty question.
    """
    if not question.strip():
        raise UsageError("the question is empty", hint="say what you want to know")
    settings = sampling or Sampling()
    sampler, decoder = Sampler(settings), tokenizer.stream_decoder()
    ids = Prompt(tokenizer).question(question.strip(), recalled)
    for _ in range(settings.max_new_tokens):
        with torch.inference_mode():
            logits, state = model(torch.tensor([ids]), state, logits="last")  # (1, 1, V)
        token = sampler.choose(logits[0, 0])
        if token in tokenizer.stop_ids:
            break
        if text := decoder.decode(token):
            yield text
        ids = [token]
    if rest := decoder.flush():
        yield rest
