"""Hold a conversation on a terminal: each question continues from the answers before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gemma10m import interrupts
from gemma10m.commands.answers import AnswerPrinter, cited, no_answer, unverified
from gemma10m.errors import DiskError, Gemma10MError, Interrupted, UsageError
from gemma10m.folders import expanded
from gemma10m.keyboard import keys_unechoed
from gemma10m.library.chat import Chat
from gemma10m.library.checking import NO_ANSWER, UNCHECKED
from gemma10m.strict_json import canonical_json
from gemma10m.terminal import Terminal


@dataclass
class Talk:
    terminal: Terminal
    chat: Chat
    facts: Mapping[str, object]  # what `--json` says of the read
    over: bool = False

    def run(self) -> None:
        """Talk until /quit or Ctrl-D. Ctrl-C drops the line that is typed, or the question that is being answered."""
        self.terminal.note(f"ask about the document; {_known_commands()}")
        while not self.over:
            try:
                line = self.terminal.ask()
                if line is None:
                    return
                if line.strip():
                    _take(self, line.strip())
            except KeyboardInterrupt:
                interrupts.forget()
                self.terminal.reply("")


@dataclass(frozen=True)
class Command:
    help: str
    run: Callable[[Talk, str], None]  # what follows the command's name on its line


def _take(talk: Talk, line: str) -> None:
    name, *rest = line.split(maxsplit=1)
    if line.lower() in ENDS:
        talk.over = True
        return
    try:
        if not _names_a_command(name):
            _answer(talk, line)
        elif command := COMMANDS.get(name):
            command.run(talk, rest[0] if rest else "")
        else:
            talk.terminal.warn(f"{name} is not a command; {_known_commands()}")
    except Interrupted:
        raise
    except Gemma10MError as error:
        talk.terminal.error(error)


def _names_a_command(word: str) -> bool:
    """Tell if only letters follow a slash: a question may begin with a path such as /etc/hosts."""
    return word.startswith("/") and word[1:].isalpha()


def _answer(talk: Talk, question: str) -> None:
    printer = AnswerPrinter(talk.terminal, talk.chat.passages.options, lambda: talk.facts)
    understood = talk.chat.understood(question)
    if understood != question:
        talk.terminal.note(f"understood as: {understood}")
    with keys_unechoed():
        printer.show(talk.chat.stream(question))


def _sources(talk: Talk, _: str) -> None:
    if not talk.chat.answers or talk.chat.answers[-1].verdict == UNCHECKED:
        raise UsageError("there is no answer with sources", hint="ask a question first, without --recall off")
    last = talk.chat.answers[-1]
    if last.verdict == NO_ANSWER:
        talk.terminal.reply(no_answer(last))
        talk.terminal.write(cited(last.closest))
        return
    for why in unverified(last):
        talk.terminal.reply(why)
    talk.terminal.write(cited(talk.chat.sources()))


def _save(talk: Talk, name: str) -> None:
    if not name:
        raise UsageError("no file was named", hint="give a file name: /save talk.jsonl")
    if not talk.chat.answers:
        raise UsageError("nothing was asked yet", hint="ask a question first")
    path = expanded(name)
    if path.suffix.lower() != ".jsonl":  # by which `--questions` knows its lines for objects
        raise UsageError(f"{name} does not end in .jsonl", hint=f"give /save {name}.jsonl")
    turns = [{"question": answer.question, "answer": answer.text} for answer in talk.chat.answers]
    try:
        with path.open("x", encoding="utf-8") as file:
            file.writelines(canonical_json(turn) + "\n" for turn in turns)
    except FileExistsError as error:
        raise UsageError(f"{path} exists and would be overwritten", hint="give /save another name") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DiskError(f"{path} cannot be written: {why}", hint="give /save another name") from error
    talk.terminal.note(f"saved questions and answers in {path}")


def _help(talk: Talk, _: str) -> None:
    for name, command in COMMANDS.items():
        talk.terminal.reply(f"{name:<9} {command.help}")
    talk.terminal.reply(
        f"{', '.join(sorted(ENDS))} and Ctrl-D end; Ctrl-C drops the answer; anything else is a question"
    )


def _quit(talk: Talk, _: str) -> None:
    talk.over = True


def _known_commands() -> str:
    return "; ".join(f"{name} {command.help}" for name, command in COMMANDS.items())


COMMANDS = {
    "/sources": Command("cites the sources of the last answer", _sources),
    "/new": Command("forgets the questions and answers so far", lambda talk, _: talk.chat.restart()),
    "/save": Command("saves the questions and answers: /save FILE.jsonl, which --questions asks again", _save),
    "/help": Command("shows this help", _help),
    "/quit": Command("ends the conversation, like exit and Ctrl-D", _quit),
}
ENDS = frozenset(("exit", "quit", "/exit", "/quit"))
