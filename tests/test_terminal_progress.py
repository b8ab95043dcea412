import errno
import io
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from terminal_runs import clean_environment, program, run_on_terminal

from gemma10m import terminal as terminal_module
from gemma10m.progress import ProgressView, format_bytes, format_count, format_duration, reading_status
from gemma10m.terminal import Terminal, _LiveLine

VIEW = ProgressView(
    tokens_read=12_345,
    tokens_total=456_000,
    total_is_exact=False,
    bytes_done=27_000,
    bytes_total=1_000_000,
    tokens_per_second=1234.5,
    seconds_left=754.0,
    device_memory=(5_100_000_000, 24_000_000_000),
    process_memory=812_000_000,
    state_bytes=1_100_000,
)
PLAIN = (
    "Reading: 12.3K / ~456K tokens, 2%, 1.2K tok/s, 12m 34s left, GPU 5.1/24.0 GB, RAM 812 MB, state 1.1 MB"  # one line
)
COLOUR = re.compile(rb"\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7])\b[0-9;]*m")

sizes = st.integers(0, 10**14)
views = st.builds(
    ProgressView,
    tokens_read=sizes,
    tokens_total=sizes,
    total_is_exact=st.booleans(),
    bytes_done=sizes,
    bytes_total=sizes,
    tokens_per_second=st.floats(0),
    seconds_left=st.none() | st.floats(0),
    device_memory=st.none() | st.tuples(sizes, sizes),
    process_memory=sizes,
    state_bytes=sizes,
)


def drawn(view: ProgressView, width: int) -> str:
    line = _LiveLine("Reading", no_color=True)
    line.show(reading_status(view))
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(line)
    return console.file.getvalue()


@given(views, st.integers(1, 250))
def test_any_view_is_one_line_at_any_width(view: ProgressView, width: int) -> None:
    text = drawn(view, width)
    assert text.count("\n") == 1
    assert len(text.rstrip("\n")) <= width


def test_a_wide_terminal_shows_everything_with_a_bar() -> None:
    text = drawn(VIEW, 140)
    assert re.match(r"Reading ━ +12\.3K / ~456K tokens  2%  1\.2K tok/s  12m 34s left  ", text)
    assert text.endswith("GPU 5.1/24.0 GB  RAM 812 MB  state 1.1 MB\n")


def test_eighty_columns_still_show_everything() -> None:
    assert drawn(VIEW, 80) == "12.3K/~456K 2% 1.2K tok/s 12m 34s left GPU 5.1/24 GB RAM 812 MB state 1.1 MB\n"


def test_narrow_terminals_keep_what_matters_most() -> None:
    assert drawn(VIEW, 40) == "12.3K/~456K 2% 1.2K tok/s 12m 34s left\n"
    assert drawn(VIEW, 12) == "12.3K/~456K\n"


def test_the_part_done_is_counted_in_tokens_once_their_number_is_known() -> None:
    estimated = ProgressView(500, 2000, False, 10, 100, 1.0, None, None, 0, 0)
    known = ProgressView(500, 2000, True, 10, 100, 1.0, None, None, 0, 0)
    unknown = ProgressView(500, 0, False, 10, 0, 1.0, None, None, 0, 0)
    assert (estimated.fraction, known.fraction, unknown.fraction) == (0.1, 0.25, None)
    assert re.fullmatch(r"Reading ━{10} +500 / 2\.0K tokens  25%  1\.0 tok/s  RAM 0 B  state 0 B\n", drawn(known, 120))
    assert drawn(unknown, 120).strip() == "Reading 500 tokens  1.0 tok/s  RAM 0 B  state 0 B"


def test_a_hundred_percent_is_said_only_at_the_end() -> None:
    nearly = ProgressView(999_999, 1_000_000, True, 0, 0, 1.0, None, None, 0, 0)
    assert "99%" in drawn(nearly, 120)


BODY = f"""
    with terminal.progress("Reading") as progress:
        progress.update({VIEW!r})
        terminal.write("ANSWER\\n")
        print("PRINTED")
    terminal.write("AFTER\\n")
"""


def test_the_answer_reaches_the_pipe_while_progress_is_on_a_terminal() -> None:
    done = run_on_terminal(BODY)
    assert (done.returncode, done.stdout) == (0, b"ANSWER\nPRINTED\nAFTER\n")
    assert b"ANSWER" not in done.screen
    assert b"12.3K/~456K" in done.screen


@pytest.mark.parametrize("columns", [30, 80, 200])
def test_the_terminal_shows_one_line(columns: int) -> None:
    done = run_on_terminal(BODY, columns=columns)
    assert done.returncode == 0
    assert b"\x1b[1A" not in done.screen  # rich goes up a row only when there are two
    assert done.screen.count(b"\n") == 1


