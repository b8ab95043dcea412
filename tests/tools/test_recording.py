"""`tools/record_guides.py`: what a terminal shows at the end, without what differs between two runs."""

from __future__ import annotations

import gzip
import json
import signal
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import debs
import pytest
import record_guides
from fetch_manuals import POLICY, POLICY_PATH
from recording import desk_files, session
from recording.cleaning import cleaned
from recording.guides import GUIDES, Guide, Step
from recording.judging import Known, judged
from recording.pages import BEGIN, END, commands, filled, picture, transcript
from recording.screen import Screen
from recording.session import Desk, Ran
from typer.testing import CliRunner

from gemma10m.cli import app
from gemma10m.errors import Gemma10MError

HOME = Path("/tmp/guide-1234")


def lines(written: str, columns: int = 20) -> list[str]:
    screen = Screen(columns)
    screen.feed(written)
    return [*screen.lines()]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a 10%\r\x1b[2Ka 100%\r\nend\r\n", ["a 100%", "end", ""]),
        ("long line\rshort", ["shortline"]),
        ("long line\rshort\x1b[K", ["short"]),
        ("one\r\ntwo\x1b[1A\r\x1b[2Kthree", ["three", "two"]),
        ("\x1b[?25l\x1b[1;31mred\x1b[0m\x1b[?25h plain", ["red plain"]),
        ("\x1b]0;a title\x07text\b!", ["tex!"]),
        ("a\tb", ["a       b"]),
        ("0123456789" * 2 + "\r\nnext", ["0123456789" * 2, "next"]),
        ("0123456789" * 2 + "wrapped", ["0123456789" * 2, "wrapped"]),
    ],
)
def test_a_screen_shows_what_is_left(written: str, shown: list[str]) -> None:
    assert lines(written) == shown


def test_a_colour_is_kept_where_it_applies() -> None:
    screen = Screen(20)
    screen.feed("\x1b[1m\x1b[31mred\x1b[0m plain")
    assert [*screen.coloured_lines()] == ["\x1b[0;1;31mred\x1b[0m plain"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("joined into /tmp/guide-1234/.cache/x", "joined into ~/.cache/x"),
        ("read 9 of 9 tokens in 10s (13.2K tok/s), state 1.0 MB", "read 9 of 9 tokens in … (… tok/s), state 1.0 MB"),
        (
            "2.0K / ~135K tokens  1%  6.5K tok/s  1m 05s left  RAM 321 MB",
            "2.0K / ~135K tokens  1%  … tok/s  … left  RAM …",
        ),
        ("146 KB / 467 KB  31%  799 B/s  6m 42s left", "146 KB / 467 KB  31%  … B/s  … left"),
        ("2,890 euros, 4 left, the RAM has 12 MB", "2,890 euros, 4 left, the RAM has 12 MB"),
    ],
)
def test_only_what_differs_between_two_runs_is_taken_out(written: str, kept: str) -> None:
    assert cleaned(written, HOME) == kept


def test_a_command_sees_a_terminal_of_100_columns_and_no_settings_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GEMMA10M_MODEL", "XDG_CACHE_HOME", "NO_COLOR", "COLUMNS"):
        monkeypatch.setenv(name, "42")
    desk = Desk(tmp_path / "home")
    desk.prepare()
    asked = 'test -t 0 && test -t 1 && test -t 2 && stty size; echo "${GEMMA10M_MODEL-}${XDG_CACHE_HOME-}$HOME"; exit 3'
    assert desk.show(asked) == Ran(asked, 3, "50 100\r\n~\r\n")
    assert desk.show("false | true").status == 1
    assert desk.output("pwd; test -t 1 || gemma10m --version").splitlines()[0] == str(desk.folder)


def test_a_command_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LONGEST", 0.2)
    desk = Desk(tmp_path / "home")
    desk.prepare()
    assert desk.show("echo begun; sleep 60").status == -signal.SIGKILL


def test_a_transcript_gives_its_commands_back() -> None:
    recorded = [Ran("ask x \\\n    -q y", 0, "a\r\n> quoted\r\n\r\n"), Ran("echo", 0, ""), Ran("cat", 0, "b\r\n")]
    text = transcript(recorded)
    assert text == "$ ask x \\\n>     -q y\na\n> quoted\n\n$ echo\n\n$ cat\nb\n"
    assert commands(text) == [ran.command for ran in recorded]


def test_the_picture_has_every_line_and_fetches_nothing() -> None:
    found = picture("books", [Ran("echo", 0, "\x1b[31mred & <b>\x1b[0m\r\nplain\r\n")])
    texts = " ".join("".join(ElementTree.fromstring(found).itertext()).split())
    assert "red" in texts
    assert "& <b>" in texts
    assert "plain" in texts
    assert "@font-face" not in found
    assert "url(http" not in found
    assert found == picture("books", [Ran("echo", 0, "\x1b[31mred & <b>\x1b[0m\r\nplain\r\n")])


def said(answer: str, verdict: str, *right: str) -> str:
    record = json.dumps({"question": "Who?", "answer": answer, "verdict": verdict})
    return judged([Known("Who?", right, "It is Ann.")], record)[0].sentence.removeprefix("* *Who?* ")


