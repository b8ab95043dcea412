"""Searching: passages end before headings, are found by them, and lead to others; a heading verifies nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from passage_texts import FILLER, written

from gemma10m.documents import Document
from gemma10m.passages.building import build_index
from gemma10m.passages.cutting import LONGEST, cut_document
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.passages.searching import find, names
from gemma10m.passages.titles import titled
from gemma10m.passages.verdicts import verify
from gemma10m.passages.words import telling

SECTION = "The wind went round the tower, and nobody in the valley could remember an autumn as long as that one. " * 2
MILL = f"# Harrow Mill\n\n{FILLER}{FILLER}\n\nIt was sold for 4200 marks in the spring.\n"


@contextmanager
def indexed(folder: Path, text: str, name: str = "t.md") -> Iterator[PassageIndex]:
    build_index(written(folder / name, text), folder / "index")
    with open_index(folder / "index") as index:
        yield index


def cut(folder: Path, text: str, name: str = "t.md") -> list[str]:
    return [passage.text for passage in cut_document(written(folder / name, text))]


def _paths(document: Document) -> list[str]:
    return [file.path for file in document.files]


def test_a_passage_ends_before_a_heading_and_nothing_is_left_out(tmp_path: Path) -> None:
    parts = [f"# One\n\n{SECTION}\n\n", f"## Two\r\n\r\n{SECTION}\r\n\r\n", f"# Three\n\n{SECTION}\n"]
    assert cut(tmp_path, "".join(parts)) == parts


@pytest.mark.parametrize("joint", ["\n# ", "\n\n#", "\n\n####### "])
def test_a_passage_does_not_end_before_what_is_no_heading(tmp_path: Path, joint: str) -> None:
    assert len(cut(tmp_path, f"{SECTION}{joint}{SECTION}")) == 1


def test_short_sections_share_a_passage(tmp_path: Path) -> None:
    text = "".join(f"# Section {number}\n\nOne line.\n\n" for number in range(5))
    assert cut(tmp_path, text) == [text]


def test_comments_in_code_are_no_headings(tmp_path: Path) -> None:
    text = "x = 1\n" + "y = 2  # wind\n" * 20 + "\n# about z\nz = 3\n"
    assert cut(tmp_path, text, "code.py") == [text]
    document = written(tmp_path / "code.py", text)
    assert [titles for _, titles in titled(_paths(document), cut_document(document))] == [""]


def test_each_passage_has_the_heading_above_it_and_those_inside(tmp_path: Path) -> None:
    long = SECTION * (LONGEST // len(SECTION) + 1)
    document = written(tmp_path / "t.md", f"Before.\n\n# One\n\n{long}\n\nEnd.\n\n## Two\n\n# Three\n\n{SECTION}")
    found = [titles for _, titles in titled(_paths(document), cut_document(document))]
    assert found[0].splitlines()[0] == "One"
    assert found[-1].splitlines() == ["One", "Two", "Three"]
    assert all("One" in titles for titles in found)


def test_headings_of_one_file_are_not_above_the_next_ones_passages(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"# Only here\n\n{SECTION}")
    document = written(tmp_path / "b.md", SECTION)
    assert [titles for _, titles in titled(_paths(document) * 2, cut_document(document))] == [""]


def test_a_passage_is_found_by_the_heading_far_above_it(tmp_path: Path) -> None:
    others = "".join(f"# Place {number}\n\n{FILLER}\n\nIt was sold for {number} marks.\n\n" for number in range(9))
    with indexed(tmp_path, others + MILL) as index:
        found = find(index, "For how many marks was Harrow Mill sold?", 32)
        assert "4200" in next(passage.text for passage in found if "sold" in passage.text)


def test_a_heading_above_a_passage_verifies_nothing(tmp_path: Path) -> None:
    with indexed(tmp_path, MILL) as index:
        assert "4200" in find(index, "Harrow Mill marks", 1)[0].text
        assert all("4200" not in passage.text for passage in index.search(["harrow"], 9))
        assert index.having(["harrow"], ["4200"], 9) == []
        assert (
            verify(index, "What was sold?", "Harrow Mill was sold for 4200 marks in the spring.").verdict
            == "unverified"
        )


def test_the_best_passage_leads_to_what_only_it_names(tmp_path: Path) -> None:
    first = f"# The Silver Lantern\n\nThe Silver Lantern was painted by Edda Corbin.\n\n{SECTION}\n\n"
    second = f"# Edda Corbin\n\nEdda Corbin was born in Ilkley.\n\n{SECTION * 3}\n\n"
    others = [f"# Person {place}\n\nPerson {place} was born in Town {place}.\n\n{SECTION}\n\n" for place in range(40)]
    question = "Where was the painter who painted The Silver Lantern born?"
    with indexed(tmp_path, "".join([*others[:20], first, *others[20:], second])) as index:
        assert all("Ilkley" not in passage.text for passage in index.search(telling(question), 2))
        painting, painter = find(index, question, 2)
        assert "Lantern" in painting.text
        assert "Ilkley" in painter.text


def test_words_that_are_close_together_count_more(tmp_path: Path) -> None:
    apart = f"# A\n\nThe amber was there. {SECTION}The forge was there. {SECTION}\n\n"
    near = f"# B\n\nThe amber was there. The forge was there. {SECTION}{SECTION}\n\n"
    with indexed(tmp_path, apart + near) as index:
        assert [passage.text for passage in find(index, "Is amber in the forge?", 2)] == [near, apart]
        assert [passage.text for passage in index.search(["amber", "forge"], 2)] == [apart, near]


def test_names_are_runs_of_capitalised_words() -> None:
    text = "The Beatles met Brian Epstein in Liverpool, England; it was NOT long after 1961. Élan"
    assert list(names(text)) == ["beatles", "brian epstein", "liverpool", "england", "élan"]
    assert [len(name.split()) for name in names("BIG WORDS " * 40)] == [2]


def test_a_question_without_words_finds_nothing(tmp_path: Path) -> None:
    with indexed(tmp_path, MILL) as index:
        assert find(index, "Who was it?", 5) == []
        assert find(index, "unheard", 5) == []
