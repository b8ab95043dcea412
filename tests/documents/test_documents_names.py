"""Names of files are shown on one line and can be turned back into the names that they are."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemma10m.documents.names import original, printable


@given(st.binary(max_size=20).map(os.fsdecode) | st.text(max_size=20))
def test_a_shown_name_is_printable_and_has_one_meaning(name: str) -> None:
    assert printable(name).isprintable() or not name.isprintable()
    assert original(printable(name)) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\x1b[2J", r"a\x1b[2J"), ("a\u2028b", r"a\u2028b"), ("a\\xff", r"a\\xff"), (os.fsdecode(b"a\xff"), r"a\xff")],
)
def test_control_characters_and_bytes_are_shown(name: str, shown: str) -> None:
    assert printable(name) == shown
