"""Subtitles in UTF-16, with words in angle brackets, without fractions of a second, and out of order."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of

SRT = (
    "1\r\n00:00:01,000 --> 00:00:04,000\r\n<I>Hello</I> <font color=red>there</font>,\r\n\r\n"
    "2\r\n00:00:05 --> 00:00:06\r\n<laughs> 5 < 6<br>and\\Nmore\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_only_tags_are_left_out_and_times_may_be_whole_seconds(tmp_path: Path, encoding: str) -> None:
    document = opened(tmp_path, "a.srt", SRT.encode(encoding))
    assert text_of(document) == "Hello there,\n<laughs> 5 < 6 and more\n"
    assert [label for _, label in document.files[0].places] == ["time 00:00:01", "time 00:00:05"]


@pytest.mark.parametrize("name", ["a.vtt", "a"])
def test_web_captions_in_utf_16(tmp_path: Path, name: str) -> None:
    cue = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Anne>Hi\n"
    assert text_of(opened(tmp_path, name, cue.encode("utf-16"))) == "Anne: Hi\n"


@pytest.mark.parametrize("text", ["WEBVTT\nis how captions begin.\n", "1\n10:30,11:30 to noon\n"])
def test_a_text_that_speaks_of_subtitles_is_text(tmp_path: Path, text: str) -> None:
    assert text_of(opened(tmp_path, "a", text)) == text


def test_lines_are_in_the_order_of_their_times(tmp_path: Path) -> None:
    line = "Dialogue: 0,{},9:00:00.00,D,,0,0,0,,{}\n"
    events = (
        line.format("0:10:00.00", "third") + line.format("0:09:05.50", "second") + line.format("0:09:05.09", "first")
    )
    document = opened(tmp_path, "a.ass", f"[Script Info]\n\n[Events]\n{events}")
    assert text_of(document) == "first\nsecond\nthird\n"
    assert [label for _, label in document.files[0].places] == ["time 00:09:05", "time 00:09:05", "time 00:10:00"]


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_cues_are_in_the_order_of_their_times(tmp_path: Path, name: str) -> None:
    cue = "{} --> 01:00:00.000\n{}\n\n"
    times = ("00:01:00.000", "59.500", "59.250", "59.500")
    cues = "".join(cue.format(time.rjust(12, "0") if ":" in time else f"00:{time}", time) for time in times)
    document = opened(tmp_path, name, f"WEBVTT\n\n{cues}")
    assert text_of(document) == "59.250\n59.500\n59.500\n00:01:00.000\n"
    assert [label for _, label in document.files[0].places] == ["time 00:00:59"] * 3 + ["time 00:01:00"]


def test_numbers_in_angle_brackets_are_no_times(tmp_path: Path) -> None:
    said = "00:01.000 --> 00:02.000\nPress <4>, <5.5> or <10:30><00:01.500><01:00:01.500> now\n"
    assert text_of(opened(tmp_path, "a.srt", said)) == "Press <4>, <5.5> or <10:30> now\n"


DRAWINGS = {
    "before the words": (r"{\p1}m 0 0 l 1 1{\p0}The code is 42", "The code is 42\n"),
    "between words": (r"a {\an7\p12}m 0 0{\p2\i1}l 1 1{\i0\p}b{\p1}m 0 0", "a b\n"),
    "alone": (r"{\p1}m 0 0 l 1 1", ""),
    "none": (r"{\pos(1,2)}Sign {\pbo3}text", "Sign text\n"),
}


@pytest.mark.parametrize("case", DRAWINGS)
def test_only_drawings_are_left_out_of_a_line(tmp_path: Path, case: str) -> None:
    line, text = DRAWINGS[case]
    head = "[Script Info]\n\n[Events]\n"
    events = "".join(
        f"Dialogue: 0,0:00:0{number}.00,9:00:00.00,D,,0,0,0,,{each}\n" for number, each in enumerate((line, "end"))
    )
    assert text_of(opened(tmp_path, "a.ass", head + events)) == f"{text}end\n"


def test_blocks_of_substation_alpha_are_left_out(tmp_path: Path) -> None:
    line = r"{TL note: check}The mill{=12} bur{*\i1}ned{\i0}\N{x}down {and open"
    events = f"[Script Info]\n\n[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,D,,0,0,0,,{line}\n"
    assert text_of(opened(tmp_path, "a.ass", events)) == "The mill burned\ndown {and open\n"
