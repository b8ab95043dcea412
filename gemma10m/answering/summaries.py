"""A summary is a question like any other; only its words are ours."""

from __future__ import annotations

from dataclasses import dataclass

from gemma10m.answering.answer import speak
from gemma10m.answering.sampling import Sampling
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt


@dataclass(frozen=True)
class Requests:
    """Hold the requests about a text, summaries of neighbouring parts, and a summary with what comes next."""

    text: str
    summaries: str
    more: str


def summary_request(words: int, focus: str | None) -> str:
    """Ask for a summary. Raises UsageError unless `words` is positive."""
    return summary_requests(words, focus).text


def summary_requests(words: int, focus: str | None) -> Requests:
    """Ask for summaries of parts. Raises UsageError unless `words` is positive."""
    if words < 1:
        raise UsageError(f"a summary has at least one word, found --words {words}")
    return _requests(f"Summarize {{}} in about {words} words.", focus)


def sentence_requests(focus: str | None) -> Requests:
    return _requests("Say in one sentence what {} is about.", focus)


def _requests(request: str, focus: str | None) -> Requests:
    about = f" Say most about {focus.strip()}." if focus and focus.strip() else ""
    return Requests(
        request.format("the text above") + about,
        request.format("the text whose parts are summed up above, in their order,") + about,
        request.format("all of it, what comes before and what comes next,") + about,
    )


def say_about(model: Decoder, tokenizer: Tokenizer, text: str, request: str, sampling: Sampling) -> str:
    """Yield the model's answer to a request about a text that it reads in one go."""
    prompt = Prompt(tokenizer)
    ids = [*prompt.opening(), *tokenizer.encode(text), *prompt.question(request)]
    return "".join(speak(model, tokenizer, model.empty_state(), ids, sampling, several_lines=True)).strip()
