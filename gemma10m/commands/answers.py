"""An answer as it is shown, and what it rests on."""

from __future__ import annotations

from gemma10m.documents import CHANGED, GONE
from gemma10m.library.chat import AnswerStream
from gemma10m.library.checking import UNCHECKED, Answer, Source
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.sanitise import sanitise_line
from gemma10m.terminal import Terminal

NOT_SAID = "no passage says what the model answered"
_WITHOUT_QUOTE = {CHANGED: "{} changed since it was read", GONE: "{} is gone"}


def show_answer(terminal: Terminal, stream: AnswerStream, options: RetrievalOptions) -> Answer:
    """Write the answer as it is made, then its sources where they are wanted."""
    for piece in stream:
        terminal.write(piece)
    terminal.write("\n")
    answer = stream.whole
    if answer.truncated:
        warn_of_cut(terminal)
    if not answer.withheld:
        _show_support(terminal, answer, options)
    elif answer.made.strip():
        terminal.note("no passage says what the model answers: it is not shown (--recall off shows it)")
    return answer


def warn_of_cut(terminal: Terminal) -> None:
    terminal.warn("the answer was cut off: --max-new-tokens gives it more room")


def _show_support(terminal: Terminal, answer: Answer, options: RetrievalOptions) -> None:
    if answer.verdict == UNCHECKED:
        return
    for sentence in answer.unsupported if answer.sources else ():
        terminal.warn(f"no passage says: {sanitise_line(sentence)}")
    if options.sources:
        show_sources(terminal, answer.sources)
    elif options.withholds and not answer.sources:
        terminal.note(NOT_SAID)


def show_sources(terminal: Terminal, sources: tuple[Source, ...]) -> None:
    if not sources:
        terminal.note(NOT_SAID)
    for number, source in enumerate(sources, start=1):
        terminal.write(f"\n[{number}] {described(source)}\n")


def described(source: Source) -> str:
    """Say where it stands, and on a line of its own what it says; a name from a forged index makes no further line."""
    file, where, quote = (sanitise_line(text or "") for text in (source.file, source.place, source.quote))
    inside = f" ({where})" if where else ""
    place = f"{file}:{source.line}{inside}, bytes {source.start}-{source.stop}"
    if source.quote is None:
        why = _WITHOUT_QUOTE.get(source.status, "the document is not at hand").format(file)
        return f"{place}\n    ({why}: no quote)"
    return f'{place}\n    "{quote}"'
