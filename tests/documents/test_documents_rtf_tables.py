"""RTF: tables and their merged cells, boxes and notes with tables, and ends of paragraphs that are not shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of

HEAD = r"\trowd\trleft-70\cellx1500\cellx3000\cellx4500\pard\intbl Item\cell 2019\cell 2020\cell\row"
TABLE = r"\trowd\cellx900\cellx1800\pard\intbl t1\cell t2\cell\row\pard"
SHAPE = r"{{\shp{{\*\shpinst{{\shptxt {}}}}}{{\shprslt{{\*\do\dptxbx{{\dptxbxtext {}\par}}}}}}}}"
SHOWN = {
    "a wider cell": (
        HEAD + r"\trowd\trleft-70\cellx3000\cellx4500\intbl discontinued\cell 48213\cell\row\pard end\par",
        "Item\t2019\t2020\ndiscontinued\t\t48213\nend\n",
    ),
    "a wider cell at the end": (HEAD + r"\trowd\cellx1500\cellx4500 a\cell b\cell\row", "Item\t2019\t2020\na\tb\t\n"),
    "a wider cell before the narrow ones": (
        r"\trowd\cellx3000\pard\intbl all\cell\row\trowd\cellx1000\cellx3000 a\cell b\cell\row",
        "all\t\na\tb\n",
    ),
    "a row that begins further to the right": (
        HEAD + r"\trowd\trleft1490\cellx3000\cellx4500 p\cell q\cell\row",
        "Item\t2019\t2020\n\tp\tq\n",
    ),
    "borders that are nearly the same": (
        HEAD + r"\trowd\trleft-108\cellx1510\cellx2975\cellx4520 a\cell b\cell c\cell\row",
        "Item\t2019\t2020\na\tb\tc\n",
    ),
    "merged cells that are all there": (
        HEAD + r"\trowd\clmgf\cellx1500\clmrg\cellx3000\cellx4500 m\cell\cell x\cell\row",
        "Item\t2019\t2020\nm\t\tx\n",
    ),
    "more cells than the row says": (
        HEAD + r"\trowd\cellx4500 a\cell b\cell c\cell\row",
        "Item\t2019\t2020\na\tb\tc\n",
    ),
    "a table after another": (
        HEAD + r"\pard between\par\trowd\cellx3000\cellx4500\intbl a\cell b\cell\row",
        "Item\t2019\t2020\nbetween\na\tb\n",
    ),
    "a page of many borders": (
        "".join(rf"\trowd\cellx{1000 * n}\intbl {n}\cell\row" for n in range(1, 101)),
        "".join(f"{n}\n" for n in range(1, 101)),
    ),
    "a table in a box": (rf"x{SHAPE.format(TABLE + ' after', '')}\par end\par", "x\nt1 t2 after\nend\n"),
    "a table in a box in a table": (
        rf"{HEAD}\trowd\cellx3000\cellx4500\intbl a{SHAPE.format(TABLE, '')}\cell b\cell\row\pard end\par",
        "Item\t2019\t2020\na t1 t2\t\tb\nend\n",
    ),
    "a table in a note": (rf"x{{\footnote{TABLE} rest}}y\par", "x[1]y\n[1] t1 t2 rest\n"),
    "a drawn box": (r"a{\*\do\dobxcolumn\dptxbx{\dptxbxtext\pard in\par}}b\par", "ab\nin\n"),
    "a box that is also drawn": (rf"a{SHAPE.format('in', 'in')}b\par", "ab\nin\n"),
    "a deleted end": (r"a joined \plain {\deleted\revauthdel1 \par }sentence\par", "a joined sentence\n"),
    "a hidden end": (r"one {\v hid\par}two\par{\deleted gone\par}three\par", "one two\nthree\n"),
    "a deleted end in a cell": (r"\pard\intbl jo{\deleted\par}ined\cell b\cell\row", "joined\tb\n"),
    "a deleted end in a note": (r"a{\footnote jo{\deleted\par}ined}\par", "a[1]\n[1] joined\n"),
    "a deleted end before a table": (rf"before{{\deleted\par}}{TABLE} end\par", "before\nt1\tt2\nend\n"),
    "a box in a cell": (
        r"\pard\intbl a{\shp{\*\shpinst{\shptxt boxed\par words\par}}}\cell b\cell\row\pard end\par",
        "a boxed words\tb\nend\n",
    ),
    "a deleted end before an empty cell": (
        r"before{\deleted\par}\pard\intbl\cell b\cell\row",
        "before\n\tb\n",
    ),
    "a deleted end before the end": (r"a{\deleted\par}", "a\n"),
}


@pytest.mark.parametrize("case", SHOWN)
def test_tables_and_joined_paragraphs_of_rtf(tmp_path: Path, case: str) -> None:
    body, text = SHOWN[case]
    assert text_of(opened(tmp_path, "a.rtf", rf"{{\rtf1\ansi {body}}}")) == text
