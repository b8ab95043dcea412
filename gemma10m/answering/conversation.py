"""Answer questions that follow earlier answers: take a conversation and return the one after it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from gemma10m.answering.answer import check_question, speak
from gemma10m.answering.refusing import Refusing
from gemma10m.answering.sampling import Sampling
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt


@dataclass(frozen=True)
class Conversation:
    """Begin as `Conversation(state)` with a document's state, which is never changed."""

    state: State
    unread: tuple[int, ...] = ()  # ids of the last answer that the state does not hold yet
    turns: int = 0
    cut_off: bool = False  # the last answer did not end by itself


def reply(
    model: Decoder,
    tokenizer: Tokenizer,
    conversation: Conversation,
    question: str,
    sampling: Sampling,
    retrieved: str = "",
    refusing: Refusing | None = None,
) -> Generator[str, None, Conversation]:
    """Yield the answer in pieces, as `answer` does, and return the conversation after it.

    It holds the retrieved passages, this question and the answer. refusing: decides about the answer's first
    token. Raises UsageError for an empty question.
    """
    check_question(question)
    prompt = Prompt(tokenizer)
    asked = prompt.next_question if conversation.turns else prompt.question
    ids = [*conversation.unread, *asked(question.strip(), retrieved)]
    said = yield from speak(model, tokenizer, conversation.state, ids, sampling, refusing=refusing)
    return Conversation(said.state, said.unread, conversation.turns + 1, said.cut_off)
