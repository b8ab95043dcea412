"""`tools/check_summaries.py` counts what is wrong with summaries, and knows nothing of how they are written."""

from __future__ import annotations

from pathlib import Path

import check_summaries
import pytest

from gemma10m.documents import open_source


@pytest.mark.parametrize(
    ("text", "count"),
    [("The sea. The land.", 0), ("The sea. The land.\n\nTHE  sea!", 1), ("1. The sea.\n2. The sea.\n3. The sea.", 2)],
)
def test_repeated_sentences_are_counted(text: str, count: int) -> None:
    assert check_summaries.repeated(text) == count


def test_words_three_times_in_a_row_are_a_loop() -> None:
    assert check_summaries.loops("It is so. " + "The sea is far and " * 3)
    assert not check_summaries.loops("It is so. " + "The sea is far and " * 2)


def test_a_line_is_compared_with_its_own_section(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("Chapter 1\n\nAnne walks.\n\nChapter 2\n\nMary sings.\n", encoding="utf-8")
    document = open_source(path)
    name = document.files[0].path
    first, second = check_summaries.section_texts(document, [(name, 0), (name, 24)])
    assert (first, second) == ("Chapter 1\n\nAnne walks.\n\n", "Chapter 2\n\nMary sings.\n")
    assert check_summaries.share("The text is about Anne walking.", first) == 1.0
    assert check_summaries.share("The text is about Anne walking.", second) == 0.0
