import os
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gemma10m.sanitise import sanitise, sanitise_line

HOSTILE = {
    "clear screen": ("\x1b[2J", r"\x1b[2J"),
    "window title": ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
    "clipboard": ("\x1b]52;c;cm0gLXJm\x1b\\", r"\x1b]52;c;cm0gLXJm\x1b" + "\\"),
    "C1 introducer": ("\x9b31m", r"\x9b31m"),
    "bidi override": ("\u202egnp.exe\u202c", r"\u202egnp.exe\u202c"),
    "bidi isolate": ("\u2066a\u2069", r"\u2066a\u2069"),
    "bell": ("\x07", r"\x07"),
    "carriage return": ("good\rbad", r"good\rbad"),
    "backspace": ("a\x08b", r"a\x08b"),
    "delete": ("\x7f", r"\x7f"),
    "NUL": ("\x00", r"\x00"),
    "next line": ("\x85", r"\x85"),
    "tags plane": ("\U000e0041\U000e007f", r"\U000e0041\U000e007f"),
    "private use": ("\ue000", r"\ue000"),
    "unassigned": ("\u0378", r"\u0378"),
    "byte-order mark": ("\ufeff", r"\ufeff"),
    "zero-width space": ("\u200b", r"\u200b"),
    "half of a pair": ("\ud800", r"\ud800"),
    "undecodable file name": (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
}
ORDINARY = [
    "",
    "Who is Anne?\n\tAnne Elliot.\n",
    "naïve café — “quoted”\u00a0…",
    "日本語の文\n",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian with a ZWNJ
    "👩\u200d👩\u200d👧 ❤\ufe0f",
    "e\u0301",
    r"[/nope] [bold] \x1b :smile:",
]
any_text = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x9b]0;52\x07\r\n\t\u202e\u200d\ufe0f\ud800\U000e0041"))
)


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_control_and_format_characters_become_visible(text: str, shown: str) -> None:
    assert sanitise(text) == shown


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert sanitise(text) == text


@given(any_text)
@example("".join(text for text, _ in HOSTILE.values()))
def test_nothing_forbidden_comes_out(text: str) -> None:
    for character in sanitise(text):
        allowed = unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
        assert allowed or character in "\n\t\u200c\u200d"


@given(any_text, any_text)
@example("\x1b", "[2J")
def test_a_cut_changes_nothing(left: str, right: str) -> None:
    assert sanitise(left) + sanitise(right) == sanitise(left + right)


@given(any_text)
def test_sanitised_text_stays_as_it_is(text: str) -> None:
    assert sanitise(sanitise(text)) == sanitise(text)


@given(any_text)
def test_a_line_is_one_line(text: str) -> None:
    assert "\n" not in sanitise_line(text)
    assert "\r" not in sanitise_line(text)
