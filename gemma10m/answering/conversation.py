"""Questions that go on from the answers before them: a conversation goes in, the conversation after it comes out."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from gemma10m.answering.answer import check_question, speak
from gemma10m.answering.sampling import Sampling
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt


@dataclass(frozen=True)
class Conversation:
    """It begins as `Conversation(state)` with a document's state, which is never changed."""

    state: State
    unread: tuple[int, ...] = ()  # ids of the last answer that the state does not hold yet
    turns: int = 0


def reply(
    model: Decoder,
    tokenizer: Tokenizer,
    conversation: Conversation,
    question: str,
    sampling: Sampling,
    retrieved: str = "",
) -> Generator[str, None, Conversation]:
    """The answer in pieces, as `answer` gives it; returns the conversation with the retrieved passages, this question
    and the answer in it.

    Raises UsageError for an empty question.
    """
    check_question(question)
    prompt = Prompt(tokenizer)
    asked = prompt.next_question if conversation.turns else prompt.question
    ids = [*conversation.unread, *asked(question.strip(), retrieved)]
    state, unread = yield from speak(model, tokenizer, conversation.state, ids, sampling)
    return Conversation(state, tuple(unread), conversation.turns + 1)
