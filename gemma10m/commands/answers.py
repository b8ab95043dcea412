"""Show an answer, its verdict and its sources."""

from __future__ import annotations

from collections.abc import Sequence

from gemma10m.documents import CHANGED, GONE
from gemma10m.errors import NoAnswer
from gemma10m.library.chat import AnswerStream
from gemma10m.library.checking import NO_ANSWER, UNVERIFIED, Answer, Source
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.sanitise import sanitise_line
from gemma10m.terminal import Terminal

NOT_FOUND = "unverified, not found in the text in these words"
_WITHOUT_QUOTE = {CHANGED: "{} changed since it was read", GONE: "{} is gone"}


def show_answer(terminal: Terminal, stream: AnswerStream, options: RetrievalOptions) -> Answer:
    """Write the answer as it is generated, then its sources if they are wanted."""
    for piece in stream:
        terminal.write(piece)
    terminal.write("\n")
    answer = stream.whole
    if answer.truncated:
        warn_of_cut(terminal)
    _show_verdict(terminal, answer, options)
    return answer


def refuse_without_answer(without: int, asked: int) -> None:
    """Raise NoAnswer if some questions have no verified answer. With --strict this is called after all questions."""
    if without:
        count = "the question has" if asked == 1 else f"{without} of {asked} questions have"
        raise NoAnswer(f"{count} no verified answer", "leave out --strict to see unverified answers, with a warning")


def warn_of_cut(terminal: Terminal) -> None:
    terminal.warn("the answer was cut off; raise --max-new-tokens to get all of it")


def _show_verdict(terminal: Terminal, answer: Answer, options: RetrievalOptions) -> None:
    if answer.verdict == UNVERIFIED and (options.tells or options.sources):
        for sentence in answer.unsupported:
            terminal.warn(f"{NOT_FOUND}: {sanitise_line(sentence)}")
    if answer.withheld or (answer.verdict == NO_ANSWER and options.tells):
        terminal.note("no answer; the closest passages:" if answer.closest else "no answer")
        show_sources(terminal, answer.closest)
    elif options.sources:
        if answer.closest:
            terminal.note("the closest passages:")
        show_sources(terminal, (*answer.sources, *answer.closest))


def show_sources(terminal: Terminal, sources: Sequence[Source]) -> None:
    for number, source in enumerate(sources, start=1):
        terminal.write(f"\n[{number}] {described(source)}\n")


def described(source: Source) -> str:
    """Return the source's place, and its quote on a second line; a forged name cannot add lines."""
    file, where, quote = (sanitise_line(text or "") for text in (source.file, source.place, source.quote))
    inside = f" ({where})" if where else ""
    place = f"{file}:{source.line}{inside}, bytes {source.start}-{source.stop}"
    if source.quote is None:
        why = _WITHOUT_QUOTE.get(source.status, "the document was not found").format(file)
        return f"{place}\n    ({why}: no quote)"
    return f'{place}\n    "{quote}"'
