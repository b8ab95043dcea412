"""A summary is a question like any other; only its words are ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from gemma10m.answering.answer import speak
from gemma10m.answering.new_sentences import Spoken, Written, new_sentences
from gemma10m.answering.sampling import Sampling
from gemma10m.errors import UsageError
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt

_ABOUT = " Say most about"


@dataclass(frozen=True)
class Requests:
    """Hold the requests about a text, summaries of neighbouring parts, and a summary with what comes next."""

    text: str
    summaries: str
    more: str
    words: int = 1  # that are asked for
    is_sentence: bool = False  # one is asked for


def summary_requests(words: int, focus: str | None) -> Requests:
    """Ask for summaries of parts. Raises UsageError unless `words` is positive."""
    if words < 1:
        raise UsageError(f"a summary has at least one word, found --words {words}")
    return replace(_requests(f"Summarize {{}} in about {words} words.", focus), words=words)


def sentence_requests(focus: str | None) -> Requests:
    return replace(_requests("Say in one sentence what {} is about.", focus), is_sentence=True)


def _requests(request: str, focus: str | None) -> Requests:
    about = f"{_ABOUT} {focus.strip()}." if focus and focus.strip() else ""
    return Requests(
        request.format("the text above") + about,
        request.format("the text whose parts are summed up above, in their order,") + about,
        request.format("all of it, what comes before and what comes next,") + about,
    )


def _more(request: str, words: int) -> str:
    """Ask for what the answer to a request left out: in other words, because shown its answer a model repeats it."""
    _, focus, subject = request.partition(_ABOUT)
    told = f"What happens in the text above? Tell it in about {words} words, from its beginning to its end."
    return told + focus + subject


def say_about(model: Decoder, tokenizer: Tokenizer, text: str, request: str, sampling: Sampling, words: int) -> str:
    """Return the model's answer of about `words` words to a request about a text that it reads in one go."""
    ids = [*Prompt(tokenizer).opening(), *tokenizer.encode(text)]
    with torch.inference_mode():
        _, state = model(torch.tensor([ids]), model.empty_state(), logits="none")
    return "".join(say(model, tokenizer, state, request, sampling, words)).strip()


def say(model: Decoder, tokenizer: Tokenizer, state: State, request: str, sampling: Sampling, words: int) -> Spoken:
    """Yield the answer to a request about what was read, in sentences; return True if it was cut off.

    A model that says much less than `words` words is asked once for more.
    """

    def spoken(asked: str) -> Spoken:
        ids = Prompt(tokenizer).question(asked)
        said = yield from speak(model, tokenizer, state, ids, sampling, several_lines=True)
        return said.cut_off

    written = Written(words, has_turns=tokenizer.turns is not None)
    cut_off = yield from new_sentences(spoken(request), written)
    if written.text and written.is_short and not cut_off:
        cut_off = yield from new_sentences(spoken(_more(request, words - written.count)), written)
    return cut_off
