"""RTF: the numbers of lists that the file defines in tables, and leaves to the program that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of


def level(kind: int, start: int, text: str) -> str:
    shown = rf"{{\leveltext\leveltemplateid9{text};}}{{\levelnumbers\'01;}}"
    return rf"{{\listlevel\levelnfc{kind}\levelstartat{start}{shown}}}"


LEVELS = (
    level(0, 4, r"\'02\'00."),
    level(4, 1, r"\'03(\'01)"),
    level(0, 1, r"\'05\'00.\'01.\'02"),
    level(1, 1, r"\'03\u167?\'03 "),
    level(23, 1, r"\'01\u-3913 ?"),
)
TABLES = (
    rf"{{\*\listtable{{\list\listtemplateid1{''.join(LEVELS)}{{\listname outline;}}\listid7}}}}"
    r"{\*\listoverridetable{\listoverride\listid7\listoverridecount0\ls1}"
    r"{\listoverride\listid7\listoverridecount1{\lfolevel\listoverridestartat\levelstartat1}\ls2}}"
)
NUMBERED = {
    "a list": (r"\pard\ls1\ilvl0 four\par five\par\pard end\par", "4. four\n5. five\nend\n"),
    "levels": (
        r"\pard\ls1 a\par\ilvl1 b\par c\par\ilvl2 d\par\ilvl3 e\par\ilvl0 f\par\ilvl1 g\par",
        "4. a\n(a) b\n(b) c\n4.b.1 d\n§I e\n5. f\n(a) g\n",
    ),
    "a bullet": (r"\pard\ls1\ilvl4 a\par", "a\n"),
    "a list that begins again": (r"\pard\ls1 a\par\pard\ls2 b\par c\par", "4. a\n1. b\n2. c\n"),
    "numbers in the file": (
        r"{\listtext\pard\plain 1)\tab}\pard\ls1 a\par\pard\ls1{\pntext 2)\tab}b\par",
        "1)\ta\n2)\tb\n",
    ),
    "numbers in the file of deleted paragraphs": (
        r"{\listtext 1)\tab}{\deleted a\par}{\listtext 2)\tab}b{\deleted\par}{\listtext 3)\tab}c\par",
        "2)\tbc\n",
    ),
    "numbers in the file in a box": (
        r"a{\shp{\*\shpinst{\shptxt{\listtext 1)\tab}b\par{\listtext 2)\tab}c\par}}}\par d\par",
        "a\n1) b 2) c\nd\n",
    ),
    "a paragraph without text": (r"\pard\ls1\par b\par", "4.\n5. b\n"),
    "a deleted paragraph": (r"\pard\ls1{\deleted a\par}b\par", "4. b\n"),
    "cells": (r"\pard\intbl\ls1 a\par b\cell\pard\intbl c\cell\pard\intbl\ls1\cell\row", "4. a 5. b\tc\t6.\n"),
    "a box": (r"\pard\ls1 a{\shp{\*\shpinst{\shptxt b\par}}}\par", "4. a\nb\n"),
    "an unknown list": (r"\pard\ls9 a\par\pard\ls1\ilvl8 b\par", "a\nb\n"),
}


@pytest.mark.parametrize("case", NUMBERED)
def test_the_numbers_of_rtf_lists_are_read(tmp_path: Path, case: str) -> None:
    body, text = NUMBERED[case]
    document = opened(tmp_path, "a.rtf", rf"{{\rtf1\ansi{TABLES}{body}}}")
    assert text_of(document) == text
    assert document.notices == ()
