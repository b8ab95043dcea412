"""A word that a line's end divides is one word, unless its hyphen belongs to it."""

from __future__ import annotations

from collections import Counter

import pytest

from gemma10m.documents.formats.hyphens import Hyphens, whole_words


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["the lan-", "tern shone"], ["the lantern", "shone"]),
        (["a well-", "known man"], ["a well-known", "man"]),
        (["the kraken-", "versicherung there"], ["the krakenversicherung", "there"]),
        (["the kraken-", "mate and his mate"], ["the kraken-mate", "and his mate"]),
        (["the Ost-", "West trade"], ["the Ost-West", "trade"]),
        (["zxqb-", "vwkj, as zxqb-vwkj was"], ["zxqb-vwkj,", "as zxqb-vwkj was"]),
    ],
    ids=["of the list", "a word by itself", "in no list", "a word of the text", "a capital", "as elsewhere"],
)
def test_the_hyphen_is_kept_before_what_is_a_word_by_itself(lines: list[str], expected: list[str]) -> None:
    assert Hyphens(Counter(whole_words(lines))).joined(lines) == expected


def test_the_rest_of_a_divided_word_is_no_word() -> None:
    assert list(whole_words(["One two-", "fold, three\tfo-\vur five"])) == ["one", "two", "three", "fo", "five"]
