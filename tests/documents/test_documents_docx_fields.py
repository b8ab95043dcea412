"""DOCX: fields without a result, symbol fonts, styles based on others, and what is embedded or left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import WORD, docx, opened, paragraph, text_of, zipped

from gemma10m.documents.formats.field_codes import shown

R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


GREEK = '<w:rStyle w:val="G"/>'


def field(code: str) -> str:
    begin, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "end"))
    return f"{begin}<w:r><w:instrText>{code}</w:instrText></w:r>{end}"


def style(key: str, look: str, base: str = "") -> str:
    based = f'<w:basedOn w:val="{base}"/>' if base else ""
    return f'<w:style w:styleId="{key}">{based}<w:rPr>{look}</w:rPr></w:style>'


CODES = {
    r"EQ \f(1;2)": "1/2",
    r"EQ 5\f(1,5;2)": "5 1,5/2",
    r"EQ \r(3,y+1)": "(y+1)^(1/3)",
    r"EQ \r(x)": "√x",
    r"EQ \i\su(1,5,3x)": "∑_1^5 3x",
    r"EQ \b\bc\[(a,b)": "[a,b]",
    r"EQ \b\lc\{(a)": "{a",
    r"EQ \a\al\co2(1,2,3,4)": "[1 2; 3 4]",
    r"EQ \f(f(x),2": "(f(x))/2",
    r'EQ \* jc2 \* "Font:MS Mincho" \o\ad(\s\up 9(とう),東)': "東",
    r"EQ \o(a,/)": "a/",
    r"EQ \(a\,b": "(a,b",
    'SYMBOL 163 \\f "Symbol"': "≤",
    "SYMBOL 0xFC \\f Wingdings": "✓",
    "SYMBOL 169": "©",
    "MACROBUTTON NoMacro [Click here]": "[Click here]",
    "PAGE": "",
    "EQ": "",
    "": "",
}


@pytest.mark.parametrize("code", CODES)
def test_a_field_is_shown_by_its_code(tmp_path: Path, code: str) -> None:
    body = f"<w:p>{run('is ')}{field(code)}{run('.')}</w:p>"
    assert text_of(opened(tmp_path, "a.docx", docx(body))) == f"is {CODES[code]}.\n"


def test_a_raised_field_and_one_in_short(tmp_path: Path) -> None:
    simple = '<w:fldSimple w:instr="EQ \\f(1,2)"/>'
    raised = field(r"EQ \s\up5(2)")
    body = f"<w:p>{run('x')}{raised}{run(' 3')}{simple}</w:p>"
    assert text_of(opened(tmp_path, "a.docx", docx(body))) == "x^2 3 1/2\n"


def test_switches_lie_in_one_another_only_so_deep() -> None:
    assert shown("EQ " + r"\f(" * 1000)


def test_formulas_of_a_paragraph_are_lines(tmp_path: Path) -> None:
    formulas = "".join(f"<m:oMath><m:r><m:t>{each}</m:t></m:r></m:oMath>" for each in ("a=48", "213=b"))
    body = f"<w:p xmlns:m='x'><m:oMathPara>{formulas}</m:oMathPara></w:p>"
    assert text_of(opened(tmp_path, "a.docx", docx(body))) == "a=48\n213=b\n"
    beside = f"<w:p xmlns:m='x'>{run('2')}<m:oMath><m:r><m:t>48</m:t></m:r></m:oMath>{run('3')}</w:p>"
    assert text_of(opened(tmp_path, "b.docx", docx(beside))) == "2 48 3\n"


def test_the_font_of_a_run_says_what_its_letters_are(tmp_path: Path) -> None:
    fonts = {
        name: f'<w:rFonts w:ascii="{name}" w:hAnsi="{name}"/>' for name in ("Symbol", "Wingdings", "Webdings", "Arial")
    }
    body = (
        f"<w:p>{run('a &#xF0A3; ', fonts['Symbol'])}{run('ü', fonts['Wingdings'])}{run('a', fonts['Webdings'])}"
        f"{run('a', fonts['Arial'])}{run('b', GREEK)}{run('b')}"
        '<w:r><w:sym w:font="Wingdings 2" w:char="F050"/></w:r></w:p>'
    )
    styles = f"<w:styles {WORD}>{style('G', fonts['Symbol'])}</w:styles>"
    document = opened(tmp_path, "a.docx", docx(body, styles=styles))
    assert text_of(document) == "α ≤ ✓\ufffdaβb\ufffd\n"
    assert "2 signs of symbol fonts are not known" in document.notices[0]


def test_a_style_has_the_looks_of_the_one_it_is_based_on(tmp_path: Path) -> None:
    looks = (
        style("Up", '<w:vertAlign w:val="superscript"/>')
        + style("Up2", "", "Up")
        + style("Flat", '<w:vertAlign w:val="baseline"/>', "Up2")
        + style("Hid", "<w:vanish/>")
        + style("Hid2", "", "Hid")
        + style("Loop", "", "Loop")
    )
    runs = "".join(run("48213") + run("7 ", f'<w:rStyle w:val="{name}"/>') for name in ("Up2", "Flat", "Loop"))
    body = f"<w:p>{runs}</w:p>" + paragraph("gone", "Hid2")
    document = opened(tmp_path, "a.docx", docx(body, styles=f"<w:styles {WORD}>{looks}</w:styles>"))
    assert text_of(document) == "48213[7] 482137 482137 \n\n"
    assert "4 characters of hidden text are not read" in document.notices[0]


def test_the_note_of_a_text_that_is_left_out(tmp_path: Path) -> None:
    def reference(key: int, properties: str = "") -> str:
        return f'<w:r><w:rPr>{properties}</w:rPr><w:footnoteReference w:id="{key}"/></w:r>'

    body = f"<w:p>{run('a')}{reference(2)}<w:del>{reference(3)}</w:del>{reference(4, '<w:vanish/>')}</w:p>"
    texts = {2: "kept", 3: "deleted", 4: "hidden", 5: "of nothing"}
    notes = "".join(f'<w:footnote w:id="{key}">{paragraph(text)}</w:footnote>' for key, text in texts.items())
    document = opened(tmp_path, "a.docx", docx(body, footnotes=f"<w:footnotes {WORD}>{notes}</w:footnotes>"))
    assert text_of(document).split("\n")[:2] == ["a[1]", "[1] kept"]
    assert "deleted" not in text_of(document)
    assert "of nothing" in text_of(document)
    assert "6 characters of hidden text are not read" in document.notices[0]


def test_what_is_embedded_or_elsewhere_is_said(tmp_path: Path) -> None:
    sheet = '<w:p><w:r><w:object><o:OLEObject xmlns:o="o"/></w:object></w:r></w:p>'
    body = f'{paragraph("a")}<w:subDoc r:id="s" xmlns:r="{R}"/>{sheet}'
    link = f'<Relationship Id="s" Type="{R}/subDocument" Target="one.docx" TargetMode="External"/>'
    members: dict[str, bytes | str] = {
        "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": f"<Relationships>{link}</Relationships>",
    }
    (notice,) = opened(tmp_path, "a.docx", zipped(members)).notices
    assert "its subdocument word/one.docx is not read" in notice
    assert "1 embedded object of another program is not read" in notice
