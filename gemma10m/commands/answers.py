"""Show an answer, its verdict and its sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gemma10m.documents import CHANGED, GONE
from gemma10m.errors import NoAnswer
from gemma10m.library.checking import UNVERIFIED, Answer
from gemma10m.passages.quotes import Source
from gemma10m.sanitise import sanitise_line
from gemma10m.terminal import Terminal

if TYPE_CHECKING:
    from gemma10m.library.chat import AnswerStream
    from gemma10m.library.retrieval import RetrievalOptions

NOT_FOUND = "unverified, no sentence of the text says it in these words"
SAME_WORDS = "unverified, a sentence has these words but may not answer the question"
NOT_SEARCHED = "the question has no word to search for"
LONGEST = 300  # characters of a sentence in a warning: a base model may never end one
CLOSEST = "the closest passages:"
CUT_OFF = "the answer was cut off; raise --max-new-tokens to get all of it"
_WITHOUT_QUOTE = {CHANGED: "{} changed since it was read", GONE: "{} is gone"}


@dataclass(frozen=True)
class AnswerPrinter:
    terminal: Terminal
    options: RetrievalOptions
    facts: Callable[[], Mapping[str, object]]  # beside an answer in JSON

    def show(self, stream: AnswerStream) -> Answer:
        """Write the answer as it is generated, then its verdict and sources if they are wanted."""
        for piece in stream:
            self.terminal.write(piece)
        self.terminal.write("\n")
        answer = stream.whole
        if answer.truncated and not answer.withheld:
            self.terminal.warn(CUT_OFF)
        if self.options.tells or self.options.sources:
            for warning in unverified(answer):
                self.terminal.warn(warning)
        note, sources = _evidence(answer, self.options)
        if self.terminal.json:  # the passages are in its line
            note = note.removesuffix(CLOSEST).removesuffix("; ")
        if note:
            self.terminal.note(note)
        self.terminal.write(cited(sources))
        if self.terminal.json:
            self.terminal.json_line({**answer.record(), **self.facts()})
        return answer


def refuse_without_answer(without: int, asked: int, strict: bool) -> None:
    """Raise NoAnswer, after all questions, if some have no answer, or with `strict` no verified one."""
    if not without:
        return
    count = "the question has" if asked == 1 else f"{without} of {asked} questions have"
    if strict:
        raise NoAnswer(f"{count} no verified answer", "leave out --strict to see unverified answers, with a warning")
    raise NoAnswer(f"{count} no answer", "ask with words of the document; `gemma10m find` shows where they are")


def unverified(answer: Answer) -> Iterator[str]:
    """Yield why an answer is not verified: a line for each of its sentences without a source."""
    for sentence in answer.unsupported if answer.verdict == UNVERIFIED else ():
        why = SAME_WORDS if sentence in answer.same_words else NOT_FOUND
        shown = sentence if len(sentence) <= LONGEST else f"{sentence[: LONGEST - 1]}…"
        yield f"{why}: {sanitise_line(shown)}"


def no_answer(answer: Answer) -> str:
    """Return a note that there is no answer, and why if nothing was searched for."""
    if answer.closest:
        return f"no answer; {CLOSEST}"
    return "no answer" if answer.is_searchable else f"no answer; {NOT_SEARCHED}"


def _evidence(answer: Answer, options: RetrievalOptions) -> tuple[str, Sequence[Source]]:
    """Return a note, "" for none, and the sources to show after it."""
    if answer.withheld:
        return no_answer(answer), answer.closest
    closest = CLOSEST if answer.closest else ""
    return (closest, (*answer.sources, *answer.closest)) if options.sources else ("", ())


def cited(sources: Sequence[Source]) -> str:
    """Return the sources with their numbers, each after an empty line."""
    return "".join(f"\n[{number}] {described(source)}\n" for number, source in enumerate(sources, start=1))


def described(source: Source) -> str:
    """Return the source's place, and its quote on a second line; a forged name cannot add lines."""
    file, where, quote = (sanitise_line(text or "") for text in (source.file, source.place, source.quote))
    inside = f" ({where})" if where else ""
    place = f"{file}:{source.line}{inside}, bytes {source.start}-{source.stop}"
    if source.quote is None:
        why = _WITHOUT_QUOTE.get(source.status, "the document was not found").format(file)
        return f"{place}\n    ({why}: no quote)"
    return f'{place}\n    "{quote}"'
