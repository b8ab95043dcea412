"""PDF as it is laid out: turned text, columns, tables, words in two, programs, forms, heads, and pages without text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from formats import opened, pdf_file, text_of

from gemma10m.documents import limits

NAMELESS = (
    b"<</Type/Font/Subtype/Type1/BaseFont/Odd/FirstChar 1/LastChar 3/Widths[500 500 500]"
    b"/Encoding<</Type/Encoding/Differences[1/odd1/odd2/odd3]>>/FontDescriptor<</FontName/Odd/Flags 4>>>>"
)


def drawn(*pages: str | None, more: Sequence[bytes] = (), catalog: str = "", annotations: str = "") -> bytes:
    """Return pages with these drawings; None for a page that is not there."""
    kids = " ".join("null" if page is None else f"{6 + 2 * number} 0 R" for number, page in enumerate(pages))
    bodies = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode(),
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        NAMELESS,
        b"<</Type/Font/Subtype/Type1/BaseFont/Courier>>",
    ]
    for number, page in enumerate(pages):
        stream = (page or "").encode("latin-1")
        fonts = f"/Font<</F 3 0 R/N 4 0 R/C 5 0 R>>/XObject<</X {6 + 2 * len(pages)} 0 R>>"
        bodies.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {7 + 2 * number} 0 R{annotations}"
            f"/Resources<<{fonts}>>>>".encode()
        )
        bodies.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    return pdf_file([*bodies, *more])


def at(x: float, y: float, text: str, size: float = 10, font: str = "F") -> str:
    return f"BT /{font} {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n"


def lines(*texts: str, x: float = 72, top: float = 700) -> str:
    return "".join(at(x, top - 12 * number, text) for number, text in enumerate(texts))


LEFT = [f"the {number} boats of the harbour came home" for number in "first second third fourth".split()]
RIGHT = [f"and the {number} storm had carried it away" for number in "fifth sixth seventh eighth".split()]
BY_ROW = "".join(at(72, 700 - 12 * n, LEFT[n]) + at(310, 700 - 12 * n, RIGHT[n]) for n in range(4))
SIDEWAYS = "q 0 1 -1 0 792 0 cm\n" + lines("First line.", "Second line.") + "Q\n"
ROWS = [("item", "note", "price"), ("amber", "", "48213"), ("cedar", "a note", "90417")]
TABLE = "".join(at(72 + 90 * n, 700 - 20 * y, cell) for y, row in enumerate(ROWS) for n, cell in enumerate(row) if cell)

PAGES = {
    "sideways": (SIDEWAYS, "First line.\nSecond line."),
    "upright and sideways": (lines("Upright.") + SIDEWAYS, "Upright.\nFirst line.\nSecond line."),
    "upside down": ("q -1 0 0 -1 600 800 cm\n" + lines("One.", "Two.") + "Q\n", "One.\nTwo."),
    "columns": (lines(*LEFT) + lines(*RIGHT, x=310, top=695), "\n".join(LEFT + RIGHT)),
    "columns by row": (BY_ROW, "\n".join(LEFT + RIGHT)),
    "table": (TABLE, "item\tnote\tprice\namber\t\t48213\ncedar\ta note\t90417"),
    "note-like": (at(72, 700, "is 48213") + at(110, 704, "7", 6) + at(113.4, 700, "."), "is 48213[7]."),
    "power": (at(72, 700, "is 10") + at(93.4, 704, "6", 6) + at(100, 700, "kg"), "is 10^6 kg"),
    "leaders": (lines("1 The Sea . . . . . . . . 3", "2 The Land........17"), "1 The Sea\t3\n2 The Land\t17"),
    "drawn twice": (at(72, 700, "Shadow") + at(72.5, 699.5, "Shadow"), "Shadow"),
    "names of words": (lines("The exam-", "ple is well-", "known."), "The example\nis well-known."),
    "words of the document": (
        lines("A zork-", "blatt and a zorkblatt, a foo-", "bar and a foo-bar."),
        "A zorkblatt\nand a zorkblatt, a foo-bar\nand a foo-bar.",
    ),
    "unknown words": (
        lines("The amber-", "lantern of Anglo-", "Saxon times."),
        "The amber-lantern\nof Anglo-Saxon\ntimes.",
    ),
    "program": (
        lines("Consider this function, a doubled-", "line of prose:")
        + "".join(
            at(90 + 6 * depth, 600 - 12 * number, text, font="C")
            for number, (depth, text) in enumerate(
                [(0, "def f(x):"), (4, "if x:"), (8, "return 1"), (0, "    return 2")]
            )
        )
        + at(90, 500, "Indented prose is not a program.")
        + at(96, 488, "1111111"),
        "Consider this function, a doubled-line\nof prose:\ndef f(x):\n    if x:\n        return 1\n    return 2\n"
        "Indented prose is not a program.\n1111111",
    ),
    "options of a program": (
        "".join(
            at(90, 600 - 12 * number, f"--{name}", font="C")
            + at(200, 600 - 12 * number, f"show the {name} of all files")
            for number, name in enumerate(("file.list", "folder.list", "help.text", "size.limit"))
        ),
        "--file.list\tshow the file.list of all files\n--folder.list\tshow the folder.list of all files\n"
        "--help.text\tshow the help.text of all files\n--size.limit\tshow the size.limit of all files",
    ),
    "numbers": (lines("pages 10-", "12 of it"), "pages 10-\n12 of it"),
}


@pytest.mark.parametrize("case", PAGES)
def test_a_page_is_read_as_it_looks(tmp_path: Path, case: str) -> None:
    drawing, text = PAGES[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == text


def test_one_page_that_is_not_there(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.pdf", drawn(lines("One."), None, lines("Three.")))
    assert text_of(document) == "One.\n\n\n\nThree."
    assert document.notices == (f"{tmp_path}/a.pdf: page 2 cannot be read: damaged, or too large",)


def test_one_page_that_takes_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PDF_SECONDS", 1)
    forms = [
        b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 100/Resources<</XObject<</X %d 0 R>>>>>>" % (number + 1)
        + b"stream\n%s\nendstream" % (b"/X Do" * 20)
        for number in range(12, 25)
    ]
    document = opened(tmp_path, "a.pdf", drawn(lines("One."), "/X Do", lines("Three."), more=forms))
    assert text_of(document) == "One.\n\n\n\nThree."
    assert "page 2 cannot be read" in document.notices[0]


def test_characters_without_a_name(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.pdf", drawn(lines("Known.") + at(72, 600, "\\001\\002\\003", font="N")))
    text = text_of(document)
    assert text == "Known.\n\ufffd\ufffd\ufffd"
    assert document.notices == (f"{tmp_path}/a.pdf: 3 characters cannot be known: their font does not name them",)


def test_a_form_that_is_filled_in(tmp_path: Path) -> None:
    widgets = [
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(Orla Quist)/Rect[170 695 370 715]/F 4>>",
        b"<</Type/Annot/Subtype/Widget/FT/Ch/T(b)/Opt[(one)(two)]/Ff 131072/V(two)/Rect[170 675 370 695]/F 4>>",
        b"<</Type/Annot/Subtype/Widget/Parent 11 0 R/Rect[170 655 370 675]/F 4>>",
        b"<</FT/Tx/T(c)/V(inherited)/Kids[10 0 R]>>",
    ]
    form = "/AcroForm<</Fields[8 0 R 9 0 R 11 0 R]>>"
    page = at(72, 700, "Name:") + at(72, 680, "Kind:") + at(72, 660, "Of")
    content = drawn(page, more=widgets, catalog=form, annotations="/Annots[8 0 R 9 0 R 10 0 R]")
    assert text_of(opened(tmp_path, "a.pdf", content)) == "Name: Orla Quist\nKind: two\nOf\tinherited"


def test_passwords_in_a_form_are_not_read(tmp_path: Path) -> None:
    widgets = [
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/Ff 8192/V(sesame)/Rect[170 695 370 715]/F 4>>",
        b"<</Type/Annot/Subtype/Widget/Parent 10 0 R/Rect[170 675 370 695]/F 4>>",
        b"<</FT/Tx/T(b)/Ff 8194/V(open)/Kids[9 0 R]>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(c)/Ff 4096/V(shown)/Rect[170 655 370 675]/F 4>>",
    ]
    form = "/AcroForm<</Fields[8 0 R 10 0 R 11 0 R]>>"
    content = drawn(at(72, 700, "Key:"), more=widgets, catalog=form, annotations="/Annots[8 0 R 9 0 R 11 0 R]")
    assert text_of(opened(tmp_path, "a.pdf", content)) == "Key:\nshown"


def test_remarks_follow_the_text_of_their_page(tmp_path: Path) -> None:
    remarks = [
        b"<</Type/Annot/Subtype/Text/T(Ann)/Contents(Is it\n48213?)/Rect[60 500 80 520]>>",
        b"<</Type/Annot/Subtype/Highlight/Contents(Important)/Rect[60 500 80 520]>>",
        b"<</Type/Annot/Subtype/Popup/Contents(Is it\n48213?)/Rect[60 500 80 520]>>",
        b"<</Type/Annot/Subtype/Text/F 2/Contents(hidden)/Rect[60 500 80 520]>>",
        b"<</Type/Annot/Subtype/Highlight/Rect[60 500 80 520]>>",
    ]
    annotations = "/Annots[8 0 R 9 0 R 10 0 R 11 0 R 12 0 R]"
    content = drawn(lines("The sum is 48213.", "So be it."), more=remarks, annotations=annotations)
    text = "The sum is 48213.\nSo be it.\n[comment by Ann] Is it 48213?\n[comment by somebody] Important"
    assert text_of(opened(tmp_path, "a.pdf", content)) == text


def test_running_heads_are_read_once_and_page_numbers_not(tmp_path: Path) -> None:
    def page(number: int) -> str:
        body = lines(f"It was {number}.", "a", "b", "Status: good", top=650)
        return at(72, 760, "The Harbour") + body + at(300, 40, f"- {number + 6} -")

    text = text_of(opened(tmp_path, "a.pdf", drawn(*(page(number) for number in range(1, 5)))))
    assert text.count("The Harbour") == 1
    assert text.count("Status: good") == 4
    assert " -" not in text
    assert [f"It was {number}." in text for number in range(1, 5)] == [True] * 4


def test_a_total_at_each_page_s_end_is_no_page_number(tmp_path: Path) -> None:
    def page(total: int) -> str:
        return lines("x", "a", "b", "c", top=650) + at(72, 100, f"Total: {total}")

    text = text_of(opened(tmp_path, "a.pdf", drawn(*(page(total) for total in (48213, 90417, 7, 12)))))
    assert [f"Total: {total}" in text for total in (48213, 90417, 7, 12)] == [True] * 4


def test_a_sentence_goes_on_on_the_next_page(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.pdf", drawn(lines("The storm came"), lines("in the night.")))
    assert text_of(document) == "The storm came\nin the night."
    assert [label for _, label in document.files[0].places] == ["page 1", "page 2"]


DIVIDED = {
    "a known word": (("the workshop", "of a work-"), ("shop at sea.", "End."), ("of a workshop", "at sea.")),
    "a hyphen": (("amber", "of an amber-"), ("lantern at sea.",), ("of an amber-lantern", "at sea.")),
    "a sentence's end": (("a workshop", "is no work-"), ("shop.", "It is not."), ("is no workshop.", "It is not.")),
    "a heading": (("amber", "of an amber-"), ("Workshop", "It is."), ("of an amber-", "Workshop")),
    "no hyphen": (("amber", "of amber"), ("lantern at sea.",), ("of amber", "lantern at sea.")),
}


@pytest.mark.parametrize("case", DIVIDED)
def test_a_word_that_a_page_s_end_divides_is_where_it_begins(case: str, tmp_path: Path) -> None:
    first, second, (end, begin) = DIVIDED[case]
    document = opened(tmp_path, "a.pdf", drawn(lines(*first), lines(*second)))
    text, (_, (place, label)) = text_of(document), document.files[0].places
    assert (text[:place].split("\n")[1], text[place:].split("\n")[0], label) == (end, begin, "page 2")
