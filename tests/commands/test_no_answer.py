"""`no answer`: what says nothing is never shown as an answer, what was shown is never called none; the code is 10."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
from planted_tale import DEMO, FACT, KNOWN
from typer.testing import CliRunner

from gemma10m.answering.conversation import Conversation
from gemma10m.answering.sampling import Sampling
from gemma10m.cli import app
from gemma10m.commands.answers import CUT_OFF, NOT_FOUND, NOT_SEARCHED, SAME_WORDS
from gemma10m.commands.ask import ask
from gemma10m.errors import NoAnswer
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.passages.statements import NOT_IN_TEXT, REFUSAL, begins_to_say
from gemma10m.terminal import Terminal

pytestmark = pytest.mark.usefixtures("cache")
INVENTED = ("I think so. ", "It rained ", "for a week. ", "Nobody knew.")
UNHEARD = "Why do elephants dance?"


def model_says(monkeypatch: pytest.MonkeyPatch, *pieces: str, cut: bool = False) -> None:
    def reply(_: object, __: object, before: Conversation, *___: object) -> Generator[str, None, Conversation]:
        yield from pieces
        return replace(before, cut_off=cut)

    monkeypatch.setattr("gemma10m.library.chat.reply", reply)


def asked(tale: Path, question: str, options: RetrievalOptions | None = None, as_json: bool = False) -> None:
    ask(Terminal(json=as_json), [str(tale)], [question], DEMO, Sampling(), options or RetrievalOptions())


def talked(monkeypatch: pytest.MonkeyPatch, tale: Path, *lines: str, recall: str = "auto") -> list[str]:
    """Return the pieces that a conversation wrote to standard output."""
    typed, written = iter([*lines, "/quit"]), list[str]()
    write = Terminal.write

    def kept(terminal: Terminal, text: str) -> None:
        written.append(text)
        write(terminal, text)

    monkeypatch.setattr(Terminal, "ask", lambda _: next(typed))
    monkeypatch.setattr(Terminal, "interactive", True)
    monkeypatch.setattr(Terminal, "write", kept)
    ask(Terminal(), [str(tale)], [], DEMO, Sampling(), RetrievalOptions(recall))
    return [piece for piece in written if piece.strip()]


@pytest.mark.parametrize("question", ["What is this about?", "Who is she?", "Who?"])
@pytest.mark.parametrize("made", [REFUSAL, ""])
def test_a_question_without_a_word_to_search_for_says_nothing_of_the_text(
    tale: Path, question: str, made: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_says(monkeypatch, made)
    with pytest.raises(NoAnswer):
        asked(tale, question)
    told = capsys.readouterr()
    assert told.out.strip() == ""
    assert f"no answer; {NOT_SEARCHED}" in told.err


def test_what_cannot_be_compared_says_nothing_of_the_text(
    tale: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_says(monkeypatch, "Elephants.")
    monkeypatch.setattr("gemma10m.library.retrieval._is_indexed", lambda *_: False)
    with pytest.raises(NoAnswer):
        asked(tale, UNHEARD, RetrievalOptions(strict=True))
    assert capsys.readouterr().out.strip() == ""


@pytest.mark.parametrize("recall", ["auto", "off"])
@pytest.mark.parametrize("pieces", [("not ", "in the", " text"), ("I do not ", "know. ", "It may be ", "30518.")])
def test_a_refusal_is_no_answer_in_a_conversation(
    tale: Path,
    recall: str,
    pieces: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model_says(monkeypatch, *pieces)
    saved = tale.with_name("talk.jsonl")
    talked(monkeypatch, tale, KNOWN, "/sources", f"/save {saved}", recall=recall)
    told = capsys.readouterr()
    assert pieces[0] not in told.out
    assert told.err.count("no answer") == 2
    assert told.out.count(FACT) == (2 if recall == "auto" else 0)
    assert "unverified" not in told.err
    assert json.loads(saved.read_text()) == {"question": KNOWN, "answer": ""}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_refusal_is_no_answer_without_passages(
    tale: Path, as_json: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_says(monkeypatch, "not in ", "the text")
    with pytest.raises(NoAnswer):
        asked(tale, "Who is she?", RetrievalOptions("off"), as_json)
    told = capsys.readouterr()
    assert "no answer" in told.err
    if as_json:
        record = json.loads(told.out)
        assert (record["answer"], record["verdict"]) == ("", "no answer")
    else:
        assert told.out.strip() == ""


def test_what_was_shown_is_unverified(
    tale: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_says(monkeypatch, *INVENTED)
    pieces = talked(monkeypatch, tale, UNHEARD)
    told = capsys.readouterr()
    assert "".join(pieces).strip() == "".join(INVENTED)
    assert len(pieces) > 1, "the answer was not shown while it was generated"
    assert told.err.count(NOT_FOUND) == 3
    assert "no answer" not in told.err


def test_what_was_not_shown_yet_is_withheld_as_by_ask(
    tale: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_says(monkeypatch, "They dance ", "for joy.")
    assert talked(monkeypatch, tale, UNHEARD) == [NOT_IN_TEXT]
    assert "no answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "begun"),
    [
        ("", False),
        ("Anne lived", False),
        ("Anne lived by the sea.", False),
        ("The number is", False),
        ("The number is no", False),
        ("The number is not given", False),
        ("The number is n", False),
        ("The number is: 3", True),
        ("Anne lived by the sea. And", True),
        ("What mill? The", False),
        ("I do not know. Perhaps", False),
        ("I do not know. Anne lived by the sea. Perhaps", False),
        ("I do not know " + "why she said that " * 20, False),
        ("She never knew " + "why she said that " * 20, True),
    ],
)
def test_an_answer_is_shown_once_it_cannot_become_a_refusal(said: str, begun: bool) -> None:
    assert begins_to_say(said) is begun


def test_a_sentence_that_has_the_answers_words_is_not_denied(
    tale: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tale.write_text("The mill was not sold to Anne.\n")
    model_says(monkeypatch, "The mill was sold to Anne.")
    asked(tale, "Who bought the mill?")
    err = capsys.readouterr().err
    assert f"{SAME_WORDS}: The mill was sold to Anne." in err
    assert NOT_FOUND not in err
    model_says(monkeypatch, "The mill was sold to Mary.")
    asked(tale, "Who bought the mill?")
    err = capsys.readouterr().err
    assert f"{NOT_FOUND}: The mill was sold to Mary." in err
    assert SAME_WORDS not in err


@pytest.mark.parametrize("strict", [True, False])
def test_an_answer_that_is_withheld_is_not_called_cut_off(
    tale: Path, strict: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_says(monkeypatch, "They dance for joy", cut=True)
    with pytest.raises(NoAnswer):
        asked(tale, UNHEARD, RetrievalOptions(strict=strict))
    assert CUT_OFF not in capsys.readouterr().err
    asked(tale, "How late was it?")
    assert CUT_OFF in capsys.readouterr().err


def test_no_answer_has_a_code_after_all_questions(tale: Path) -> None:
    words = ["ask", str(tale), "-m", "demo", "--device", "cpu", "--max-new-tokens", "40"]
    done = CliRunner().invoke(app, [*words, "-q", UNHEARD, "-q", KNOWN])
    assert done.exit_code == 10
    assert FACT.split()[-1] in done.stdout
    assert "error: 1 of 2 questions have no answer" in done.stderr
    assert CliRunner().invoke(app, [*words, KNOWN]).exit_code == 0


def test_no_answer_in_a_list_has_the_same_code(tale: Path) -> None:
    questions, output = tale.with_name("questions.txt"), tale.with_name("answers.jsonl")
    questions.write_text(f"{UNHEARD}\n{KNOWN}\n")
    words = ["ask", str(tale), "-m", "demo", "--device", "cpu", "--max-new-tokens", "40"]
    done = CliRunner().invoke(app, [*words, "--questions", str(questions), "-o", str(output)])
    assert done.exit_code == 10
    assert [json.loads(line)["verdict"] for line in output.read_text().splitlines()] == ["no answer", "verified"]
