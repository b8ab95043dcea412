"""OpenDocument spreadsheets: the text that cells show, also where the file says it once for many cells."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from formats import opened, places, text_of
from sheets import flat_odf, odf

from gemma10m.errors import DocumentError


def sheet(rows: str, name: str = "S1", given: str = "") -> str:
    return f'<table:table table:name="{name}" {given}>{rows}</table:table>'


def row(*cells: str, given: str = "") -> str:
    return f"<table:table-row {given}>{''.join(cells)}</table:table-row>"


def cell(text: str = "", given: str = "", inside: str = "") -> str:
    shown = f"<text:p>{text}</text:p>" if text else ""
    return f"<table:table-cell {given}>{inside}{shown}</table:table-cell>"


COLUMNS, ROWS_TIMES = 'table:number-columns-repeated="{}"', 'table:number-rows-repeated="{}"'
STYLE = '<style:style style:name="{}">{}</style:style>'
RAISED = STYLE.format("up", '<style:text-properties style:text-position="super"/>')
ROWS = {
    "empty cells in the middle are kept": (
        row(cell("1"), cell(given=COLUMNS.format(2)), cell("2"), cell()),
        "1\t\t\t2\n",
    ),
    "a cell that comes several times": (row(cell("x", COLUMNS.format(3)), cell("y")), "x\tx\tx\ty\n"),
    "a row that comes several times": (row(cell("x"), given=ROWS_TIMES.format(2)), "x\nx\n"),
    "a cell is one line": (row(cell("a<text:tab/>b</text:p><text:p>c<text:line-break/>d"), cell("e")), "a b c d\te\n"),
    "covered cells": (row(cell("wide"), "<table:covered-table-cell/>", cell("2")), "wide\t\t2\n"),
    "numbers as they are shown": (
        row(cell("1,234.50 €", 'office:value-type="float" office:value="1234.5"')),
        "1,234.50 €\n",
    ),
    "dates": (row(cell("6/1/24", 'office:value-type="date" office:date-value="2024-06-01T00:00:00"')), "2024-06-01\n"),
    "dates with a time": (row(cell("x", 'office:date-value="2024-06-01T18:30:00"')), "2024-06-01 18:30\n"),
    "values without a text": (
        row(cell(given='office:value="3.5"'), cell(given='office:boolean-value="true"')),
        "3.5\ttrue\n",
    ),
    "values of a type without a text": (
        row(
            cell(given='office:value-type="percentage" office:value="0.125"'),
            cell(given='office:value-type="time" office:time-value="PT26H05M00S"'),
            cell(given='office:value-type="boolean" office:boolean-value="true"'),
            cell(given='office:value-type="currency" office:currency="EUR" office:value="5.5"'),
            cell(given='office:value-type="percentage" office:value="none"'),
        ),
        "12.5%\t26:05:00\tTRUE\t5.5 EUR\tnone\n",
    ),
    "a raised number": (row(cell('10<text:span text:style-name="up">6</text:span>')), "10^6\n"),
    "rows in a header": (f"<table:table-header-rows>{row(cell('h'))}</table:table-header-rows>", "h\n"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_row_is_a_line_with_tabs_between_cells(tmp_path: Path, case: str) -> None:
    rows, text = ROWS[case]
    document = opened(tmp_path, "a.ods", odf("spreadsheet", sheet(rows), RAISED))
    assert text_of(document) == f"S1\n\n{text}"
    assert document.notices == ()
    flat = opened(tmp_path, "a.fods", flat_odf("spreadsheet", sheet(rows), RAISED))
    assert text_of(flat) == text_of(document)
    assert flat.notices == ()


def test_a_flat_file_is_read_up_to_the_damage(tmp_path: Path) -> None:
    flat = flat_odf("spreadsheet", sheet(row(cell("1")) + row(cell("2"))))
    cut = opened(tmp_path, "a.fods", flat[: flat.index("<text:p>2")])
    assert text_of(cut) == "S1\n\n1\n"
    assert "part of its XML is not read" in str(cut.notices)
    with pytest.raises(DocumentError, match="damaged: its XML is not XML"):
        opened(tmp_path, "b.fods", flat[: flat.index("<office:body")])
    with pytest.raises(DocumentError, match="without text"):
        opened(tmp_path, "c.fods", flat_odf("spreadsheet", sheet("")))
    picture = "<draw:frame><draw:image><office:binary-data>QUJD</office:binary-data></draw:image></draw:frame>"
    assert text_of(opened(tmp_path, "d", flat_odf("spreadsheet", sheet(row(cell(f"a{picture}b")))))) == "S1\n\nab\n"


def test_sheets_are_places(tmp_path: Path) -> None:
    document = opened(
        tmp_path, "nameless", odf("spreadsheet", sheet(row(cell("1"))) + sheet(row(cell("2")), "Sea &amp; land"))
    )
    assert text_of(document) == "S1\n\n1\n\nSea & land\n\n2\n"
    assert places(document) == [("S1", "sheet S1"), ("Sea & land", "sheet Sea & land")]


def test_what_is_hidden_is_counted_and_not_read(tmp_path: Path) -> None:
    styles = STYLE.format("off", '<style:table-properties table:display="false"/>')
    columns = '<table:table-column/><table:table-column table:visibility="collapse"/><table:table-column/>'
    collapsed, filtered = 'table:visibility="collapse"', 'table:visibility="filter"'
    rows = row(cell("1"), cell("2"), cell("3")) + row(cell("hidden"), given=collapsed) + row(cell("4"), given=filtered)
    rows += f"<table:table-row-group>{row(cell('5'), given=collapsed)}</table:table-row-group>"
    body = sheet(columns + rows) + sheet(row(cell("secret")), "S2", 'table:style-name="off"')
    document = opened(tmp_path, "a.ods", odf("spreadsheet", body, styles))
    assert text_of(document) == "S1\n\n1\t\t3\n4\n5\n"
    said = "1 cell in hidden columns is not read; 1 hidden row is not read; 1 hidden sheet is not read"
    assert document.notices == (f"{tmp_path}/a.ods: {said}",)


def test_comments_and_shapes_follow_the_rows(tmp_path: Path) -> None:
    said = "<dc:creator>Zoe</dc:creator><dc:date>2024</dc:date><text:p>Why?</text:p>"
    comment = f"<office:annotation>{said}</office:annotation>"
    box = (
        "<table:shapes><draw:frame><draw:text-box><text:p>In a box</text:p></draw:text-box></draw:frame></table:shapes>"
    )
    chart = '<draw:frame><draw:object xlink:href="./Object 1"/><draw:image xlink:href="x"/></draw:frame>'
    body = sheet(box + row(cell("1"), cell(given=COLUMNS.format(26)), cell("2", inside=comment + chart)))
    document = opened(tmp_path, "a.ods", odf("spreadsheet", body))
    assert text_of(document) == "S1\n\n1" + "\t" * 27 + "2\n\nIn a box\n[comment by Zoe on AB1] Why?\n"
    assert document.notices == (f"{tmp_path}/a.ods: 1 embedded object is not read",)


def test_a_sheet_may_be_as_large_as_it_likes_while_it_is_empty(tmp_path: Path) -> None:
    rest = (
        cell(given=COLUMNS.format(16_383)),
        row(cell(given=COLUMNS.format(16_384)), given=ROWS_TIMES.format(1_048_575)),
    )
    begin = time.process_time()
    document = opened(tmp_path, "a.ods", odf("spreadsheet", sheet(row(cell("1"), rest[0]) + rest[1])))
    assert time.process_time() - begin < 1
    assert text_of(document) == "S1\n\n1\n"


@pytest.mark.parametrize("times", ["1048576", "999999999", "-1", "x"])
def test_numbers_of_repeats_are_checked(tmp_path: Path, times: str) -> None:
    body = sheet(row(cell("x", COLUMNS.format(times)), given=ROWS_TIMES.format(times)))
    content = odf("spreadsheet", body)
    if times.isdecimal():
        with pytest.raises(DocumentError, match="unpacks to more than 16 MiB"):
            opened(tmp_path, "a.ods", content)
    else:
        assert text_of(opened(tmp_path, "a.ods", content)) == "S1\n\nx\n"


def test_a_damaged_file_is_read_up_to_the_damage(tmp_path: Path) -> None:
    document = opened(
        tmp_path, "a.ods", odf("spreadsheet", sheet(row(cell("1")) + row(cell("2")) + "<table:table-row></x>"))
    )
    assert text_of(document) == "S1\n\n1\n2\n"
    assert "part of its content.xml is not read" in document.notices[0]


def test_a_file_that_was_cut_off_is_read_as_far_as_it_reaches(tmp_path: Path) -> None:
    whole = odf("spreadsheet", sheet("".join(row(cell(str(n * n * 7919))) for n in range(3000))))
    document = opened(tmp_path, "a.ods", whole[: len(whole) // 2])
    assert text_of(document).startswith("S1\n\n0\n7919\n31676\n")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (odf("spreadsheet", sheet(row(cell()))), "a spreadsheet without text"),
        (odf("spreadsheet", "</x>"), "damaged: its content.xml is not XML"),
        (
            odf("spreadsheet", "", **{"META-INF/manifest.xml": "<m><encryption-data/></m>"}),
            "an OpenDocument spreadsheet that only a password opens",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=f"a.ods cannot be read: {why}"):
        opened(tmp_path, "a.ods", content)


def test_formulas_without_a_value_are_counted(tmp_path: Path) -> None:
    formula = 'table:formula="of:=1+2"'
    empty = cell(given=f'{formula} office:value-type="string"')
    document = opened(tmp_path, "a.fods", flat_odf("spreadsheet", sheet(row(cell("Sum"), cell(given=formula), empty))))
    assert text_of(document) == "S1\n\nSum\n"
    assert document.notices == (f"{tmp_path}/a.fods: 1 formula without a stored value is not read",)
