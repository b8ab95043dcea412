"""An answer as it is shown: at once, or when it is known what it rests on."""

from __future__ import annotations

from collections.abc import Iterable

from gemma10m.commands.passages import Checked, Passages
from gemma10m.documents import CHANGED, GONE
from gemma10m.passages.quotes import Source
from gemma10m.sanitise import sanitise_line
from gemma10m.terminal import Terminal

NOT_SAID = "no passage says what the model answered"
_WITHOUT_QUOTE = {CHANGED: "{} changed since it was read", GONE: "{} is gone"}


def show_answer(
    terminal: Terminal, passages: Passages, question: str, pieces: Iterable[str], withhold: bool
) -> Checked:
    """With its sources where they are wanted. One that may have to be withheld waits until it is looked up."""
    said = []
    for piece in pieces:
        said.append(piece)
        if not withhold:
            terminal.write(piece)
    found = passages.check(question, "".join(said), withhold)
    if withhold:
        terminal.write(found.shown)
    terminal.write("\n")
    if not found.withheld:
        _show_support(terminal, passages, found)
    elif found.made.strip():
        terminal.note("no passage says what the model answers: it is not shown (--recall off shows it)")
    return found


def _show_support(terminal: Terminal, passages: Passages, found: Checked) -> None:
    for sentence in found.missing if found.sources else ():
        terminal.warn(f"no passage says: {sanitise_line(sentence)}")
    if passages.options.sources and found.sources is not None:
        show_sources(terminal, found.sources)
    elif passages.withhold and not found.sources:
        terminal.note(NOT_SAID)


def show_sources(terminal: Terminal, sources: list[Source]) -> None:
    if not sources:
        terminal.note(NOT_SAID)
    for number, source in enumerate(sources, start=1):
        terminal.write(f"\n[{number}] {described(source)}\n")


def described(source: Source) -> str:
    """Where it stands, and on a line of its own what it says; a name from a forged index makes no further line."""
    file, where, quote = (sanitise_line(text or "") for text in (source.file, source.place, source.quote))
    inside = f" ({where})" if where else ""
    place = f"{file}:{source.line}{inside}, bytes {source.start}-{source.stop}"
    if source.quote is None:
        why = _WITHOUT_QUOTE.get(source.status, "the document is not at hand").format(file)
        return f"{place}\n    ({why}: no quote)"
    return f'{place}\n    "{quote}"'
