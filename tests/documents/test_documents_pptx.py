"""PPTX: the text of slides in the order of the presentation, with the speaker's notes."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, places, text_of, zipped
from sheets import SLIDE, parts, pptx, shape, slide

from gemma10m.errors import DocumentError


def frame(inside: str) -> str:
    properties = '<p:nvGraphicFramePr><p:cNvPr id="1" name="x"/></p:nvGraphicFramePr>'
    return (
        f"<p:graphicFrame>{properties}<a:graphic><a:graphicData>{inside}</a:graphicData></a:graphic></p:graphicFrame>"
    )


def table(*rows: tuple[str, ...]) -> str:
    cells = (
        tuple(f"<a:tc><a:txBody><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>" for cell in row)
        for row in rows
    )
    return frame(f"<a:tbl>{''.join(f'<a:tr>{chr(10).join(row)}</a:tr>' for row in cells)}</a:tbl>")


def paragraph(inside: str) -> str:
    return f"<p:sp><p:nvSpPr><p:cNvPr/></p:nvSpPr><p:txBody><a:p>{inside}</a:p></p:txBody></p:sp>"


GROUP = '<p:grpSp><p:nvGrpSpPr><p:cNvPr id="1" name="x" {}/></p:nvGrpSpPr>{}</p:grpSp>'
MARGINS = "".join(shape("7", kind=kind) for kind in ("sldNum", "dt", "ftr"))
FORMULA = "<m:oMath><m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath>"
RUN = "<a:r>{}<a:t>{}</a:t></a:r>"

SHAPES = {
    "the title comes first": (shape("Body", kind="body") + shape("The Sea", kind="ctrTitle"), ": The Sea\n\nBody\n"),
    "a title of two lines": (shape("The", "Sea", kind="title"), ": The Sea\n"),
    "paragraphs are lines": (shape("One.", "Two."), "\n\nOne.\nTwo.\n"),
    "groups in groups": (GROUP.format("", GROUP.format("", shape("In")) + shape("Out")), "\n\nIn\nOut\n"),
    "tables": (table(("City", "People", ""), ("Rome", "", "old")), "\n\nCity\tPeople\nRome\t\told\n"),
    "descriptions": (shape("Text", given='descr="A map of\nRome"'), "\n\nA map of Rome\nText\n"),
    "runs and line ends": (paragraph(RUN.format("", "Sea") + "<a:br/>" + RUN.format("", "side")), "\n\nSea\nside\n"),
    "a raised number": (paragraph(RUN.format("", "10") + RUN.format('<a:rPr baseline="30000"/>', "6")), "\n\n10^6\n"),
    "formulas": (paragraph(RUN.format("", "x = ") + FORMULA), "\n\nx = 1/2\n"),
    "one of two alternatives": (f"<Choice>{shape('new')}</Choice><Fallback>{shape('old')}</Fallback>", "\n\nnew\n"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_what_a_slide_shows_is_read_once(tmp_path: Path, case: str) -> None:
    shapes, text = SHAPES[case]
    document = opened(tmp_path, "a.pptx", pptx(shapes))
    assert text_of(document) == f"Slide 1{text}"
    assert document.notices == ()


AUTO = '<a:buAutoNum type="{}"/>'


def item(text: str, mark: str = "", level: int = 0) -> str:
    return f'<a:p><a:pPr lvl="{level}">{mark}</a:pPr>{RUN.format("", text) if text else ""}</a:p>'


def text_box(*items: str, style: str = "") -> str:
    body = f"<p:txBody><a:bodyPr/><a:lstStyle>{style}</a:lstStyle>{''.join(items)}</p:txBody>"
    return f"<p:sp><p:nvSpPr><p:cNvPr/></p:nvSpPr>{body}</p:sp>"


DOT, PAREN = AUTO.format("arabicPeriod"), AUTO.format("alphaLcParenR")
FROM = '<a:buAutoNum type="romanUcPeriod" startAt="{}"/>'
NUMBERS = {
    "of one kind": ([item("a", DOT), item("b", DOT)], ["1. a", "2. b"]),
    "of levels": (
        [item("a", DOT), item("b", PAREN, 1), item("c", PAREN, 1), item("d", DOT), item("e", PAREN, 1)],
        ["1. a", "a) b", "b) c", "2. d", "a) e"],
    ),
    "after a bullet": ([item("a", DOT), item("b", "<a:buChar char='x'/>"), item("c", DOT)], ["1. a", "b", "1. c"]),
    "after a bullet on a lower level": ([item("a", DOT), item("b", "", 1), item("c", DOT)], ["1. a", "b", "2. c"]),
    "after another kind": ([item("a", DOT), item("b", PAREN), item("c", DOT)], ["1. a", "a) b", "1. c"]),
    "after a paragraph without text": ([item("a", DOT), item("", DOT), item("b", DOT)], ["1. a", "2. b"]),
    "that begin later": ([item("a", FROM.format(4)), item("b", FROM.format(4))], ["IV. a", "V. b"]),
    "that begin anew": ([item("a", FROM.format(4)), item("b", FROM.format(2))], ["IV. a", "II. b"]),
}
SHOWN = {
    "arabicParenBoth": "(1)",
    "arabicPlain": "1",
    "alphaUcPeriod": "A.",
    "romanLcParenR": "i)",
    "ea1JpnKorPlain": "一",
}
SHOWN |= {"circleNumWdBlackPlain": "①", "thaiNumPeriod": "1.", "arabic1Minus": "1-"}


@pytest.mark.parametrize("case", NUMBERS)
def test_paragraphs_have_their_numbers(tmp_path: Path, case: str) -> None:
    items, lines = NUMBERS[case]
    assert text_of(opened(tmp_path, "a.pptx", pptx(text_box(*items)))) == "\n".join(("Slide 1\n", *lines, ""))


@pytest.mark.parametrize("kind", SHOWN)
def test_numbers_are_of_many_kinds(tmp_path: Path, kind: str) -> None:
    document = opened(tmp_path, "a.pptx", pptx(text_box(item("a", AUTO.format(kind)))))
    assert text_of(document) == f"Slide 1\n\n{SHOWN[kind]} a\n"


def test_each_shape_and_cell_counts_its_own_numbers(tmp_path: Path) -> None:
    style = f"<a:lvl1pPr>{DOT}</a:lvl1pPr><a:lvl2pPr>{PAREN}</a:lvl2pPr>"
    boxes = text_box(item("a"), item("b", level=1), item("c", "<a:buNone/>"), style=style) + text_box(item("d", DOT))
    cell = f"<a:tc><a:txBody>{item('x', DOT)}{item('y', DOT)}</a:txBody></a:tc>"
    document = opened(tmp_path, "a.pptx", pptx(boxes + frame(f"<a:tbl><a:tr>{cell}{cell}</a:tr></a:tbl>")))
    assert text_of(document) == "Slide 1\n\n1. a\na) b\nc\n1. d\n1. x 2. y\t1. x 2. y\n"


def test_slides_come_in_the_order_of_the_presentation(tmp_path: Path) -> None:
    slides = (shape(f"Slide {n}", kind="title") for n in ("b", "c", "a"))
    document = opened(tmp_path, "nameless", pptx(*slides, order=(3, 1, 2)))
    assert text_of(document) == "Slide 1: Slide a\n\nSlide 2: Slide b\n\nSlide 3: Slide c\n"
    assert places(document)[1:] == [("Slide 2: Slide b", "slide 2"), ("Slide 3: Slide c", "slide 3")]


def test_slides_without_a_list_come_by_their_numbers(tmp_path: Path) -> None:
    slides = (shape(f"s{n}") for n in range(1, 12))
    document = opened(tmp_path, "a.pptx", pptx(*slides, **{"presentation.xml": "<p"}))
    assert text_of(document).split()[2::3] == [f"s{n}" for n in range(1, 12)]


def test_notes_and_comments_follow_their_slide(tmp_path: Path) -> None:
    notes = slide(shape("7", kind="sldNum") + shape("Smile.", kind="body"), root="notes")
    more = {
        "slides___rels__slide1.xml.rels": parts(("n", "notesSlide", "../notes.xml"), ("c", "comments", "../c.xml")),
        "notes.xml": notes,
        "commentAuthors.xml": f'<p:cmAuthorLst {SLIDE}><p:cmAuthor id="4" name="Zoe"/></p:cmAuthorLst>',
        "c.xml": f'<p:cmLst {SLIDE}><p:cm authorId="4"><p:text>Why?</p:text></p:cm>'
        '<p:cm authorId="9"><p:reply authorId="4"><a:p><a:r><a:t>No.</a:t></a:r></a:p></p:reply>'
        "<p:txBody><a:p><a:r><a:t>Now?</a:t></a:r></a:p></p:txBody></p:cm></p:cmLst>",
    }
    document = opened(tmp_path, "a.pptx", pptx(shape("Hello"), shape("Bye"), **more))
    assert text_of(document) == (
        "Slide 1\n\nHello\n\nNotes\nSmile.\n\n[comment by Zoe] Why?\n[comment by somebody] Now?\n[comment by Zoe] No.\n"
        "\nSlide 2\n\nBye\n"
    )


def test_charts_and_diagrams_are_read_where_they_are(tmp_path: Path) -> None:
    cache = "<c:numCache><c:formatCode>0%</c:formatCode>{}</c:numCache>"
    points = "".join(f'<c:pt idx="{n}"><c:v>{value}</c:v></c:pt>' for n, value in enumerate((0.25, 0.5)))
    names = '<c:strCache><c:pt idx="0"><c:v>East</c:v></c:pt><c:pt idx="1"><c:v>West</c:v></c:pt></c:strCache>'
    title = "<c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    name = '<c:tx><c:strRef><c:strCache><c:pt idx="0"><c:v>2024</c:v></c:pt></c:strCache></c:strRef></c:tx>'
    series = f"<c:ser>{name}<c:cat>{names}</c:cat><c:val>{cache.format(points)}</c:val></c:ser>"
    point = "<dgm:pt><dgm:t><a:p><a:r><a:t>{}</a:t></a:r></a:p></dgm:t></dgm:pt>"
    more = {
        "slides___rels__slide1.xml.rels": parts(
            ("c", "chart", "../c.xml"), ("d", "diagramData", "../d.xml"), ("o", "oleObject", "../o.bin")
        ),
        "c.xml": f"<c:chartSpace {SLIDE}><c:chart>{title}{series}</c:chart></c:chartSpace>",
        "d.xml": f"<dgm:dataModel {SLIDE}>{point.format('Plan')}{point.format('Do')}</dgm:dataModel>",
    }
    shapes = shape("Before") + frame('<c:chart r:id="c"/>') + frame('<dgm:relIds r:dm="d" r:lo="x"/>') + shape("After")
    document = opened(tmp_path, "a.pptx", pptx(shapes, **more))
    assert text_of(document) == "Slide 1\n\nBefore\nSales\n\t2024\nEast\t25%\nWest\t50%\nPlan\nDo\nAfter\n"
    assert document.notices == (f"{tmp_path}/a.pptx: 1 embedded object is not read",)


def test_the_points_of_a_diagram_come_in_the_order_of_their_connections(tmp_path: Path) -> None:
    point = '<dgm:pt modelId="{0}"><dgm:t><a:p><a:r><a:t>{0}</a:t></a:r></a:p></dgm:t></dgm:pt>'
    joined = '<dgm:cxn modelId="x" srcId="{}" destId="{}" srcOrd="{}"/>'
    points = "".join(point.format(name) for name in ("alone", "ship", "test", "plan", "build", "cycle"))
    cuts = (("d", "ship", 2), ("d", "plan", 0), ("build", "test", 0), ("d", "build", 1), ("cycle", "cycle", 0))
    shown = '<dgm:cxn type="presOf" srcId="ship" destId="plan" srcOrd="0"/>'
    data = f'<dgm:pt modelId="d" type="doc"/>{points}{"".join(joined.format(*cut) for cut in cuts)}{shown}'
    more = {
        "slides___rels__slide1.xml.rels": parts(("d", "diagramData", "../d.xml")),
        "d.xml": f"<dgm:dataModel {SLIDE}>{data}</dgm:dataModel>",
    }
    document = opened(tmp_path, "a.pptx", pptx(frame('<dgm:relIds r:dm="d"/>'), **more))
    assert text_of(document) == "Slide 1\n\nplan\nbuild\ntest\nship\nalone\ncycle\n"


def test_what_is_not_read_has_a_notice(tmp_path: Path) -> None:
    struck = paragraph(RUN.format('<a:rPr strike="sngStrike"/>', "old") + RUN.format("", "new"))
    hidden = shape("hid", given='hidden="1"') + GROUP.format('hidden="1"', shape("den"))
    left_out = slide(shape("backup"), given='show="0"')
    document = opened(tmp_path, "a.pptx", pptx(struck + hidden + MARGINS, left_out, ""))
    assert text_of(document) == "Slide 1\n\nnew\n\nSlide 2\n\nbackup\n\nSlide 3\n"
    assert document.notices == (
        f"{tmp_path}/a.pptx: 1 slide that the show passes over is read; 1 of 3 slides hold no text (pictures?); its "
        "headers and footers are not read; 3 characters of struck text are not read; 6 characters of hidden text are "
        "not read",
    )


def test_a_damaged_slide_leaves_the_others(tmp_path: Path) -> None:
    broken = slide(shape("One."))[:-60]
    document = opened(tmp_path, "a.pptx", pptx("<p:sld", broken, shape("Two.")))
    assert text_of(document) == "Slide 2\n\nOne.\n\nSlide 3\n\nTwo.\n"
    said = (
        "1 slide is not read (damaged: its ppt/slides/slide1.xml is not XML)",
        "1 damaged end of a slide or drawing is",
    )
    assert document.notices == (f"{tmp_path}/a.pptx: {'; '.join(said)} not read",)


def test_a_file_that_was_cut_off_is_read_as_far_as_it_reaches(tmp_path: Path) -> None:
    whole = pptx(*(shape(f"This is text {n * n * 7919}.") for n in range(100)))
    document = opened(tmp_path, "a.pptx", whole[: len(whole) // 2])
    assert "Slide 2\n\nThis is text 7919.\n" in text_of(document)
    assert "its list of members is lost" in document.notices[0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (pptx("", ""), "a slide presentation without text"),
        (pptx(), "a slide presentation without text"),
        (pptx("<p:sld"), "damaged: its ppt/slides/slide1.xml is not XML"),
        (
            zipped({"[Content_Types].xml": "", "ppt/presentation.bin": ""}),
            "a slide presentation, which is not supported",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=f"a.pptx cannot be read: {why}"):
        opened(tmp_path, "a.pptx", content)
