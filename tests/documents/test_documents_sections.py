"""Paragraphs and sections: nothing of a text is lost, places are right, headings are found where they are headings."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from formats import docx, epub, notebook, opened, pdf
from formats import paragraph as docx_paragraph
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import document, workshop

from gemma10m import open_source
from gemma10m.documents.paragraphs import LONGEST, paragraphs
from gemma10m.documents.sections import Section, heading, sectioned

ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
BOOK = """Anne
by Jane

CHAPTER 1

One.

Two.

Chapter II. The Sea

Three.
"""


def found(path: Path) -> list[Section | None]:
    return [section for section, _ in itertools.groupby(sectioned(open_source(path)), key=lambda pair: pair[0])]


def titles(text: str, name: str = "book.md") -> list[tuple[int, str]]:
    path = workshop() / name
    path.write_text(text)
    return [(section.line, section.title) for section in found(path) if section]


@given(
    st.lists(
        st.sampled_from(["a", "é汉", "\n", "\n\n", "\r\n", " \t\n", "# A\n", "x" * 5000, "\x85\u2028"]), max_size=40
    )
)
@settings(max_examples=60)
def test_paragraphs_are_the_text_and_know_where_they_begin(pieces: list[str]) -> None:
    text = "x\n" + "".join(pieces)
    for encoding, plain in ENCODINGS.items():
        content = text.encode(encoding)
        (file,) = document(content, f"{encoding}.txt").files
        parts = list(paragraphs(file))
        assert "".join(part.text for part in parts) == text
        for part in parts:
            assert content[part.offset : part.offset + part.nbytes].decode(plain) == part.text
            before = content[file.mark : part.offset].decode(plain)
            assert part.line == 1 + before.count("\n")
            assert 0 < len(part.text) <= LONGEST


def test_a_paragraph_of_windows_1252_has_a_byte_a_character() -> None:
    (file,) = document(b"caf\xe9\n\nna\xefve\n\nend").files
    assert [(part.offset, part.nbytes, part.line) for part in paragraphs(file)] == [(0, 6, 1), (6, 7, 3), (13, 3, 5)]


def test_chapters_are_sections() -> None:
    assert titles(BOOK) == [(1, ""), (4, "CHAPTER 1"), (10, "Chapter II. The Sea")]


def test_headings_of_markdown_are_sections() -> None:
    text = "# A #\nbody\n\n## B\n\nmore\n\n### not one\n\nC\n---\n\nend\n\n```\n\n# code\n\n```\n\nlast\n"
    assert titles(text) == [(1, "A"), (4, "B"), (10, "C")]


def test_a_table_of_contents_is_one_section() -> None:
    text = "Chapter 1\n\nChapter 2\n\nChapter 1\n\nIt was.\n\nChapter 2\n\nIt is.\n"
    assert titles(text) == [(1, "Chapter 1"), (9, "Chapter 2")]


@pytest.mark.parametrize("text", ["no heading\n\nat all\n", "# only one\n\ntext\n", "\n", "a"])
def test_a_file_without_two_headings_has_no_sections(text: str) -> None:
    assert titles(text) == []


def test_a_comment_in_a_program_is_no_heading() -> None:
    assert titles("# one\n\n# two\n\nx = 1\n", "program.py") == []
    assert titles("Anne\n====\n\n# two\n\nx = 1\n", "program.py") == []


@pytest.mark.parametrize(
    "text",
    [
        "Part 2 of it was long,\nand went\non and\non and on.\n",
        "#no\n",
        "    # code\n",
        "---\na: b\n---\n",
        "Chapters\n",
        "",
    ],
)
def test_what_only_looks_like_a_heading(text: str) -> None:
    assert heading(text, is_prose=True) == ""


@pytest.mark.parametrize("hostile", ["# " + " " * 10**6, "#" * 10**6, "a" + " " * 10**6 + "\n---", "chapter " * 10**5])
def test_hostile_headings_take_no_time(hostile: str) -> None:
    started = time.perf_counter()
    heading(hostile, is_prose=True)
    assert time.perf_counter() - started < 1


def test_files_are_the_sections_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\ntext\n\n# B\n\ntext\n")
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "c\x1b.txt").write_text("text")
    assert found(tmp_path) == [Section("a.md", 0, 1), Section("b.txt", 0, 1), Section("c\\x1b.txt", 0, 1)]
    assert [section.location for section in found(tmp_path) if section] == ["a.md:1", "b.txt:1", "c\\x1b.txt:1"]


SEA = epub({"a": "<h1>The Sea</h1><p>One.</p>", "b": "<p>Two.</p>", "c": "<h2>The Land</h2><p>Three.</p>"})
WORD = docx(docx_paragraph("Sea", "Heading1") + docx_paragraph("One.") + docx_paragraph("Land", "Heading1"))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.pdf", pdf("One.", "", "Two.", "Three."), ["1 (page 1)", "3 (page 2)", "5 (page 3)", "7 (page 4)"]),
        ("a.epub", SEA, ["1 (chapter The Sea)", "5 (part 2)", "7 (chapter The Land)"]),
        ("a.docx", WORD, ["1 (section Sea)", "3 (section Land)"]),
        ("a.ipynb", notebook({"source": "One."}, {"source": "Two."}), ["1 (cell 1)", "3 (cell 2)"]),
        ("a.html", "<p>Before.</p><h1>A</h1><p>One.</p><h2>B</h2>", ["1", "3 (section A)", "7 (section B)"]),
    ],
)
def test_without_headings_places_are_sections(
    tmp_path: Path, name: str, content: bytes | str, expected: list[str]
) -> None:
    document = opened(tmp_path, name, content)
    sections = [section for section, _ in itertools.groupby(sectioned(document), key=lambda pair: pair[0])]
    assert [section.location for section in sections if section] == [f"{tmp_path / name}:{each}" for each in expected]
    (file,) = document.files
    for paragraph in paragraphs(file):
        last = paragraph.offset + paragraph.nbytes - 1
        assert file.place(paragraph.offset) == file.place(last) == paragraph.place


def test_headings_come_before_pages(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.pdf", pdf("Chapter 1", "It was.", "Chapter 2", "It is."))
    sections = [section for section, _ in itertools.groupby(sectioned(document), key=lambda pair: pair[0])]
    assert [(each.title, each.place) for each in sections if each] == [("Chapter 1", "page 1"), ("Chapter 2", "page 3")]


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("page 3", "page 7", " (pages 3-7)"),
        ("page 3", "page 3", " (page 3)"),
        ("chapter The Sea", "chapter The Land", " (chapter The Sea to chapter The Land)"),
        ("part 1", "chapter 2", " (part 1 to chapter 2)"),
        ("", "section A", ""),
        ("", "", ""),
    ],
)
def test_a_range_of_places_is_short(first: str, last: str, shown: str) -> None:
    assert Section("a", 0, 1, place=first, last_place=last).location == "a:1" + shown
