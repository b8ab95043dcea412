"""OpenDocument: the numbers of lists and headings, which the file leaves to the program that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import ODF, odt, opened, places, text_of


def levels(name: str, *given: str) -> str:
    inside = "".join(
        f"<text:list-level-style-{'number' if 'num-format' in each else 'bullet'} text:level='{number}' {each}/>"
        for number, each in enumerate(given, start=1)
    )
    return f"<text:list-style style:name='{name}'>{inside}</text:list-style>"


def items(*texts: str, given: str = "text:style-name='L'") -> str:
    inside = "".join(f"<text:list-item>{text}</text:list-item>" for text in texts)
    return f"<text:list {given}>{inside}</text:list>"


LETTERED = levels(
    "L",
    "style:num-format='1' style:num-suffix='.'",
    "style:num-format='1' text:display-levels='2'",
    "style:num-format='a' style:num-prefix='(' style:num-suffix=')'",
)
P = "<text:p>{}</text:p>"
NUMBERED = {
    "levels": (
        items(P.format("one"), P.format("two") + items(P.format("in"), P.format("on")), P.format("three")),
        "1. one\n2. two\n2.1 in\n2.2 on\n3. three\n",
    ),
    "a second paragraph has no number": (items(P.format("one") + P.format("more")), "1. one\nmore\n"),
    "a new list": (items(P.format("a"), P.format("b")) + items(P.format("c")), "1. a\n2. b\n1. c\n"),
    "a list that continues": (
        items(P.format("a"), P.format("b"))
        + P.format("between")
        + items(P.format("c"), given="text:style-name='L' text:continue-numbering='true'"),
        "1. a\n2. b\nbetween\n3. c\n",
    ),
    "an item's own number": (
        "<text:list text:style-name='L'><text:list-item text:start-value='7'><text:p>a</text:p></text:list-item>"
        "<text:list-item><text:p>b</text:p></text:list-item></text:list>",
        "7. a\n8. b\n",
    ),
    "an item that only holds a list": (items(items(items(P.format("deep")))), "(a) deep\n"),
    "a bullet": (items(P.format("a"), given="text:style-name='B'"), "a\n"),
    "a header of a list": (
        "<text:list text:style-name='L'><text:list-header><text:p>List</text:p></text:list-header><text:list-item>"
        "<text:p>a</text:p></text:list-item></text:list>",
        "List\n1. a\n",
    ),
    "an unknown style": (items(P.format("a"), given="text:style-name='X'"), "a\n"),
    "beyond z": (items(*(P.format(n) for n in range(28)), given="text:style-name='A'"), None),
    "in a cell": (
        f"<table:table><table:table-row><table:table-cell>{items(P.format('a'))}</table:table-cell></table:table-row>"
        "</table:table>",
        "1. a\n",
    ),
}


@pytest.mark.parametrize("case", NUMBERED)
def test_the_numbers_of_opendocument_lists_are_read(tmp_path: Path, case: str) -> None:
    body, text = NUMBERED[case]
    styles = LETTERED + levels("B", "text:bullet-char='*'") + levels("A", "style:num-format='a'")
    found = text_of(opened(tmp_path, "a.odt", odt(body, styles)))
    if text is None:
        assert found.split("\n")[25:28] == ["z 25", "aa 26", "ab 27"]
    else:
        assert found == text


def test_opendocument_headings_are_numbered_by_the_outline(tmp_path: Path) -> None:
    levels = "".join(
        f"<text:outline-level-style text:level='{level}' style:num-format='1' text:display-levels='{level}'/>"
        for level in (1, 2)
    )
    styles = (
        f"<office:document-styles {ODF}><office:styles><text:outline-style>{levels}"
        "<text:outline-level-style text:level='3' style:num-format=''/></text:outline-style></office:styles>"
        "</office:document-styles>"
    )
    headings = ((1, "The Inn"), (2, "Rooms"), (2, "Prices"), (3, "Late"), (1, "The Road"), (2, "Tolls"))
    body = "".join(f"<text:h text:outline-level='{level}'>{text}</text:h>" for level, text in headings)
    document = opened(tmp_path, "a.odt", odt(body, **{"styles.xml": styles}))
    assert text_of(document) == "1 The Inn\n1.1 Rooms\n1.2 Prices\nLate\n2 The Road\n2.1 Tolls\n"
    assert ("2.1 Tolls", "section 2.1 Tolls") in places(document)
