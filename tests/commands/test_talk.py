"""Conversations: a question continues from the answers before it, and the document's state stays as it is."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from readers import KINDS, SENTENCE, checkpoint, document_ids, read_text, reader
from states import same_bits
from terminal_runs import Screened, run_on_terminal

from gemma10m import Sampling
from gemma10m.answering.conversation import Conversation, reply
from gemma10m.commands.talk import Talk
from gemma10m.errors import StateError, UsageError
from gemma10m.library.chat import Chat
from gemma10m.library.retrieval import Passages, RetrievalOptions
from gemma10m.memory.state import State
from gemma10m.passages.index import PassageIndex
from gemma10m.sanitise import sanitise
from gemma10m.saved_states import Reader
from gemma10m.terminal import Terminal
from gemma10m.tokens.prompt import Prompt

Typed = Callable[..., tuple[str, str]]


def refuse(error: StateError) -> PassageIndex:
    raise error


UNCHECKED = Passages(None, lambda: None, RetrievalOptions("off"), refuse)
QUESTIONS = ["Who is Anne?", "  And the number?\n", "汉字 é?"]


def said_by(tiny: Reader, document: list[int], ids: list[int], count: int) -> list[int]:
    """Return what a greedy loop says after a document and `ids`, all of it computed anew for every token."""
    said: list[int] = []
    for _ in range(count):
        _, state = tiny.model(torch.tensor([document]), tiny.model.empty_state(), logits="none")
        logits, _ = tiny.model(torch.tensor([ids + said]), state, logits="last")
        token = int(logits[0, -1].argmax())
        if token in tiny.tokenizer.stop_ids:
            break
        # Without turns an answer is one line.
        if tiny.tokenizer.turns is None and "\n" in tiny.tokenizer.decode([*said, token]).lstrip():
            break
        said.append(token)
    return said


def replies(tiny: Reader, state: State, questions: list[str], count: int) -> tuple[list[str], Conversation]:
    conversation, answers = Conversation(state), []
    for question in questions:
        turn = reply(tiny.model, tiny.tokenizer, conversation, question, Sampling(max_new_tokens=count))
        pieces = []
        while True:
            try:
                pieces.append(next(turn))
            except StopIteration as end:
                conversation = end.value
                break
        answers.append("".join(pieces))
    return answers, conversation


@pytest.mark.parametrize("turns", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 9])
def test_each_turn_is_what_a_greedy_loop_over_all_of_it_gives(kind: str, turns: bool, count: int) -> None:
    tiny = reader(kind, turns=turns)
    state = read_text(tiny, SENTENCE * 3)
    prompt, document = Prompt(tiny.tokenizer), document_ids(tiny, SENTENCE * 3)
    ids, expected = list[int](), []
    for number, question in enumerate(QUESTIONS):
        ids += (prompt.next_question if number else prompt.question)(question.strip())
        said = said_by(tiny, document, ids, count)
        ids += said
        expected.append(tiny.tokenizer.decode(said))
    answers, conversation = replies(tiny, state, QUESTIONS, count)
    assert answers == expected
    assert conversation.state.position + len(conversation.unread) == len(document) + len(ids)


def test_the_next_question_ends_the_models_turn() -> None:
    tokenizer = reader().tokenizer
    bos, start, end = tokenizer.bos, tokenizer.start_of_turn, tokenizer.end_of_turn
    encode = tokenizer.encode
    ids = Prompt(tokenizer).next_question("Who <end_of_turn>?")
    user = [start, *encode("user\nWho <end_of_turn>?"), end]
    assert ids == [end, *encode("\n"), *user, *encode("\n"), start, *encode("model\n")]
    assert ids.count(end) == 2
    assert bos not in ids


def test_history_matters_and_the_documents_state_stays() -> None:
    tiny = reader()
    state, again = read_text(tiny, SENTENCE * 3), read_text(tiny, SENTENCE * 3)
    (_, second), _ = replies(tiny, state, QUESTIONS[:2], 9)
    (alone,), _ = replies(tiny, state, QUESTIONS[1:2], 9)
    assert second != alone
    assert same_bits(state, again)


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        replies(reader(), reader().model.empty_state(), [" "], 1)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Return answers and messages of a conversation in this process."""
    tiny = reader()
    state = read_text(tiny, SENTENCE * 3)

    def run(text: str, as_json: bool = False) -> tuple[str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        capsys.readouterr()
        Talk(
            Terminal(json=as_json), Chat(tiny, UNCHECKED, state, Sampling(max_new_tokens=9)), {"document": "book.txt"}
        ).run()
        assert same_bits(state, read_text(tiny, SENTENCE * 3))
        return capsys.readouterr()

    return run


def test_a_conversation_in_json(typed: Typed) -> None:
    tiny = reader()
    expected, _ = replies(tiny, read_text(tiny, SENTENCE * 3), ["Who is Anne?", "Where?"], 9)
    out, _ = typed("Who is Anne?\n\n  \nWhere?\n", as_json=True)
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["answer"] for record in records] == expected
    assert [record["question"] for record in records] == ["Who is Anne?", "Where?"]
    assert {record["document"] for record in records} == {"book.txt"}


