"""Answer questions: retrieve passages, let the model answer, and check the answer."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import cast

from gemma10m.answering.answer import check_question
from gemma10m.answering.comparing import AnswerPart, first_or_last
from gemma10m.answering.conversation import Conversation, reply
from gemma10m.answering.instruction import instructed
from gemma10m.answering.refusing import Refusing
from gemma10m.answering.sampling import Sampling
from gemma10m.errors import UsageError
from gemma10m.library.checking import Answer
from gemma10m.library.retrieval import Passages
from gemma10m.memory.state import State
from gemma10m.passages.follow_ups import standalone
from gemma10m.passages.quotes import Source
from gemma10m.passages.statements import REFUSAL, begins_to_say, says_nothing
from gemma10m.saved_states import Reader
from gemma10m.tokens.prompt import Prompt

DATE = 24  # tokens of an answer that says when something was
SIDES = 2  # things that a question compares, each with its share of the passages


class AnswerStream:
    """Give an answer while it is generated: iterate over its pieces, or call `wait`; then `answer` is set."""

    def __init__(self, pieces: Generator[str, None, Answer]) -> None:
        self._pieces = pieces
        self.answer: Answer | None = None

    def __iter__(self) -> Iterator[str]:
        if self.answer is None:
            self.answer = yield from self._pieces

    def wait(self) -> Answer:
        """Return the answer once it is whole."""
        for _ in self:
            pass
        return self.whole

    @property
    def whole(self) -> Answer:
        """Return the answer after its last piece. Raises UsageError before."""
        if self.answer is None:
            raise UsageError("the answer is not whole yet", hint="take all of its pieces, or call wait()")
        return self.answer


def conversation_of_passages(reader: Reader) -> Conversation:
    """Return a conversation that holds nothing but the prompt's opening.

    An adapter that was trained to answer from passages has only seen them there, and what a model without a memory
    still sees of the document is not what the question is about.
    """
    return Conversation(reader.model.empty_state(), tuple(Prompt(reader.tokenizer).opening()))


def put_to(reader: Reader, question: str) -> str:
    """Return the question as the model is asked it behind passages."""
    return instructed(question) if reader.is_instructed else question


def refusing_of(reader: Reader, strict: bool) -> Refusing | None:
    """Return how a model decides to say `not in the text`; None for one without training or instruction."""
    bias = reader.about.strict_bias if strict else reader.about.refusal_bias
    refuses = reader.about.reads_passages or reader.is_instructed
    return Refusing(Prompt(reader.tokenizer).answer(REFUSAL)[0], bias) if refuses else None


def _without_first_space(pieces: Generator[str, None, Conversation]) -> Generator[str, None, Conversation]:
    """Yield the pieces without white space before the first word: a base model's answer begins with a space."""
    begun = False
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            return cast(Conversation, end.value)
        piece = piece if begun else piece.lstrip()
        begun = begun or bool(piece)
        yield piece


def _nothing_more(after: Conversation) -> Generator[str, None, Conversation]:
    yield from ()
    return after


@dataclass
class Chat:
    """Hold a conversation about a document: each question continues from the answers before it."""

    reader: Reader
    passages: Passages
    state: State  # the document's, which never changes
    sampling: Sampling = field(default_factory=Sampling)
    waits: bool = False  # an answer comes in one piece, once it is checked
    answers: list[Answer] = field(default_factory=list)
    _conversation: Conversation | None = None

    def ask(self, question: str) -> Answer:
        """Answer a question. Raises UsageError for an empty one."""
        return self.stream(question).wait()

    def stream(self, question: str) -> AnswerStream:
        """Return the answer in pieces. One that is not consumed to its end leaves the conversation as it was."""
        return AnswerStream(self._turn(question))

    def understood(self, question: str) -> str:
        """Return the question with names for what refers to the last question and answer."""
        if not self.answers:
            return question
        last = self.answers[-1]
        return standalone(question, (last.understood_as or last.question, last.made))

    def restart(self) -> None:
        """Forget the questions and answers so far."""
        self._conversation = None
        self.answers.clear()

    def sources(self) -> tuple[Source, ...]:
        """Return the sources of the last answer, with quotes; none before the first question."""
        if not self.answers:
            return ()
        last = self.answers[-1]
        question = last.understood_as or last.question
        return self.passages.check(question, last.made, quoted=True, parts=last.parts).sources

    @property
    def _is_searched(self) -> bool:
        """Tell if answers come from passages alone, and from nothing that was read before the question."""
        return self.reader.about.reads_passages or not self.state.position

    def _compared(self, question: str) -> tuple[str, tuple[AnswerPart, ...]] | None:
        """Return what `first_or_last` makes of the question, for a model that answers from passages alone."""
        reader, most = self.reader, min(DATE, self.sampling.max_new_tokens)
        refusing = refusing_of(reader, self.passages.options.strict)
        if refusing is None or not self._is_searched or not self.passages.budget(reader):
            return None
        empty, sampling = conversation_of_passages(reader), replace(self.sampling, max_new_tokens=most)

        def read(asked: str) -> tuple[str, str]:
            retrieved = self.passages.retrieved(reader, asked, empty.state, SIDES)
            said = reply(reader.model, reader.tokenizer, empty, put_to(reader, asked), sampling, retrieved, refusing)
            return "".join(said) if retrieved else REFUSAL, retrieved

        return first_or_last(question, read)

    def _reply(self, question: str, understood: str) -> Generator[str, None, Conversation]:
        """Yield the answer's pieces, and return the conversation after it.

        A model that was trained to answer from passages alone does not see the turns before, and is asked what can be
        understood without them; a chat model sees them.
        """
        reader, searched = self.reader, self._is_searched
        begun = self._conversation if self._conversation and self._conversation.turns else None
        so_far = begun or Conversation(self.state)
        alone = searched and not (begun and reader.is_instructed)
        before = conversation_of_passages(reader) if alone else so_far
        retrieved = self.passages.retrieved(reader, understood, before.state)
        if alone and not retrieved:
            if not self.state.position:
                check_question(question)
                yield REFUSAL  # nothing was read before the question, and nothing has a word of it
                return Conversation(self.state)
            before = so_far
        asked, refusing = understood if alone else question, None
        if retrieved and (searched or reader.is_instructed):
            check_question(question)
            asked, refusing = put_to(reader, asked), refusing_of(reader, self.passages.options.strict)
        made = reply(reader.model, reader.tokenizer, before, asked, self.sampling, retrieved, refusing)
        return (yield from (_without_first_space(made) if searched else made))

    def _turn(self, question: str) -> Generator[str, None, Answer]:
        """Yield the answer's pieces from its first whole sentence on: until then it may turn out to say nothing."""
        understood, parts = self.understood(question), tuple[AnswerPart, ...]()
        made, held, answering = "", True, self._reply(question, understood)
        if compared := self._compared(understood):
            made, parts = compared
            answering = _nothing_more(self._conversation or Conversation(self.state))
        while True:
            try:
                piece = next(answering)
            except StopIteration as end:
                after: Conversation = end.value
                break
            made += piece
            if not held:
                yield piece
            elif not self.waits and begins_to_say(made):
                held = False
                yield made
        unseen = held and (self.waits or self.passages.waits or says_nothing(made))
        checked = self.passages.check(understood, made, unseen, parts=parts)
        rewritten = "" if understood == question else understood
        answer = replace(checked, question=question, understood_as=rewritten, truncated=after.cut_off)
        if held:
            yield answer.text
        self._conversation = after
        self.answers.append(answer)
        return answer
