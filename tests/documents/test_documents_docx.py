"""DOCX: paragraphs, breaks, headings in any language, notes."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import WORD, docx, opened, paragraph, places, text_of, zipped
from sheets import SLIDE, parts

from gemma10m.errors import DocumentError


def test_paragraphs_and_headings(tmp_path: Path) -> None:
    body = paragraph("The Inn", "Heading1") + paragraph("It was late.") + paragraph("", "Heading2")
    document = opened(tmp_path, "book.docx", docx(body + paragraph("The Road", "Title") + paragraph("x", "Heading9")))
    assert text_of(document) == "The Inn\nIt was late.\n\nThe Road\nx\n"
    assert places(document) == [("The Inn", "section The Inn"), ("The Road", "section The Road")]
    assert not document.headed


def test_headings_are_known_by_their_style_s_name(tmp_path: Path) -> None:
    styles = f'<w:styles {WORD}><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style></w:styles>'
    document = opened(tmp_path, "a", docx(paragraph("Im Wirtshaus", "berschrift1") + paragraph("x"), styles=styles))
    assert places(document) == [("Im Wirtshaus", "section Im Wirtshaus")]


def test_what_is_and_is_not_text(tmp_path: Path) -> None:
    runs = (
        "<w:p><w:pPr><w:tabs><w:tab w:val='left' w:pos='720'/></w:tabs></w:pPr>"
        "<w:r><w:t xml:space='preserve'>a </w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c &amp; &lt;d&gt;</w:t></w:r>"
        "<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del><w:instrText>PAGE</w:instrText></w:p>"
        "<w:Choice><w:t>drawn</w:t></w:Choice><w:Fallback><w:t>drawn</w:t></w:Fallback>"
    )
    assert text_of(opened(tmp_path, "a", docx(runs))) == "a \tb\nc & <d>\ndrawn\n"


def test_an_alternative_without_a_text_gives_way_to_the_next(tmp_path: Path) -> None:
    either = (
        "<mc:AlternateContent><mc:Choice Requires='x'>{}</mc:Choice><mc:Fallback>{}</mc:Fallback></mc:AlternateContent>"
    )
    emoji = either.format("<w16se:symEx w16se:char='1F60A'/>", "<w:t>\U0001f60a</w:t>")
    box = "<w:txbxContent>" + paragraph("boxed") + "</w:txbxContent>"
    runs = f"<w:r><w:t>Happy </w:t>{emoji}<w:t> day</w:t>{either.format(box, box)}</w:r>"
    said = f"<w:p xmlns:mc='m' xmlns:w16se='s'>{runs}</w:p>"
    assert text_of(opened(tmp_path, "a", docx(said))) == "Happy \U0001f60a day\nboxed\n"


def row(*cells: str) -> str:
    return f"<w:tr>{''.join(f'<w:tc>{cell}</w:tc>' for cell in cells)}</w:tr>"


def test_a_row_of_a_table_is_a_line(tmp_path: Path) -> None:
    table = row(paragraph("Name"), paragraph("Age")) + row(paragraph("Ann"), paragraph(""), paragraph("9"))
    body = f"{paragraph('Before.')}<w:tbl>{table}</w:tbl>{paragraph('After.')}"
    assert text_of(opened(tmp_path, "a", docx(body))) == "Before.\nName\tAge\nAnn\t\t9\nAfter.\n"


def test_what_is_in_a_cell_stays_on_its_line(tmp_path: Path) -> None:
    broken = "<w:p><w:r><w:br/><w:t>c</w:t><w:br/><w:t>d</w:t><w:tab/><w:t>e</w:t></w:r></w:p>"
    cells = row(paragraph("") + paragraph("a") + paragraph("") + paragraph("b", "Heading1"), broken)
    document = opened(tmp_path, "a", docx(f"<w:tbl>{cells}</w:tbl>"))
    assert text_of(document) == "a b\tc d e\n"
    assert document.files[0].places == ((2, "section b"),)


INNER = f"<w:tbl>{row(paragraph('1'), paragraph('2'))}{row(paragraph('3'), paragraph(''), paragraph('4'))}</w:tbl>"


def test_a_table_in_a_cell_is_text_of_the_cell(tmp_path: Path) -> None:
    cells = row(paragraph("a") + INNER + paragraph(""), paragraph("b")) + row(paragraph("c"), INNER, paragraph("d"))
    text = text_of(opened(tmp_path, "a", docx(f"<w:tbl>{cells}</w:tbl>{paragraph('z')}")))
    assert text == "a 1 2 3 4\tb\nc\t1 2 3 4\td\nz\n"


def test_a_table_in_a_table_of_one_column_keeps_its_rows(tmp_path: Path) -> None:
    table = f"<w:tbl><w:tblGrid><w:gridCol/></w:tblGrid>{row(paragraph('a') + INNER + paragraph('b'))}</w:tbl>"
    assert text_of(opened(tmp_path, "a", docx(table))) == "a\n1\t2\n3\t\t4\nb\n"


def test_a_table_that_repeats_a_drawing_is_not_read(tmp_path: Path) -> None:
    body = f"<w:Fallback><w:tbl>{row(paragraph('a'), paragraph('b'))}</w:tbl></w:Fallback>{paragraph('z')}"
    assert text_of(opened(tmp_path, "a", docx(body))) == "z\n"


DELETED_MARK = "<w:pPr><w:rPr><w:del/></w:rPr></w:pPr>"
BOX = "<w:pict><w:txbxContent>{}</w:txbxContent></w:pict>"


def marked(text: str, mark: str = DELETED_MARK) -> str:
    return f"<w:p>{mark}<w:r>{text}</w:r></w:p>"


def test_a_paragraph_without_an_end_is_joined_with_the_next_paragraph_alone(tmp_path: Path) -> None:
    open_ended, table = marked("<w:t>Price list 7</w:t>"), f"<w:tbl>{row(paragraph('500'), paragraph('x'))}</w:tbl>"
    notes = f"<w:footnotes {WORD}>{paragraph('A note.')}</w:footnotes>"
    boxed = marked(f"<w:t>alpha</w:t>{BOX.format(paragraph('boxed'))}")
    for body, text in (
        (open_ended + paragraph("0"), "Price list 70\nA note.\n"),
        (open_ended + table, "Price list 7\n500\tx\nA note.\n"),
        (f"<w:tbl>{row(open_ended, paragraph('x'))}</w:tbl>", "Price list 7\tx\nA note.\n"),
        (open_ended, "Price list 7\nA note.\n"),
        (boxed + paragraph("beta"), "alphabeta\nboxed\nA note.\n"),
        (marked("<w:t>a</w:t>" + BOX.format(open_ended), ""), "a\nPrice list 7\nA note.\n"),
    ):
        assert text_of(opened(tmp_path, "a", docx(body, footnotes=notes))) == text


def test_a_box_in_hidden_text_is_not_read(tmp_path: Path) -> None:
    hidden = f"<w:p><w:r><w:rPr><w:vanish/></w:rPr>{BOX.format(paragraph('boxed'))}</w:r><w:r><w:t>a</w:t></w:r></w:p>"
    document = opened(tmp_path, "a", docx(hidden))
    assert text_of(document) == "a\n"
    assert document.notices == (f"{tmp_path}/a: 5 characters of hidden text are not read",)


def test_raw_white_space_is_a_space(tmp_path: Path) -> None:
    cells = row(paragraph("blue\npaint"), paragraph("in\tall")) + row(paragraph("5"), paragraph("6"))
    assert text_of(opened(tmp_path, "a", docx(f"<w:tbl>{cells}</w:tbl>"))) == "blue paint\tin all\n5\t6\n"


def test_member_names_may_have_the_slashes_of_windows(tmp_path: Path) -> None:
    members: dict[str, bytes | str] = {
        "_rels\\.rels": "<Relationships><Relationship Type='t/officeDocument' Target='w/d.xml'/></Relationships>",
        "w\\d.xml": f"<w:document {WORD}><w:body>{paragraph('Text.')}</w:body></w:document>",
    }
    assert text_of(opened(tmp_path, "a.docx", zipped(members))) == "Text.\n"


def test_notes_follow_the_text(tmp_path: Path) -> None:
    notes = f"<w:footnotes {WORD}>{paragraph('A note.')}</w:footnotes>"
    assert text_of(opened(tmp_path, "a", docx(paragraph("Text."), footnotes=notes))) == "Text.\nA note.\n"


def test_a_note_begins_a_line_after_a_text_that_is_cut(tmp_path: Path) -> None:
    notes = f"<w:footnotes {WORD}>{paragraph('A note.')}</w:footnotes>"
    cell = f"<w:tbl><w:tr><w:tc>{paragraph('3')}</w:tc><w:tc>{paragraph('x')}"
    for cut, text in (("<w:p><w:r><w:t>48213</w:t></w:r>", "48213"), (cell, "3\tx"), (paragraph("z"), "z")):
        document = opened(tmp_path, "a", docx(f"{cut}<w:p", footnotes=notes))
        assert text_of(document) == f"{text}\nA note.\n"
        assert "part of its word/document.xml is not read" in document.notices[0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (docx(paragraph("")), "a Word document without text"),
        (docx("<w:p>"), r"its word/document\.xml is not XML"),
        (zipped({"[Content_Types].xml": "", "visio/document.xml": ""}), "a drawing, which is not supported"),
        (zipped({"mimetype": "", "content.xml": ""}), "an office document, which is not supported"),
    ],
)
def test_documents_that_cannot_be_read(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        opened(tmp_path, "book.docx", content)


def test_a_large_first_letter_is_a_letter_of_the_next_paragraph(tmp_path: Path) -> None:
    frame = "<w:pPr><w:framePr w:dropCap='{}' w:lines='3'/></w:pPr>"
    letter = f"<w:p>{frame}<w:r><w:rPr><w:position w:val='-8'/></w:rPr><w:t>{{}}</w:t></w:r></w:p>"
    body = letter.format("drop", "O") + paragraph("nce upon a time.") + letter.format("none", "No") + paragraph("end")
    assert text_of(opened(tmp_path, "a.docx", docx(body))) == "Once upon a time.\nNo\nend\n"


def test_a_note_with_a_mark_of_its_own_has_no_number(tmp_path: Path) -> None:
    marked = "<w:r><w:footnoteReference w:customMarkFollows='{}' w:id='{}'/><w:t>{}</w:t></w:r>"
    body = f"<w:p>{marked.format(1, 2, '*')}{marked.format(0, 3, ' end')}</w:p>"
    notes = "".join(
        f"<w:footnote w:id='{key}'>{paragraph(text)}</w:footnote>"
        for key, text in {2: "* A star.", 3: "Another."}.items()
    )
    document = opened(tmp_path, "a.docx", docx(body, footnotes=f"<w:footnotes {WORD}>{notes}</w:footnotes>"))
    assert text_of(document) == "*[1] end\n* A star.\n[1] Another.\n"


def test_diagrams_and_charts_are_read_behind_their_paragraph(tmp_path: Path) -> None:
    point = '<dgm:pt modelId="{0}"><dgm:t><a:p><a:r><a:t>{0}</a:t></a:r></a:p></dgm:t></dgm:pt>'
    data = f'{point.format("Build")}{point.format("Plan")}<dgm:cxn srcId="Plan" destId="Build" srcOrd="0"/>'
    series = '<c:ser><c:val><c:numCache><c:pt idx="0"><c:v>0.5</c:v></c:pt></c:numCache></c:val></c:ser>'
    more = {
        "_rels/document.xml.rels": parts(("c", "chart", "c"), ("d", "diagramData", "d"), ("x", "chartEx", "x")),
        "c": f"<c:chartSpace {SLIDE}><c:chart>{series}</c:chart></c:chartSpace>",
        "d": f"<dgm:dataModel {SLIDE}>{data}</dgm:dataModel>",
    }
    drawings = (
        f'<w:drawing {SLIDE}><dgm:relIds r:dm="d"/></w:drawing><w:drawing {SLIDE}><c:chart r:id="c"/></w:drawing>'
    )
    members = {"word/document.xml": f"<w:document {WORD}><w:body><w:p><w:r><w:t>Before</w:t>{drawings}</w:r></w:p>"}
    members["word/document.xml"] += f"{paragraph('After')}</w:body></w:document>"
    members |= {f"word/{name}": text for name, text in more.items()}
    document = opened(tmp_path, "a.docx", zipped({"[Content_Types].xml": "<Types/>"} | members))
    assert text_of(document) == "Before\nPlan\nBuild\n\t0.5\nAfter\n"
    assert document.notices == (f"{tmp_path}/a.docx: its charts of a new kind are not read",)
