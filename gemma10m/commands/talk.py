"""A conversation on a terminal: each question goes on from the answers before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gemma10m.answering.conversation import Conversation, reply
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers import UNVERIFIED, show_answer, show_sources
from gemma10m.commands.passages import Checked, Passages
from gemma10m.errors import DiskError, Gemma10MError, UsageError
from gemma10m.memory.state import State
from gemma10m.saved_states import Reader
from gemma10m.strict_json import canonical_json
from gemma10m.terminal import Terminal


@dataclass
class Talk:
    terminal: Terminal
    reader: Reader
    document: State  # never changed
    sampling: Sampling
    facts: Callable[[], dict[str, object]]  # what `--json` says of the read
    passages: Passages
    conversation: Conversation
    found: Checked | None = None  # the last answer
    turns: list[dict[str, object]] = field(default_factory=list)
    over: bool = False


@dataclass(frozen=True)
class Command:
    help: str
    run: Callable[[Talk, str], None]  # what follows the command's name on its line


def talk(
    terminal: Terminal,
    reader: Reader,
    state: State,
    sampling: Sampling,
    facts: Callable[[], dict[str, object]],
    passages: Passages,
) -> None:
    """Until /quit or Ctrl-D. Ctrl-C drops the line that is typed, or the question that is being answered."""
    terminal.note(f"ask about the document; {_known_commands()}")
    talk = Talk(terminal, reader, state, sampling, facts, passages, Conversation(state))
    while not talk.over:
        try:
            line = terminal.ask()
            if line is None:
                return
            if line.strip():
                _take(talk, line.strip())
        except KeyboardInterrupt:
            terminal.note("")


def _take(talk: Talk, line: str) -> None:
    name, *rest = line.split(maxsplit=1)
    if not _names_a_command(name):
        _answer(talk, line)
        return
    command = COMMANDS.get(name)
    if command is None:
        talk.terminal.warn(f"{name} is no command; {_known_commands()}")
        return
    try:
        command.run(talk, rest[0] if rest else "")
    except Gemma10MError as error:
        talk.terminal.error(error)


def _names_a_command(word: str) -> bool:
    """Letters after a slash: a question may well begin with a path such as /etc/hosts."""
    return word.startswith("/") and word[1:].isalpha()


def _answer(talk: Talk, question: str) -> None:
    """A question that is dropped leaves the conversation as it was."""
    conversation = talk.conversation

    def pieces() -> Iterator[str]:
        nonlocal conversation
        retrieved, model = talk.passages.retrieved(talk.reader, question, conversation.state), talk.reader.model
        conversation = yield from reply(model, talk.reader.tokenizer, conversation, question, talk.sampling, retrieved)

    found = show_answer(talk.terminal, talk.passages, question, pieces(), wait=False)
    talk.conversation, talk.found = conversation, found
    talk.turns.append({"question": question, "answer": found.shown})
    if talk.terminal.json:
        talk.terminal.json_line({"question": question, **found.record(), **talk.facts()})


def _sources(talk: Talk, _: str) -> None:
    if talk.found is None or talk.found.sources is None:
        raise UsageError("there is nothing to look up", hint="ask a question first, without --recall off")
    checked = talk.passages.check(str(talk.turns[-1]["question"]), talk.found.made, waited=False, quoted=True)
    if not checked.sources:
        talk.terminal.note(UNVERIFIED)
    show_sources(talk.terminal, checked.sources or ())


def _new(talk: Talk, _: str) -> None:
    talk.conversation = Conversation(talk.document)
    talk.found = None
    talk.turns.clear()


def _save(talk: Talk, name: str) -> None:
    if not name:
        raise UsageError("no file was named", hint="say where the conversation goes: /save talk.jsonl")
    if not talk.turns:
        raise UsageError("nothing was asked yet", hint="ask a question first")
    path = Path(name).expanduser()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.writelines(canonical_json(turn) + "\n" for turn in talk.turns)
    except FileExistsError as error:
        raise UsageError(f"{path} exists and would be lost", hint="give /save another name") from error
    except (OSError, ValueError) as error:
        raise DiskError(f"{path} cannot be written: {error}", hint="give /save another name") from error
    talk.terminal.note(f"questions and answers are in {path}")


def _quit(talk: Talk, _: str) -> None:
    talk.over = True


def _known_commands() -> str:
    return "; ".join(f"{name} {command.help}" for name, command in COMMANDS.items())


COMMANDS = {
    "/sources": Command("shows where the last answer stands in the text", _sources),
    "/new": Command("forgets what was said and goes back to the document", _new),
    "/save": Command("FILE writes the questions and answers, for --questions to ask again", _save),
    "/quit": Command("ends, as Ctrl-D does", _quit),
}
