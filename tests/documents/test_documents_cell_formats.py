"""Formats of spreadsheets: the section that counts for a number, and how each part of it shows the number."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of
from old_excel import label, number, xls
from sheets import cell, rows, xlsx

from gemma10m.documents.formats.cell_formats import parsed

SECONDS = 1 / 86400
ACCOUNTING = '_($* #,##0.00_);_($* \\(#,##0.00\\);_($* "-"??_);_(@_)'
EURO = '_-* #,##0.00\\ "€"_-;\\-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-'
PHONE = "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####"
SHOWN = [
    ("# ?/?", 0.375, "3/8"),
    ("# ?/?", -0.5, "-1/2"),
    ("# ?/?", 3, "3"),
    ("# ?/?", 0.01, "0"),
    ("# ??/??", 2.25, "2 1/4"),
    ("# ?/2", 2.5, "2 1/2"),
    ("# ?/2", 2.9, "3"),
    ("# ?/4", 2.5, "2 2/4"),
    ("# ??/16", 2.0625, "2 1/16"),
    ("# ?/8\"''\"", 1.125, "1 1/8''"),
    ("# ??/100", 0.25, "25/100"),
    ("?/?", 2.25, "9/4"),
    ("0%", 0.256, "26%"),
    ("0.0%", 0.2565, "25.7%"),
    ('0.0"%"', 12.3, "12.3%"),
    ("0.0\\%", 12.3, "12.3%"),
    ("0%%", 0.5, "5000%%"),
    ('"Yes";"Yes";"No"', 0, "No"),
    ('"Yes";"Yes";"No"', -1, "Yes"),
    ('"up";"down";"flat"', 3, "up"),
    ('"up";"down";"flat"', -3, "down"),
    ('0.0;"(loss)"', -5, "(loss)"),
    ("0.0;(0.0)", -5, "(5.0)"),
    ("0.0;-0.0;\\-", 0, "-"),
    ("0.0;;", -5, ""),
    (";;;", 5, ""),
    ("0;-0;;@", 0, ""),
    ("0;", -5, "-5"),
    ("0.0", -0.04, "0.0"),
    ("+0.0%;-0.0%", 0.05, "+5.0%"),
    ("#,##0_);[Red](#,##0)", -1234, "(1234)"),
    ("0.00;[Red]0.00", -5, "-5.00"),
    ('"loss" 0;"loss" 0', -5, "-loss 5"),
    (ACCOUNTING, 1234.5, "$1234.50"),
    (ACCOUNTING, -1234.5, "$(1234.50)"),
    (ACCOUNTING, 0, "$-"),
    (EURO, -3, "-3.00 €"),
    (EURO, 0, "- €"),
    ('[>100]"big";0.0', 101, "big"),
    ('[>100]"big";0.0', 5, "5.0"),
    ('[=1]0" day";0" days"', 1, "1 day"),
    ('[=1]0" day";0" days"', -2, "-2 days"),
    ('[<0]"minus "0;0', -4, "minus 4"),
    ('[>=1000000]0.0,,"M";[>=1000]0.0,"k";0', 1500, "1.5k"),
    ("[>100]0.0;[<10]0.00", 50, "50"),
    ("[>100]0.0;0.00;0", 50, "50"),
    (PHONE, 5551234, "555-1234"),
    (PHONE, 5551234567, "(555) 123-4567"),
    (PHONE, 12, "12"),
    ("000-00-0000", 12345678, "012-34-5678"),
    ("00-00", 1234567, "12345-67"),
    ("0,", 12345, "12"),
    ("0.0,,", 1234567, "1.2"),
    ("#,##0.00,", -1234567, "-1234.57"),
    ("0_)", 5, "5"),
    ("*-0", 5, "5"),
    ("0.00E+00", 0.0000123, "1.23E-05"),
    ("0.00E+00", 12345, "1.23E+04"),
    ("0.0E-0", 12345, "1.2E4"),
    ("0.0E+0", 9.96, "1.0E+1"),
    ("##0.0E+0", 12345, "12.3E+3"),
    ("0E+00", 0, "0E+00"),
    ("0.00E+00", 1e300, "1.00E+300"),
    ("@", 5.5, "5.5"),
    ("General", 1.25, "1.25"),
    ('General" kg"', -3, "-3 kg"),
    ("General;(General)", -3, "(3)"),
    ("[Blue]General", 3, "3"),
    ("[$-409]0.0", 3, "3.0"),
    ("[$€-407] #,##0.00", 5, "€ 5.00"),
    ("0.00 [$EUR]", 5, "5.00 EUR"),
    ('"Q"0', 3, "Q3"),
    ("#", 0, "0"),
    ("#.##", 0.5, ".5"),
    ("0.0##", 1.25, "1.25"),
    ("?0.0?", 1.5, "1.5"),
    ("0#", 7, "07"),
    ("0", 1e20, "1E+20"),
    ("0.5", 1, "1"),
    ("0.0.0", 1.5, "1.5"),
    ("0;0;0;0;0", 1.5, "1.5"),
    ("0" * 200, 1.5, "1.5"),
    ("# ??/??/????", 1.5, "1.5"),
    ("mm:ss.000", 83.456 * SECONDS, "00:01:23.456"),
    ("mm:ss.0", 83.96 * SECONDS, "00:01:24.0"),
    ("[h]:mm:ss.00", 1.5, "36:00:00.00"),
    ("[mm]:ss", 0.1, "2:24:00"),
    ("[m]", 0.1, "2:24"),
    ("h:mm:ss", 83.6 * SECONDS, "00:01:24"),
    ("h:mm", 0.5 - SECONDS, "11:59"),
    ("h:mm AM/PM", 0.75, "18:00"),
    ("[h]:mm;-[h]:mm", -1.5, "-36:00"),
    ("[h]:mm", -1.5, "-1.5"),
    ("[$-407]d. mmmm yyyy;@", 45356, "2024-03-05"),
    ("[$-F800]dddd, mmmm dd, yyyy", 45356, "2024-03-05"),
    ('yyyy"年"m"月"d"日"', 45356, "2024-03-05"),
]


@pytest.mark.parametrize(("code", "value", "shown"), SHOWN)
def test_a_number_is_shown_as_its_format_says(code: str, value: float, shown: str) -> None:
    assert parsed(code).text(repr(value), is_1904=False) == shown


@pytest.mark.parametrize(
    ("code", "shown"),
    [("0.00", "Ann"), ("0;0;0;", ""), ('0;0;0;"none"', "none"), ('"Dear "@', "Dear Ann"), ("0;-0;_-@_-", "Ann")],
)
def test_a_text_is_shown_as_its_format_says(code: str, shown: str) -> None:
    assert parsed(code).words("Ann") == shown


def test_what_is_no_number_has_no_format() -> None:
    assert [parsed("0.00").text(value, is_1904=False) for value in ("abc", "nan", "inf")] == ["abc", "nan", "inf"]


CODES = (";;;", '"Yes";"Yes";"No"')
NOTICE = "2 cells hidden by a format are not read"


def test_cells_that_a_format_hides_are_counted(tmp_path: Path) -> None:
    codes = "".join(
        f"<numFmt numFmtId='{number}' formatCode='{code}'/>" for number, code in enumerate(CODES, start=164)
    )
    styles = f"<numFmts>{codes}</numFmts><cellXfs><xf numFmtId='0'/><xf numFmtId='164'/><xf numFmtId='165'/></cellXfs>"
    hidden = cell("B1", "7", style=1).replace("<v>", "<f>A1</f><v>") + cell("C1", "Ann", "str", style=1)
    sheet = rows(cell("A1", "5") + hidden + cell("D1", "0", style=2))
    document = opened(tmp_path, "a.xlsx", xlsx(sheet, styles=styles))
    assert text_of(document) == "S1\n\n5\t\t\tNo\n"
    assert document.notices == (f"{tmp_path}/a.xlsx: {NOTICE}",)
    old = number(0, 0, 5) + number(0, 1, 7, 1) + number(0, 2, 8, 1) + number(0, 3, 0, 2) + label(0, 4, "Ann")
    document = opened(tmp_path, "a.xls", xls(old, formats=CODES))
    assert text_of(document) == "S1\n\n5\t\t\tNo\tAnn\n"
    assert document.notices == (f"{tmp_path}/a.xls: {NOTICE}",)


def test_the_format_of_a_file_comes_before_the_one_of_its_number(tmp_path: Path) -> None:
    """Excel writes the formats of accounts with the currency of the computer."""
    styles = (
        "<numFmts><numFmt numFmtId='44' formatCode='0.00\\ [$€-1]'/></numFmts><cellXfs><xf numFmtId='44'/></cellXfs>"
    )
    styles += "<dxfs><dxf><numFmt numFmtId='44' formatCode='0'/></dxf></dxfs>"
    document = opened(tmp_path, "a.xlsx", xlsx(rows(cell("A1", "5")), styles=styles))
    assert text_of(document) == "S1\n\n5.00 €\n"
