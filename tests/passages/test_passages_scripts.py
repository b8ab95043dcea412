"""Scripts without spaces between words, and points at them: what is searched is found, what is compared is exact."""

from __future__ import annotations

from pathlib import Path

import pytest
from passage_texts import written

from gemma10m.passages.building import build_index
from gemma10m.passages.comparable import read_terms
from gemma10m.passages.folding import fold, searchable
from gemma10m.passages.index import open_index
from gemma10m.passages.words import standing, telling


def test_scripts_without_spaces_are_searched_by_their_characters(tmp_path: Path) -> None:
    text = "很久以前有一个王国。公主住在高塔里。" * 40 + "国王的宝藏埋在老橡树下面。" + "冬天来了下了大雪。" * 40
    build_index(written(tmp_path / "tale.txt", text), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        assert "国王的宝藏埋在" in index.search(telling("国王的宝藏在哪里?"), 1)[0].text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("上海", "上海是最大的城市"),
        ("长江", "长江流经上海"),
        ("都", "東京都"),
        ("東京", "東京都"),
        ("iPhone", "iPhone手机"),
        ("手机", "iPhone手机"),
        ("서울", "서울은"),
        ("محمد", "مُحَمَّدٌ"),
        ("שלום", "שָׁלוֹם"),
    ],
)
def test_words_of_two_characters_and_without_points_are_found(words: str, line: str, tmp_path: Path) -> None:
    lines = [
        "上海是最大的城市。",
        "长江流经上海。",
        "He lives in 東京都 now.",
        "他买了iPhone手机。",
        "서울은 크다.",
        "قال مُحَمَّدٌ نعم.",
        "אמר שָׁלוֹם.",
    ]
    build_index(written(tmp_path / "lines.txt", "\n\n".join(lines)), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        (passage, *_) = index.search(telling(words), 5)
        assert line in passage.text
        assert standing(telling(words), [passage.text]) == [telling(words)]
        assert index.holders(telling(words)[0]) == 1
        assert index.search(telling("大京"), 5) == []  # both characters are there, and not side by side


def test_telling_words_are_two_characters_or_three() -> None:
    assert telling("หนังสือ हिन्दी") == ["หนั", "นัง", "ังส", "งสื", "สือ", "हिन्दी"]
    assert telling("上海 iPhone手机的 the東京都") == ["上海", "iphone", "手机", "机的", "東京", "京都"]


def test_what_is_compared_keeps_its_points_and_whole_words() -> None:
    """They tell `he wrote` from `it was written`; a Korean word is compared as a whole."""
    assert fold("كَتَبَ") != fold("كُتِبَ")
    assert searchable("كَتَبَ") == searchable("كُتِبَ")
    assert [[term.kind for term in terms] for terms in read_terms(["서울은 크다"])] == [["word", "word"]]
