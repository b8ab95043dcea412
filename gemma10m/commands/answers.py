"""An answer as it is shown: at once, or when it is known what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gemma10m.commands.passages import Checked, Passages
from gemma10m.documents import CHANGED, GONE
from gemma10m.passages.quotes import Source
from gemma10m.sanitise import sanitise_line
from gemma10m.terminal import Terminal

UNVERIFIED = "unverified, not found in the text as it is said here"
NO_ANSWER = "no answer"
_WITHOUT_QUOTE = {CHANGED: "{} changed since it was read", GONE: "{} is gone"}


def show_answer(terminal: Terminal, passages: Passages, question: str, pieces: Iterable[str], wait: bool) -> Checked:
    """With its sources where they are wanted; `wait` until it is looked up, since there may be no answer to show."""
    said = []
    for piece in pieces:
        said.append(piece)
        if not wait:
            terminal.write(piece)
    found = passages.check(question, "".join(said), wait)
    if wait:
        terminal.write(found.shown)
    terminal.write("\n")
    _show_verdict(terminal, passages, found)
    return found


def _show_verdict(terminal: Terminal, passages: Passages, found: Checked) -> None:
    if found.verdict == "unverified" and (passages.withhold or passages.options.sources):
        for sentence in found.missing:
            terminal.warn(f"{UNVERIFIED}: {sanitise_line(sentence)}")
    if found.verdict == "no answer" and passages.withhold:
        terminal.note(f"{NO_ANSWER}; the closest passages:" if found.closest else NO_ANSWER)
        show_sources(terminal, found.closest)
    elif passages.options.sources and found.sources:
        show_sources(terminal, found.sources)


def show_sources(terminal: Terminal, sources: Sequence[Source]) -> None:
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
