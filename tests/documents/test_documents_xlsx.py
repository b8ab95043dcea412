"""XLSX: the values that cells show, sheet by sheet, and a notice for what is not read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from formats import opened, places, tarred, text_of, zipped
from sheets import SHEET, SLIDE, cell, parts, rows, shape, xlsx

from gemma10m.documents import open_source
from gemma10m.errors import DocumentError

TEXTS = (
    "<si><t>Ann</t></si><si><r><t xml:space='preserve'>Sea </t></r><r><t>side</t></r></si>"
    "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si><si><t>two\nlines_x000D_</t></si>"
    "<si><r><t>10</t></r><r><rPr><vertAlign val='superscript'/></rPr><t>6</t></r></si>"
)
FORMATS = ("General", "m/d/yyyy", "yyyy\\-mm\\-dd hh:mm", "0.0%", "00000", '0.00\\ "kg"', "[h]:mm:ss", "h:mm", "mmm-yy")
CODES = "".join(
    f'<numFmt numFmtId="{number}" formatCode="{code.replace(chr(34), "&quot;")}"/>'
    for number, code in enumerate(FORMATS, start=164)
)
STYLES = (
    f"<numFmts>{CODES}</numFmts><cellStyleXfs><xf numFmtId='14'/></cellStyleXfs><cellXfs>"
    + "".join(f'<xf numFmtId="{164 + number}"/>' for number in range(len(FORMATS)))
    + "</cellXfs><dxfs><dxf><numFmt numFmtId='165' formatCode='0'/></dxf></dxfs>"
)

ROWS = {
    "an empty cell in the middle is kept": (cell("A1", "1") + cell("D1", "2") + '<c r="E1" s="1"/>', "1\t\t\t2"),
    "cells without references follow each other": ("<c><v>1</v></c><c><v>2</v></c>", "1\t2"),
    "shared strings": (cell("A1", "0", "s") + cell("B1", "1", "s"), "Ann\tSea side"),
    "shared strings without how they are pronounced": (cell("A1", "2", "s"), "東京"),
    "a cell is one line": (cell("A1", "3", "s"), "two lines"),
    "a raised number": (cell("A1", "4", "s"), "10^6"),
    "inline strings": ('<c r="A1" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c>', "inline"),
    "whole numbers": (cell("A1", "48213.0") + cell("B1", "1234567890123456"), "48213\t1234567890123456"),
    "numbers in binary": (cell("A1", "0.30000000000000004") + cell("B1", "-1.1000000000000001"), "0.3\t-1.1"),
    "large and small numbers": (cell("A1", "1E21") + cell("B1", "1.5E-7"), "1E+21\t1.5E-07"),
    "dates": (cell("A1", "45444", style=1) + cell("B1", "45444.75", style=2), "2024-06-01\t2024-06-01 18:00"),
    "a month": (cell("A1", "45444", style=8), "2024-06"),
    "times": (cell("A1", "0.5", style=7) + cell("B1", "1.25", style=6), "12:00\t30:00:00"),
    "a date in ISO's form": (cell("A1", "2024-06-01T00:00:00", "d"), "2024-06-01"),
    "a date out of range": (cell("A1", "1e300", style=1) + cell("B1", "-5", style=1), "1E+300\t-5"),
    "percentages": (cell("A1", "0.2565", style=3), "25.7%"),
    "leading zeros": (cell("A1", "123", style=4), "00123"),
    "a unit": (cell("A1", "-12.5", style=5), "-12.50 kg"),
    "booleans and errors": (
        cell("A1", "1", "b") + cell("B1", "#DIV/0!", "e") + cell("C1", "0", "b"),
        "TRUE\t#DIV/0!\tFALSE",
    ),
    "what a formula gave": ('<c r="A1"><f>1+2</f><v>3</v></c><c r="B1" t="str"><f>A1</f><v>abc</v></c>', "3\tabc"),
    "no number where one should be": (cell("A1", "abc", style=3), "abc"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_row_is_a_line_with_tabs_between_cells(tmp_path: Path, case: str) -> None:
    cells, line = ROWS[case]
    document = opened(tmp_path, "a.xlsx", xlsx(rows(cells), strings=TEXTS, styles=STYLES))
    assert text_of(document) == f"S1\n\n{line}\n"
    assert document.notices == ()


def test_days_may_count_from_1904(tmp_path: Path) -> None:
    book = '<workbookPr date1904="1"/>|'
    document = opened(tmp_path, "a.xlsx", xlsx(rows(cell("A1", "43982", style=1)), styles=STYLES, book=book))
    assert text_of(document) == "S1\n\n2024-06-01\n"


def test_sheets_are_places_in_the_order_of_the_workbook(tmp_path: Path) -> None:
    one, empty, two = rows(cell("A1", "1"), "", cell("B3", "2")), rows(""), rows(cell("A1", "3"))
    document = opened(tmp_path, "a.xlsx", xlsx(one, empty, two))
    assert text_of(document) == "S1\n\n1\n\t2\n\nS3\n\n3\n"
    assert places(document) == [("S1", "sheet S1"), ("S3", "sheet S3")]


def test_hidden_sheets_rows_and_columns_are_counted_and_not_read(tmp_path: Path) -> None:
    columns = '<cols><col min="2" max="2" hidden="1"/><col min="4" max="4" hidden="1" outlineLevel="1"/></cols>'
    data = rows(*(f"{cell(f'A{n}', 'x', 'str')}{cell(f'B{n}', '2')}{cell(f'D{n}', '4')}" for n in (1, 2, 3)))
    data = data.replace('r="2">', 'r="2" hidden="1">', 1).replace('r="3">', 'r="3" hidden="1" outlineLevel="1">', 1)
    document = opened(tmp_path, "a.xlsx", xlsx(columns + data, rows(cell("A1", "9")), states={2: "veryHidden"}))
    assert text_of(document) == "S1\n\nx\t\t\t4\nx\t\t\t4\n"  # groups can be opened
    said = "2 cells in hidden columns are not read; 1 hidden row is not read; 1 hidden sheet is not read"
    assert document.notices == (f"{tmp_path}/a.xlsx: {said}",)


def test_rows_that_a_filter_hides_are_read(tmp_path: Path) -> None:
    data = rows(cell("A1", "1"), cell("A2", "2")).replace('r="2">', 'r="2" hidden="1">', 1)
    names = '|<definedNames><definedName name="_xlnm._FilterDatabase" localSheetId="{}">A1</definedName></definedNames>'
    assert text_of(opened(tmp_path, "a.xlsx", xlsx(data, book=names.format(0)))) == "S1\n\n1\n2\n"
    assert text_of(opened(tmp_path, "b.xlsx", xlsx(data, book=names.format(1)))) == "S1\n\n1\n"


def test_comments_and_shapes_follow_the_rows(tmp_path: Path) -> None:
    comments = (
        f"<comments {SHEET}><authors><author>Zoe</author><author>tc={{1}}</author></authors><commentList>"
        '<comment ref="B2" authorId="0"><text><r><t>Check</t></r><r><t> it</t></r></text></comment>'
        '<comment ref="C3" authorId="1"><text><t>[Threaded comment]\n\nYour version ...\n\nComment:\n  Why?</t></text>'
        "</comment></commentList></comments>"
    )
    drawing = f'<p:wsDr {SLIDE}>{shape("In a box")}<p:graphicFrame><c:chart r:id="c"/></p:graphicFrame></p:wsDr>'
    title = "<c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    values = "<c:ser><c:val><c:numCache><c:pt idx='0'><c:v>1</c:v></c:pt></c:numCache></c:val></c:ser>"
    more = {
        "worksheets___rels__sheet1.xml.rels": parts(
            ("1", "comments", "../comments1.xml"), ("2", "drawing", "../drawings/drawing1.xml")
        ),
        "comments1.xml": comments,
        "drawings__drawing1.xml": drawing,
        "drawings___rels__drawing1.xml.rels": parts(("c", "chart", "../charts/c.xml"), ("i", "image", "../i.png")),
        "charts__c.xml": f"<c:chartSpace {SLIDE}><c:chart>{title}{values}</c:chart></c:chartSpace>",
    }
    document = opened(tmp_path, "a.xlsx", xlsx(rows(cell("A1", "1")), **more))
    assert text_of(document) == (
        "S1\n\n1\n\nIn a box\nSales\n\n[comment by Zoe on B2] Check it\n[comment by somebody on C3] Why?\n"
    )
    assert document.notices == (f"{tmp_path}/a.xlsx: 1 picture is not read",)


def test_threads_of_comments_have_their_authors(tmp_path: Path) -> None:
    """The copy for older programs, which names no author, is read only where the thread is not."""
    copy = "<comment ref='{}' authorId='{}'><text><t>[Threaded comment] Comment:\n {}</t></text></comment>"
    comments = "<authors><author>tc={1}</author><author>Eve</author><author>tc={3}</author></authors><commentList>"
    comments += copy.format("A1", 0, "Right? Reply: Yes") + copy.format("B1", 2, "Lost")
    comments += "<comment ref='C1' authorId='1'><text><t>A note</t></text></comment></commentList>"
    threads = '<threadedComment ref="A1" personId="{P}" id="{1}"><text>Right?</text></threadedComment>'
    threads += '<threadedComment ref="A1" personId="{Q}" id="{2}" parentId="{1}"><text>Yes</text></threadedComment>'
    more = {
        "worksheets___rels__sheet1.xml.rels": parts(
            ("1", "comments", "../comments1.xml"), ("2", "threadedComment", "../threads.xml")
        ),
        "comments1.xml": f"<comments {SHEET}>{comments}</comments>",
        "threads.xml": f"<ThreadedComments>{threads}</ThreadedComments>",
        "persons__person.xml": '<list><person displayName="Ann" id="{P}"/><person displayName="Bob" id="{Q}"/></list>',
    }
    document = opened(tmp_path, "a.xlsx", xlsx(rows(cell("A1", "1")), **more))
    assert text_of(document) == (
        "S1\n\n1\n\n[comment by Ann on A1] Right?\n[comment by Bob on A1] Yes\n"
        "[comment by somebody on B1] Lost\n[comment by Eve on C1] A note\n"
    )


def test_what_has_no_value_is_counted(tmp_path: Path) -> None:
    cells = cell("A1", "1") + '<c r="B1"><f>A1+1</f></c>' + cell("C1", "7", "s") + cell("A1", "2")
    struck = "<si><t>Ann</t></si><si><r><rPr><strike/></rPr><t>old</t></r><r><t>new</t></r></si>"
    data = xlsx(rows(cells, cell("A2", "1", "s")), strings=struck)
    document = opened(tmp_path, "a.xlsx", data)
    assert text_of(document) == "S1\n\n1\nnew\n"
    said = ("3 characters of struck text are", "1 formula without a stored value is", "1 cell whose text is lost is")
    assert document.notices[0].partition(": ")[2] == "; ".join(
        f"{each} not read" for each in (*said, "1 misplaced cell is")
    )


def test_a_formula_that_gives_no_text_has_a_value(tmp_path: Path) -> None:
    data = rows(cell("A1", "1") + "<c r='B1' t='str'><f>A2</f><v></v></c><c r='C1'><f>A2</f><v></v></c>")
    document = opened(tmp_path, "a.xlsx", xlsx(data))
    assert document.notices == (f"{tmp_path}/a.xlsx: 1 formula without a stored value is not read",)


def test_a_sheet_may_claim_any_size(tmp_path: Path) -> None:
    far = cell("A1", "1") + cell("XFD1", "2") + cell("XFE1", "3")
    data = (
        '<dimension ref="A1:XFD1048576"/>'
        + rows(far).replace("</sheetData>", "")
        + (f'<row r="1048576">{cell("A1048576", "4")}</row></sheetData>')
    )
    begin = time.process_time()
    document = opened(tmp_path, "a.xlsx", xlsx(data))
    assert time.process_time() - begin < 1
    assert text_of(document) == "S1\n\n1" + "\t" * 16_383 + "2\n4\n"
    assert document.notices == (f"{tmp_path}/a.xlsx: 1 misplaced cell is not read",)


def test_a_damaged_sheet_leaves_the_others(tmp_path: Path) -> None:
    broken = "<sheetData><row><c><v>1</v></c><c><v>2"
    document = opened(tmp_path, "a.xlsx", xlsx(broken, rows(cell("A1", "3"))))
    assert text_of(document) == "S1\n\n1\n\nS2\n\n3\n"
    assert "part of its xl/worksheets/sheet1.xml is not read" in document.notices[0]


def test_a_file_that_was_cut_off_is_read_as_far_as_it_reaches(tmp_path: Path) -> None:
    cells = ("".join(cell(f"{letter}{n}", str(n * n)) for letter in "ABCDEFGH") for n in range(1, 3000))
    whole = xlsx(rows(*cells))
    document = opened(tmp_path, "a.xlsx", whole[: len(whole) // 2])
    assert "\n121\t121\t121\t121\t121\t121\t121\t121\n" in text_of(document)
    assert "its list of members is lost" in document.notices[0]


def test_sheets_are_found_without_their_list(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.xlsx", xlsx(rows(cell("A1", "1")), **{"workbook.xml": "<w"}))
    assert text_of(document) == "sheet1\n\n1\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (xlsx(rows("")), "a spreadsheet without text"),
        (xlsx("<sheetData><row"), "damaged: its xl/worksheets/sheet1.xml is not XML"),
        (xlsx(rows(cell("A1", "1")), states={1: "hidden"}), "a spreadsheet without text that is shown"),
        (zipped({"[Content_Types].xml": "", "xl/workbook.bin": ""}), "a spreadsheet in Excel's binary format"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=f"a.xlsx cannot be read: {why}") as caught:
        opened(tmp_path, "a.xlsx", content)
    assert caught.value.hint


def test_a_spreadsheet_is_known_without_its_name_and_in_an_archive(tmp_path: Path) -> None:
    book = xlsx(rows(cell("A1", "1")))
    assert text_of(opened(tmp_path, "nameless", book)) == "S1\n\n1\n"
    archive = opened(tmp_path, "a.tar", tarred({"b.xlsx": book, "c.txt": "text"}))
    assert [file.path for file in archive.files] == ["b.xlsx", "c.txt"]
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.xlsx").write_bytes(book)
    assert "S1\n\n1\n" in text_of(open_source(tmp_path / "folder"))


def test_macros_are_named(tmp_path: Path) -> None:
    related = parts(("r1", "worksheet", "worksheets/sheet1.xml"), ("v", "vbaProject", "vbaProject.bin"))
    document = opened(tmp_path, "a.xlsm", xlsx(rows(cell("A1", "1")), **{"_rels__workbook.xml.rels": related}))
    assert document.notices == (f"{tmp_path}/a.xlsm: its macros are not read",)
