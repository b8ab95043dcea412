"""Answer a question on a copy of the document's state: the state handed in is never changed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch

from gemma10m.answering.refusing import Refusing
from gemma10m.answering.sampling import Sampler, Sampling
from gemma10m.errors import UsageError
from gemma10m.memory.state import State
from gemma10m.models.continuation import Continuation
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt

LONGEST_QUESTION = 32_768  # characters: a question goes through the model at once, and is not cut as documents are


@dataclass(frozen=True)
class AfterAnswer:
    """Hold what an answer leaves: a state, and those last ids of the answer that the state has not got."""

    state: State
    unread: tuple[int, ...]
    cut_off: bool = False  # the answer did not end by itself


def answer(
    model: Decoder,
    tokenizer: Tokenizer,
    state: State,
    question: str,
    sampling: Sampling | None = None,
    retrieved: str = "",
    several_lines: bool = False,
) -> Iterator[str]:
    """Yield the answer in pieces, as it is made; stop at <eos>, <end_of_turn> or `max_new_tokens`.

    retrieved: passages of the document that are read again before the question. A model without turns, which does not
    know that an answer ends, ends it with its first line, unless `several_lines` is set.
    All of them and the answer continue the open segment and are written to memory, as the document was, when that
    closes; on states derived from `state`. Raises UsageError for an empty question.
    """
    check_question(question)
    ids = Prompt(tokenizer).question(question.strip(), retrieved)
    yield from speak(model, tokenizer, state, ids, sampling or Sampling(), several_lines)


def speak(
    model: Decoder,
    tokenizer: Tokenizer,
    state: State,
    ids: list[int],
    sampling: Sampling,
    several_lines: bool = False,
    refusing: Refusing | None = None,
) -> Generator[str, None, AfterAnswer]:
    """Read `ids`, then yield what follows, in pieces; stop as `answer` does.

    refusing: decides about the first token.
    """
    sampler, decoder, continued = Sampler(sampling), tokenizer.stream_decoder(), Continuation(model, state)
    ends_with_line, begun = tokenizer.turns is None and not several_lines, False
    for _ in range(sampling.max_new_tokens):
        with torch.inference_mode():
            logits = continued.read(ids)  # (1, 1, V)
            following = logits[0, 0] if refusing is None else refusing.decided(logits[0, 0])  # (V)
        refusing = None
        token = sampler.choose(following)
        if token in tokenizer.stop_ids:
            ids = []
            break
        text = decoder.decode(token)
        if ends_with_line:
            text, ended = _first_line(text, begun)
            begun = begun or bool(text.strip())
            if ended:
                yield text
                # The line's end is not read: the next question brings its own.
                return AfterAnswer(continued.state, continued.unread)
        ids = [token]
        if text:
            yield text
    if rest := decoder.flush():
        yield rest
    return AfterAnswer(continued.state, (*continued.unread, *ids), cut_off=bool(ids))


def _first_line(text: str, begun: bool) -> tuple[str, bool]:
    """Return the text up to the end of the first line that has words, and whether that end is in it."""
    end = text.find("\n", 0 if begun else len(text) - len(text.lstrip()))
    return (text, False) if end < 0 else (text[:end], True)


def check_question(question: str) -> None:
    """Raise UsageError for a question without words, one that is not text, and one that is as long as a document."""
    if not isinstance(question, str):
        raise UsageError(f"the question is not text, found {type(question).__name__}", hint="give it as a str")
    if not question.strip():
        raise UsageError("the question is empty", hint="say what you want to know")
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise UsageError("the question is not text", hint="write it in UTF-8") from error
    if len(question) > LONGEST_QUESTION:
        raise UsageError(
            f"the question has {len(question):,} characters, more than {LONGEST_QUESTION:,}",
            hint="give a long text as a source, and ask about it",
        )