def test_an_answer_is_judged_by_what_a_reader_found() -> None:
    assert said("Ann.", "verified", "Ann") == "Right, and verified."
    assert said("the old Ann", "unverified", "Bob", "Ann") == "Right, and marked as unverified."
    assert said("Anne", "verified", "Ann") == "Wrong, and verified. Right is *Ann*: “It is Ann.”"
    assert said("Bob", "unverified", "Ann") == "Wrong, and marked as unverified. Right is *Ann*: “It is Ann.”"
    assert said("", "no answer", "Ann") == "No answer, though the text has one. Right is *Ann*: “It is Ann.”"
    assert said("", "no answer") == "The text does not say, and there is no answer."
    assert said("Bob", "unverified") == "Wrong, and marked as unverified: the text does not say."


def test_a_page_changes_between_its_marks_alone() -> None:
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\nMore.\n"
    once = filled(page, "books", "$ echo\n```\n", [])
    assert once.startswith(f"# Title\n\n{BEGIN}\n````text\n$ echo\n```\n````\n")
    assert once.endswith(f"{END}\n\nMore.\n")
    assert "old" not in once
    assert filled(once, "books", "$ echo\n```\n", []) == once
    with pytest.raises(ValueError, match="no <!-- recording -->"):
        filled("# Title\n", "books", "", [])


SMALL = Guide("small", lambda folder, manual: None, (Step("echo yes"),))
ANSWER = 'echo \'{"question": "Who?", "answer": "Ann", "verdict": "verified"}\' #'


@pytest.fixture
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_guides, "FIRST", "true")


@pytest.mark.usefixtures("_no_model")
def test_a_recording_is_written_as_text_as_a_picture_and_into_its_page(tmp_path: Path) -> None:
    (tmp_path / "small.md").write_text(f"{BEGIN}\n{END}\n")
    guide = replace(SMALL, steps=(*SMALL.steps, Step(ANSWER, (Known("Who?", ("Ann",)),))))
    recording = record_guides.record(guide)
    record_guides.write(guide, recording, tmp_path)
    text = (tmp_path / "transcripts" / "small.txt").read_text()
    assert commands(text) == [step.command for step in guide.steps]
    assert text.startswith("$ echo yes\nyes\n")
    assert text in (tmp_path / "small.md").read_text()
    assert "Right answers: 1 of 1." in (tmp_path / "small.md").read_text()
    assert (tmp_path / "transcripts" / "small.svg").read_text().startswith("<svg")


@pytest.mark.usefixtures("_no_model")
def test_a_command_that_fails_is_not_recorded() -> None:
    with pytest.raises(Gemma10MError, match="`exit 3` ended with status 3"):
        record_guides.record(replace(SMALL, steps=(Step("exit 3"),)))
    with pytest.raises(Gemma10MError, match=r"`test -t 1 --json \|\| test \$\? -eq 10` ended with status 1"):
        record_guides.record(replace(SMALL, steps=(Step("test -t 1", (Known("Who?"),)),)))


def test_a_question_that_may_have_no_answer_is_asked_again_without_failing() -> None:
    step = Step('gemma10m ask x "Who?" --strict || echo "exit code $?"')
    assert step.asked_again == 'gemma10m ask x "Who?" --strict --json || test $? -eq 10'
    assert Step('gemma10m ask x "Who?" --json | jq .').asked_again == 'gemma10m ask x "Who?" --json || test $? -eq 10'


@pytest.mark.usefixtures("_no_model")
def test_an_answer_that_the_recording_does_not_show_is_refused() -> None:
    step = Step("if test -t 1; then echo no; exit; fi; " + ANSWER, (Known("Who?", ("Ann",)),))
    with pytest.raises(Gemma10MError, match="did not answer 'Ann'"):
        record_guides.record(replace(SMALL, steps=(step,)))


def test_a_manual_that_is_not_here_is_taken_out_of_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = debs.deb(POLICY.name, debs.tar({f"./{POLICY_PATH}": gzip.compress(b"%PDF fetched")}))
    monkeypatch.setattr(desk_files, "fetch_deb", lambda manual, meter: package)
    GUIDES["pdf"].lay_out(tmp_path, None)
    assert (tmp_path / "policy.pdf").read_bytes() == b"%PDF fetched"


@pytest.mark.usefixtures("_no_model")
def test_the_tool_records_the_guides_that_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(record_guides, "GUIDES", {"small": SMALL})
    monkeypatch.setattr(record_guides, "PAGES", tmp_path)
    (tmp_path / "small.md").write_text(f"{BEGIN}\n{END}\n")
    record_guides.main(["small"])
    assert capsys.readouterr().out == "small: 1 commands, 0 of 0 answers right\n"
    assert "$ echo yes\nyes\n" in (tmp_path / "small.md").read_text()
    with pytest.raises(SystemExit):
        record_guides.main(["large"])
    assert "no such guide: large" in capsys.readouterr().err


@pytest.mark.parametrize("guide", GUIDES.values(), ids=lambda guide: guide.name)
def test_a_guide_s_known_questions_are_those_that_its_commands_ask(guide: Guide) -> None:
    assert 4 <= len(guide.steps) <= 6
    for step in guide.steps:
        assert bool(step.known) == (step.command.startswith("gemma10m ask") and "-m demo" not in step.command)
        assert all(f'"{known.question}"' in step.command for known in step.known)
        assert all(bool(known.answers) == bool(known.source) for known in step.known)
    assert any(not known.answers for step in guide.steps for known in step.known)


@pytest.mark.parametrize("name", ["books", "repositories", "mailbox"])
def test_what_a_reader_found_is_in_the_documents(name: str, tmp_path: Path) -> None:
    GUIDES[name].lay_out(tmp_path, None)
    text = " ".join(CliRunner().invoke(app, ["text", *map(str, tmp_path.iterdir())]).stdout.split())
    for step in GUIDES[name].steps:
        for known in step.known:
            assert known.source in text
