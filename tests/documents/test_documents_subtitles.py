"""Subtitles in UTF-16, with words in angle brackets, without fractions of a second, and out of order."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of

SRT = (
    "1\r\n00:00:01,000 --> 00:00:04,000\r\n<I>Hello</I> <font color=red>there</font>,\r\n\r\n"
    "2\r\n00:00:05 --> 00:00:06\r\n<laughs> 5 < 6<br>and\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_only_tags_are_left_out_and_times_may_be_whole_seconds(tmp_path: Path, encoding: str) -> None:
    document = opened(tmp_path, "a.srt", SRT.encode(encoding))
    assert text_of(document) == "Hello there,\n<laughs> 5 < 6 and\n"
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