def test_messages_stand_above_the_line() -> None:
    body = """
        with terminal.progress("Reading"):
            terminal.note("skipped [bold]a\\x1b[2J[/nope] " + "x" * 100)
    """
    done = run_on_terminal(body)
    assert done.returncode == 0
    assert b"\r\x1b[2Kskipped [bold]a\\x1b[2J[/nope] " + b"x" * 100 + b"\r\n" in done.screen


def test_colour_is_shown_unless_unwanted() -> None:
    assert COLOUR.search(run_on_terminal(BODY, columns=200).screen)
    assert not COLOUR.search(run_on_terminal(BODY, columns=200, NO_COLOR="1").screen)
    assert not COLOUR.search(run_on_terminal(BODY, columns=200, options="no_color=True").screen)


@pytest.mark.parametrize("name", ["dumb", "unknown"])
def test_a_terminal_that_cannot_redraw_gets_plain_lines(name: str) -> None:
    assert run_on_terminal(BODY, TERM=name).screen == f"{PLAIN}\r\n".encode()


def test_quiet_shows_no_progress() -> None:
    done = run_on_terminal(BODY, options="quiet=True")
    assert (done.stdout, done.screen) == (b"ANSWER\nPRINTED\nAFTER\n", b"")


def test_an_error_leaves_the_terminal_in_order() -> None:
    done = run_on_terminal("with terminal.progress('Reading'): raise MemoryError")
    assert done.returncode == 6
    assert done.screen.endswith(b"or choose a smaller model\r\n")
    assert done.screen.rfind(b"\x1b[?25h") > done.screen.rfind(b"\x1b[?25l") >= 0  # the cursor is back


def test_a_terminal_that_goes_away_does_not_end_the_read() -> None:
    body = f"""
        with terminal.progress("Reading") as progress:
            sys.stdin.readline()
            progress.update({VIEW!r})
            terminal.note("reading")
            time.sleep(0.5)
        terminal.note("saved")
        terminal.line("ANSWER")
    """
    leader, follower = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program(body)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=follower,
        env=clean_environment(),
    ) as process:
        os.close(follower)
        assert os.read(leader, 1)
        os.close(leader)
        stdout, _ = process.communicate(b"\n", timeout=60)
    assert (process.returncode, stdout) == (0, b"ANSWER\n")


class GoneTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_terminal_that_has_just_gone_does_not_end_the_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stderr", GoneTerminal())
    terminal = Terminal()
    with terminal.progress("Reading") as progress:
        progress.update(VIEW)
        terminal.note("reading")
    terminal.line("ANSWER")
    assert capsys.readouterr().out == "ANSWER\n"


def test_logs_get_a_line_every_ten_seconds_and_the_last_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(terminal_module, "time", SimpleNamespace(monotonic=lambda: now))
    with Terminal().byte_progress("Downloading", total=2_000_000) as progress:
        for now in range(100, 126):
            progress.update((now - 90) * 10_000)
    assert capsys.readouterr() == (
        "",
        "Downloading: 200 KB / 2.0 MB, 10%, 10.0 KB/s, 3m 00s left\n"
        "Downloading: 300 KB / 2.0 MB, 15%, 10.0 KB/s, 2m 50s left\n"
        "Downloading: 350 KB / 2.0 MB, 17%, 10.0 KB/s, 2m 45s left\n",
    )


def test_the_last_line_comes_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    monkeypatch.setattr(terminal_module, "time", SimpleNamespace(monotonic=lambda: now))
    with Terminal().progress("Reading") as progress:
        now = 11.0
        progress.update(VIEW)
    assert capsys.readouterr().err == f"{PLAIN}\n"


def test_progress_without_news_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal().progress("Reading"):
        pass
    assert capsys.readouterr() == ("", "")


def test_an_unknown_download_size(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal().byte_progress("Downloading", total=0) as progress:
        progress.update(1500)
    assert capsys.readouterr().err == "Downloading: 1.5 KB\n"


COUNTS = [(0, "0"), (999, "999"), (1000, "1.0K"), (12_345, "12.3K"), (99_949, "99.9K"), (99_950, "100K")]
COUNTS += [
    (456_000, "456K"),
    (999_499, "999K"),
    (999_500, "1.0M"),
    (10_000_000, "10.0M"),
    (2.75, "2.8"),
    (150.2, "150"),
]


@pytest.mark.parametrize(("number", "text"), COUNTS)
def test_counts(number: float, text: str) -> None:
    assert format_count(number) == text


BYTES = [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (812_000_000, "812 MB"), (24_000_000_000, "24.0 GB")]


@pytest.mark.parametrize(("size", "text"), BYTES)
def test_bytes(size: int, text: str) -> None:
    assert format_bytes(size) == text


DURATIONS = [(0, "0s"), (59.4, "59s"), (59.6, "1m 00s"), (754, "12m 34s"), (4980, "1h 23m"), (183_600, "2d 03h")]


@pytest.mark.parametrize(("seconds", "text"), [*DURATIONS, (-3, "0s"), (float("inf"), "?"), (float("nan"), "?")])
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
