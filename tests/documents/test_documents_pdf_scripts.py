"""PDF: letters that run to the left, lowered text, dots, labels, and what is drawn outside of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, pdf_file, text_of
from test_documents_pdf_layout import at, drawn, lines

PAGES = {
    "lowered": (
        at(72, 700, "log")
        + at(86, 697, "2", 6)
        + at(89.4, 700, "8 and CO")
        + at(132, 697, "2", 6)
        + at(136, 700, "gas"),
        "log2 8 and CO2gas",
    ),
    "lowered after a number": (at(72, 700, "1010") + at(94.4, 697, "2", 6) + at(100, 700, "= 10"), "1010_2 = 10"),
    "lowered by itself": (at(72, 700, "x") + at(83, 697, "12", 6) + at(90, 700, "3"), "x 12 3"),
    "a first letter of two lines": (
        at(72, 670, "O", 40) + at(104, 690, "nce upon a") + at(104, 678, "time in") + at(72, 662, "the town"),
        "Once upon a time in\nthe town",
    ),
    "a pause": (
        lines("I waited.... Nobody came. . . . She", "went...... and was gone."),
        "I waited.... Nobody came. . . . She\nwent...... and was gone.",
    ),
    "few dots before a page's number": (lines("1 The Sea....3", "Preface....xii"), "1 The Sea\t3\nPreface\txii"),
    "fields": (lines("Name:............ Town:............"), "Name:\tTown:"),
    "headings that end in a colon": (
        "".join(
            at(72 + 90 * column, 700 - 14 * row, cell)
            for row, cells in enumerate([("Item:", "Price:", "Stock:"), ("amber", "48213", "3")])
            for column, cell in enumerate(cells)
        ),
        "Item:\tPrice:\tStock:\namber\t48213\t3",
    ),
    "partly outside of the page": (at(595, 700, "Seen.") + lines("Last.", top=680), "Seen.\nLast."),
}


@pytest.mark.parametrize("case", PAGES)
def test_a_page_is_read_as_it_looks(tmp_path: Path, case: str) -> None:
    drawing, text = PAGES[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == text


def test_what_is_outside_of_the_page_is_not_read(tmp_path: Path) -> None:
    drawing = at(560, 700, "Seen.") + at(612.5, 690, "Edge.") + at(620, 700, "No.") + at(-60, 500, "Not seen.")
    document = opened(tmp_path, "a.pdf", drawn(drawing + lines("Last.", top=680)))
    assert text_of(document) == "Seen.\nEdge.\nLast."
    assert document.notices == (f"{tmp_path}/a.pdf: 11 characters outside of the pages are not read",)
    cropped = drawn(lines("Seen.", top=700) + lines("No.", top=300), annotations="/CropBox[0 400 612 792]")
    assert text_of(opened(tmp_path, "b.pdf", cropped)) == "Seen."


HEBREW = "שלום עולם טוב"
CODES = {letter: chr(65 + number) for number, letter in enumerate(sorted(set(HEBREW) - {" "}))}


def leftwards(*texts: tuple[float, float, str]) -> bytes:
    """Return a page of texts as they look, from the left, in a font of Hebrew letters."""
    named = "\n".join(f"<{ord(code):02X}> <{ord(letter):04X}>" for letter, code in CODES.items())
    names = (
        "begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
        f"{len(CODES)} beginbfchar\n{named}\nendbfchar endcmap"
    ).encode()
    drawing = "".join(at(x, y, "".join(CODES.get(letter, letter) for letter in text)) for x, y, text in texts).encode()
    return pdf_file(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[4 0 R]/Count 1>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Courier/ToUnicode 6 0 R>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 5 0 R/Resources<</Font<</F 3 0 R>>>>>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing),
            b"<</Length %d>>stream\n%s\nendstream" % (len(names), names),
        ]
    )


LEFTWARDS = {
    "a sentence with a number": ([(300, 700, "123 " + HEBREW[::-1])], f"{HEBREW} 123"),
    "words drawn one by one": ([(342, 700, "שלום"[::-1]), (306, 700, "עולם"[::-1])], "שלום עולם"),
    "words far apart": ([(400, 700, "שלום"[::-1]), (300, 700, "עולם"[::-1])], "שלום\tעולם"),
    "a table": (
        [(400, 700, "שלום"[::-1]), (300, 700, "עולם"[::-1]), (400, 686, "טוב"[::-1]), (306, 686, "123")],
        "שלום\tעולם\nטוב\t123",
    ),
    "below a number": (
        [(72, 700, "123"), (250, 686, "שלום"[::-1]), (200, 686, "עולם"[::-1])],
        "123\nשלום\tעולם",
    ),
}


@pytest.mark.parametrize("case", LEFTWARDS)
def test_letters_that_run_to_the_left_are_read_from_the_right(tmp_path: Path, case: str) -> None:
    texts, read = LEFTWARDS[case]
    assert text_of(opened(tmp_path, "a.pdf", leftwards(*texts))) == read


def letter_by_letter(words: str, gap: float, space: float) -> str:
    """Draw each letter of a typewriter's font by itself."""
    drawing, x = "", 72.0
    for letter in words:
        drawing += at(x, 700, letter, font="C") if letter != " " else ""
        x += space if letter == " " else 6 + gap
    return drawing


SPACED = {
    "a heading": ("THE OLD MILL", 2.5, 3.0, "THE OLD MILL"),
    "one word": ("CHAPTER", 2.5, 3.0, "CHAPTER"),
    "a heading with a number": ("CHAPTER 12", 2.5, 3.0, "CHAPTER 12"),
    "letters in order": ("ABCDEFG", 2.5, 3.0, "A B C D E F G"),
    "numbers": ("48213", 2.5, 3.0, "4 8 2 1 3"),
    "few letters": ("NESW", 2.5, 3.0, "N E S W"),
    "words of one letter": ("x y and v w for t", 0.0, 3.0, "x y and v w for t"),
    "text": ("The old mill", 0.0, 3.0, "The old mill"),
}


@pytest.mark.parametrize("case", SPACED)
def test_letters_that_are_apart_are_words(case: str, tmp_path: Path) -> None:
    words, gap, space, text = SPACED[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(letter_by_letter(words, gap, space)))) == text


def test_letters_with_spaces_that_are_drawn_stay_apart(tmp_path: Path) -> None:
    assert text_of(opened(tmp_path, "a.pdf", drawn(lines("S M T W T F S")))) == "S M T W T F S"