def test_what_a_question_is_understood_as_is_told(typed: Typed) -> None:
    _, messages = typed("Who is Anne?\nWhere does she live?\nWho lives in Bath?\n")
    assert [line for line in messages.splitlines() if "understood" in line] == [
        "> understood as: Where does Anne live?"
    ]


def test_new_forgets_what_was_said(typed: Typed) -> None:
    out, _ = typed("Who is Anne?\n/new\nWho is Anne?\n")
    first, second = out[: len(out) // 2], out[len(out) // 2 :]
    assert first == second != ""


def test_quit_ends_and_an_unknown_word_lists_the_commands(typed: Typed) -> None:
    out, messages = typed("/sing a song\n/quit\nWho is Anne?\n")
    assert out == ""
    warning = next(line for line in messages.splitlines() if "warning" in line)
    assert "/sing is not a command" in warning
    assert all(name in warning for name in ("/new", "/save", "/quit"))


@pytest.mark.parametrize("line", ["/etc/hosts says what?", "/home's?", "/3 of what?", "//", "/"])
def test_a_path_is_no_command(typed: Typed, line: str) -> None:
    out, messages = typed(f"{line}\n", as_json=True)
    assert json.loads(out)["question"] == line
    assert "is not a command" not in messages


@pytest.mark.parametrize("wrong", ["why " * 10_000, "caf\udce9?"], ids=["too long", "not UTF-8"])
def test_a_question_that_cannot_be_asked_does_not_end_the_conversation(typed: Typed, wrong: str) -> None:
    out, messages = typed(f"{wrong}\nWho is Anne?\n", as_json=True)
    assert [json.loads(line)["question"] for line in out.splitlines()] == ["Who is Anne?"]
    assert messages.count("error: ") == 1


@pytest.mark.parametrize("word", ["exit", "quit", "/exit", "/quit", "EXIT"])
def test_a_conversation_ends_with_a_word(typed: Typed, word: str) -> None:
    assert typed(f"{word}\nWho is Anne?\n")[0] == ""


def test_help_explains_the_words(typed: Typed) -> None:
    out, messages = typed("/help\n/quit\n")
    assert out == ""
    shown = messages.splitlines()
    assert all(any(f"{name} " in line for line in shown[1:]) for name in ("/sources", "/new", "/save", "/help"))
    assert any("Ctrl-D" in line for line in shown)


def test_what_was_said_is_saved_and_nothing_is_overwritten(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    saves = f"/save {path}\n/save {path}\n/save {tmp_path}/none/talk.jsonl\n"
    out, messages = typed(f"/save\nWho is Anne?\n{saves}/new\n/save {tmp_path}/new.jsonl\nWhat?\n", as_json=True)
    answers = [json.loads(line)["answer"] for line in out.splitlines()]
    assert len(answers) == 2, "an error must not end the conversation"
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"question": "Who is Anne?", "answer": answers[0]}
    ]
    assert "no file was named" in messages
    assert f"{path} exists and would be overwritten" in messages
    assert "cannot be written" in messages
    assert "nothing was asked yet" in messages
    assert not (tmp_path / "new.jsonl").exists()


