"""Text of a PDF that no viewer shows: layers that are off, and what is clipped away; and text that only looks so."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn

OFF, ON, EITHER, PARTLY = "8 0 R", "9 0 R", "10 0 R", "11 0 R"  # layers, and one that is on where another is
LAYERS = [
    b"<</Type/OCG/Name(Layer)>>",
    b"<</Type/OCG/Name(Layer)>>",
    b"<</Type/OCMD/OCGs[8 0 R 9 0 R]/P/AnyOn>>",
    b"<</Type/OCMD/OCGs[8 0 R 9 0 R]/P/AllOn>>",
]
NAMES = f"/Properties<</Off {OFF}/On {ON}/Either {EITHER}/Partly {PARTLY}>>/XObject<</Y 12 0 R/Z 13 0 R"
SCANNED = "BT 3 Tr /F 10 Tf 1 0 0 1 72 600 Tm (scanned) Tj ET\n"


def layered(page: str, form: str = "", state: str = "/OFF[8 0 R]", extra: str = "", rotate: int = 0) -> bytes:
    """Return a page in whose drawing are layers, and a form /Y with this drawing; /Z is a form in which /Y is."""
    catalog = f"/OCProperties<</OCGs[{OFF} {ON}]/D<<{state}>>>>"
    head = f"/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</Font<</F 3 0 R>>{NAMES}>>>>"
    forms = [
        f"<<{head}{extra}/Length {len(form)}>>stream\n{form}\nendstream".encode(),
        f"<<{head}/Length 5>>stream\n/Y Do\nendstream".encode(),
    ]
    content = drawn(page, more=[*LAYERS, *forms], catalog=catalog, annotations=f"/Rotate {rotate}")
    return content.replace(b"/XObject<<", NAMES.encode(), 1)


def layer(name: str, drawing: str) -> str:
    return f"/OC /{name} BDC\n{drawing}EMC\n"


SHOWN, HIDDEN = at(72, 700, "shown"), at(72, 680, "hidden")
CASES = {
    "a layer that is off": layered(layer("Off", HIDDEN) + layer("On", SHOWN)),
    "a layer that is off at first": layered(
        layer("Off", HIDDEN) + layer("On", SHOWN), state="/BaseState/OFF/ON[9 0 R]"
    ),
    "in the same place": layered(layer("Off", at(72, 700, "shown")) + layer("On", SHOWN)),
    "a turned page": layered(layer("Off", HIDDEN) + layer("On", SHOWN), rotate=90),
    "a layer in another": layered(layer("On", layer("Off", HIDDEN) + SHOWN)),
    "one of several": layered(layer("Partly", HIDDEN) + layer("Either", SHOWN)),
    "a form in a layer": layered(SHOWN + layer("Off", "/Y Do\n"), HIDDEN),
    "a layer in a form": layered("/Y Do\n", layer("Off", HIDDEN) + SHOWN),
    "a form that is off": layered(SHOWN + "/Y Do\n", HIDDEN, extra=f"/OC {OFF}"),
    "a form that is off in a form": layered(SHOWN + "/Z Do\n", HIDDEN, extra=f"/OC {OFF}"),
    "a form that is on": layered("/Y Do\n", SHOWN, extra=f"/OC {ON}"),
    "outside of a clip": drawn(SHOWN + f"q 0 0 60 792 re W n\n{HIDDEN}Q\n"),
    "an empty clip": drawn(f"q 0 0 0 0 re W n\n{HIDDEN}Q\n{SHOWN}"),
    "two clips": drawn(f"q 0 0 612 690 re W n q 0 690 612 10 re W n\n{HIDDEN}Q Q\n{SHOWN}"),
    "a clip in a form": layered("/Y Do\n", f"q 90 0 9 9 re W n\n{HIDDEN}Q\n{SHOWN}"),
    "a cell's clip": drawn(f"q 70 690 9 20 re W n\n{SHOWN}Q\n"),
    "outside of the page's box": drawn(SHOWN + at(72, 60, "hidden"), annotations="/CropBox[0 100 612 792]"),
    "white on a ground": layered("0 g 0 0 612 792 re f 1 g\n/Y Do\n", SHOWN),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_shown_is_not_read(case: str, tmp_path: Path) -> None:
    assert text_of(opened(tmp_path, "a.pdf", CASES[case])) == "shown"


@pytest.mark.parametrize(("page", "form"), [(SCANNED, ""), ("/Y Do\n", SCANNED), (SHOWN + "/Y Do\n", SCANNED)])
def test_the_text_under_a_scan_is_read(page: str, form: str, tmp_path: Path) -> None:
    text = "shown\nscanned" if SHOWN in page else "scanned"
    assert text_of(opened(tmp_path, "a.pdf", layered(page, form))) == text


def test_hidden_text_is_counted(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.pdf", layered(layer("Off", HIDDEN) + SHOWN))
    assert document.notices == (f"{tmp_path}/a.pdf: 6 hidden characters are not read",)