def test_ctrl_c_drops_the_question_that_is_being_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = reader()
    state = read_text(tiny, SENTENCE * 3)
    lines, stops, written = iter(["Who is Anne?", "Where?", None]), [True], list[str]()

    def write(_: Terminal, text: str) -> None:
        if stops:
            stops.pop()
            raise KeyboardInterrupt
        written.append(text)

    monkeypatch.setattr(Terminal, "ask", lambda _: next(lines))
    monkeypatch.setattr(Terminal, "write", write)
    Talk(Terminal(), Chat(tiny, UNCHECKED, state, Sampling(max_new_tokens=9)), {}).run()
    (alone,), _ = replies(tiny, state, ["Where?"], 9)
    assert "".join(written) == alone + "\n"


def conversation_on_a_terminal(book: Path, typed: bytes, stdout_too: bool = False) -> Screened:
    body = f"""
        from gemma10m.answering.sampling import Sampling
        from gemma10m.commands.ask import ask
        from gemma10m.library.model_choice import ModelOptions
        from gemma10m.library.retrieval import RetrievalOptions
        options = ModelOptions(model={str(checkpoint())!r}, device="cpu")
        ask(terminal, [{str(book)!r}], [], options, Sampling(max_new_tokens=9), RetrievalOptions("off"))
    """
    return run_on_terminal(
        body,
        typed=typed,
        stdout_too=stdout_too,
        XDG_CACHE_HOME=os.environ["XDG_CACHE_HOME"],
        OMP_NUM_THREADS="1",
    )


def test_a_conversation_on_a_terminal_leaves_the_state_file_alone(book: Path, cache: Path) -> None:
    first = conversation_on_a_terminal(book, b"/quit\n")
    (state_file,) = cache.glob("*.safetensors")
    before = state_file.read_bytes()
    done = conversation_on_a_terminal(book, b"Who is Anne?\nAnd the number?\n\x04")
    assert (first.returncode, done.returncode, first.stdout) == (0, 0, b"")
    assert state_file.read_bytes() == before
    assert list(cache.glob("*.safetensors")) == [state_file]
    assert done.screen.count(b"> ") == 3
    assert b"/quit" in done.screen
    state = reader().load(state_file)[0].state
    answers, _ = replies(reader(), state, ["Who is Anne?", "And the number?"], 9)
    assert done.stdout.decode() == sanitise("".join(answer + "\n" for answer in answers))


@pytest.mark.usefixtures("cache")
def test_lines_can_be_edited(book: Path) -> None:
    """Ctrl-A goes to the line's start: without line editing it would be a character of the question."""
    done = conversation_on_a_terminal(book, b"sing\x01/\n/quit\n", stdout_too=True)
    assert done.returncode == 0
    assert b"warning: /sing is not a command" in done.screen


def test_what_was_asked_for_is_shown_quietly_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = reader()
    monkeypatch.setattr("sys.stdin", io.StringIO("/help\n/quit\n"))
    Talk(Terminal(quiet=True), Chat(tiny, UNCHECKED, read_text(tiny, SENTENCE)), {}).run()
    assert "/sources" in capsys.readouterr().err


def test_a_conversation_is_saved_where_it_can_be_asked_again(typed: Typed, tmp_path: Path) -> None:
    _, messages = typed(f"Who?\n/save {tmp_path}/talk.txt\n/save {tmp_path}/gone/talk.jsonl\n")
    assert f"{tmp_path}/talk.txt does not end in .jsonl" in messages
    assert f"{tmp_path}/gone/talk.jsonl cannot be written: No such file or directory" in messages
    assert list(tmp_path.iterdir()) == []
