"""DOCX and RTF as they come in the wild: nothing twice, nothing lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import WORD, docx, opened, paragraph, text_of, zipped

RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def par(*runs: str, mark: str = "") -> str:
    return f"<w:p><w:pPr><w:rPr>{mark}</w:rPr></w:pPr>{''.join(runs)}</w:p>"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{par(run(text))}</w:tc>"


def row(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


def field(instruction: str, result: str) -> str:
    kinds = [f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")]
    return f"{kinds[0]}<w:r><w:instrText>{instruction}</w:instrText></w:r>{run('{x}')}{kinds[1]}{run(result)}{kinds[2]}"


def related(*parts: tuple[str, str, str]) -> str:
    links = "".join(
        f'<Relationship Id="{key}" Type="{RELATIONSHIPS}/{kind}" Target="{to}"/>' for key, kind, to in parts
    )
    return f"<Relationships>{links}</Relationships>"


BOX = f"<w:txbxContent>{par(run('in a box'))}</w:txbxContent>"


def form_field(data: str, result: str = "") -> str:
    begin = f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{data}</w:ffData></w:fldChar></w:r>'
    return begin + field("FORM", result).partition("</w:r>")[2]


def picture(text: str) -> str:
    return f'<w:r><w:drawing><wp:inline xmlns:wp="x"><wp:docPr name="n" descr="{text}"/></wp:inline></w:drawing></w:r>'


ENTRIES = '<w:listEntry w:val="red"/><w:listEntry w:val="blue"/>'
SPAN, BEFORE = '<w:gridSpan w:val="2"/>', '<w:gridBefore w:val="2"/>'


RAISED = '<w:vertAlign w:val="superscript"/>'


STRUCK = f'<w:styles {WORD}><w:style w:styleId="S"><w:rPr><w:strike/></w:rPr></w:style></w:styles>'


WORDS = {
    "deletion": (par(run("a "), f"<w:del>{run('gone ')}</w:del>", f"<w:ins>{run('b')}</w:ins>"), "a b\n"),
    "move": (
        par(run("a")) + par(f"<w:moveFrom>{run('m')}</w:moveFrom>", mark="<w:moveFrom/>") + par(run("b")),
        "a\nb\n",
    ),
    "deleted paragraph mark": (
        par(run("joined "), mark="<w:del/>") + par(run("sentence here")),
        "joined sentence here\n",
    ),
    "deleted row": (
        f"<w:tbl>{row(cell('a'), cell('b'))}{row(cell('x'), properties='<w:del/>')}{row(cell('c'), cell('d'))}</w:tbl>",
        "a\tb\nc\td\n",
    ),
    "merged cells": (
        f"<w:tbl>{row(cell('a'), cell('b'), cell('c'))}{row(cell('wide', SPAN), cell('9'))}"
        f"{row(cell('9'), properties=BEFORE)}</w:tbl>",
        "a\tb\tc\nwide\t\t9\n\t\t9\n",
    ),
    "text box": (
        par(
            run("before "),
            f"<w:r><mc:AlternateContent xmlns:mc='x'><mc:Choice>{BOX}</mc:Choice><mc:Fallback>{BOX}</mc:Fallback>"
            "</mc:AlternateContent></w:r>",
            run("after"),
        ),
        "before after\nin a box\n",
    ),
    "field": (par(run("see "), field("PAGEREF _1", "page 7"), run(".")), "see page 7.\n"),
    "field without an end": (par(f'<w:r><w:fldChar w:fldCharType="begin"/></w:r>{run("x")}') + par(run("y")), "\ny\n"),
    "symbols": (
        par(
            '<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>', '<w:r><w:sym w:font="Symbol" w:char="F06D"/></w:r>'
        ),
        "☑μ\n",
    ),
    "hyphens": (
        par("<w:r><w:t>soft</w:t><w:softHyphen/><w:t>er well</w:t><w:noBreakHyphen/><w:t>known</w:t></w:r>"),
        "softer well-known\n",
    ),
    "note-like": (par(run("is 48213"), run("7", RAISED), run(".")), "is 48213[7].\n"),
    "power": (par(run("is 10"), run("6", RAISED), run(" kg, 5"), run("th", RAISED)), "is 10^6 kg, 5th\n"),
    "struck": (
        par(
            run("is "), run("10", "<w:strike/>"), run("12"), run("x", "<w:dstrike/>"), run("3", '<w:strike w:val="0"/>')
        ),
        "is 123\n",
    ),
    "struck by its style": (par(run("10", '<w:rStyle w:val="S"/>'), run("12")), "12\n"),
    "boxes to check": (
        par(
            form_field('<w:checkBox><w:default w:val="0"/><w:checked/></w:checkBox>'),
            run(" a "),
            form_field('<w:checkBox><w:default w:val="0"/></w:checkBox>'),
            run(" b"),
        ),
        "[x] a [ ] b\n",
    ),
    "choices": (
        par(
            form_field(f'<w:ddList><w:result w:val="1"/>{ENTRIES}</w:ddList>'),
            form_field(f"<w:ddList>{ENTRIES}</w:ddList>"),
        ),
        "bluered\n",
    ),
    "text that is filled in": (par(run("by "), form_field("<w:textInput/>", "Orla")), "by Orla\n"),
    "pictures": (
        par(run("see"), picture("a\nred lamp"), picture("3"), run("4")) + par(picture("b")),
        "see a red lamp 3 4\nb\n",
    ),
    "drawn letters": (par('<w:r><v:textpath xmlns:v="x" string="Sale"/></w:r>'), "Sale\n"),
    "control": (
        f"<w:sdt><w:sdtPr><w:alias w:val='no'/></w:sdtPr><w:sdtContent>{par(run('yes'))}</w:sdtContent></w:sdt>",
        "yes\n",
    ),
    "properties of before": (par(run("seen", "<w:rPrChange><w:rPr><w:vanish/></w:rPr></w:rPrChange>")), "seen\n"),
    "ruby": (
        par(
            "<w:r><w:ruby><w:rt><w:r><w:t>toukyou</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>東京</w:t></w:r></w:rubyBase></w:ruby></w:r>"
        ),
        "東京\n",
    ),
}


@pytest.mark.parametrize("case", WORDS)
def test_what_word_shows_is_read_once(tmp_path: Path, case: str) -> None:
    body, text = WORDS[case]
    assert text_of(opened(tmp_path, "a.docx", docx(body, styles=STRUCK))) == text
    main = f'<w:document xmlns:w="{STRICT}"><w:body>{body}</w:body></w:document>'
    strict = zipped({"word/document.xml": main, "word/styles.xml": STRUCK})
    assert text_of(opened(tmp_path, "b.docx", strict)) == text


@pytest.mark.parametrize("target", ["/main/text.xml", "main/text.xml", "MAIN/Text.xml"])
def test_the_main_part_is_the_one_that_is_named(tmp_path: Path, target: str) -> None:
    document = f"<w:document {WORD}><w:body>{paragraph('It was late.')}</w:body></w:document>"
    members: dict[str, bytes | str] = {
        "main/text.xml": document,
        "_rels/.rels": related(("1", "officeDocument", target)),
    }
    assert text_of(opened(tmp_path, "a.docm", zipped(members))) == "It was late.\n"


CHUNKS = {
    "c.html": "<html><p>inner</p></html>",
    "c.txt": "inner",
    "c.rtf": r"{\rtf1 inner\par}",
    "c.docx": docx(paragraph("inner")),
    "c.mht": "MIME-Version: 1.0\nContent-Type: text/html\n\n<p>inner</p>",
    "c.bin": b"\0\1",
    "missing.html": "",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_a_part_of_another_format_is_read_or_said(tmp_path: Path, name: str) -> None:
    body = paragraph("before") + f'<w:altChunk r:id="c" xmlns:r="{RELATIONSHIPS}"/>' + paragraph("after")
    members: dict[str, bytes | str] = {
        "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": related(("c", "aFChunk", name)),
    }
    if CHUNKS[name]:
        members[f"word/{name}"] = CHUNKS[name]
    document = opened(tmp_path, "a.docx", zipped(members))
    is_read = name not in ("c.bin", "missing.html")
    assert text_of(document).split() == ["before", *["inner"] * is_read, "after"]
    assert document.notices == (() if is_read else (f"{tmp_path}/a.docx: its embedded word/{name} is not read",))


def test_notes_and_comments_are_marked(tmp_path: Path) -> None:
    body = par(run("The sum is 48213"), '<w:r><w:footnoteReference w:id="2"/></w:r>', run("."))
    separator = f'<w:footnote w:id="0" w:type="separator">{paragraph("")}</w:footnote>'
    footnotes = (
        f'<w:footnotes {WORD}>{separator}<w:footnote w:id="2">{paragraph("In marks.")}</w:footnote></w:footnotes>'
    )
    comments = f'<w:comments {WORD}><w:comment w:author="Ann">{paragraph("Sure?")}</w:comment></w:comments>'
    text = text_of(opened(tmp_path, "a.docx", docx(body, footnotes=footnotes, comments=comments)))
    assert text == "The sum is 48213[1].\n[1] In marks.\n[comment by Ann] Sure?\n"


def test_what_is_not_read_of_a_word_document_is_said(tmp_path: Path) -> None:
    body = par(
        run("seen"),
        run("hidden", "<w:vanish/>"),
        run("10", "<w:strike/>"),
        '<w:r><w:sym w:font="Webdings" w:char="F001"/></w:r>',
    )
    members: dict[str, bytes | str] = {
        "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": related(
            ("1", "header", "h.xml"), ("2", "footer", "f.xml"), ("3", "styles", "s.xml"), ("4", "footnotes", "n.xml")
        ),
        "word/h.xml": f"<w:hdr {WORD}>{paragraph('a head')}</w:hdr>",
        "word/f.xml": f"<w:ftr {WORD}>{paragraph('')}</w:ftr>",
        "word/s.xml": "<w:styles",
        "word/n.xml": f"<w:footnotes {WORD}>{paragraph('a note')}<w:p>",
    }
    document = opened(tmp_path, "a.docx", zipped(members))
    assert text_of(document) == "seen\ufffd\na note\n"
    (notice,) = document.notices
    for what in (
        "its headers are not read",
        "6 characters of hidden text are not read",
        "2 characters of struck text are not read",
        "1 sign of symbol fonts is not known",
        "s.xml is not XML",
        "n.xml",
    ):
        assert what in notice


RICH = {
    "code pages": (
        r"\ansicpg1252{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial;}}\f1 \'cf\'f0\'e8\f0  caf\'e9\par",
        "При café\n",
    ),
    "two bytes": (r"\ansicpg932 \'93\'8c\'8b\'9e\par", "東京\n"),
    "unicode": (r"\uc1\u1055?\u8364\'80{\uc2\u1081??z}\uc0\u1088 x\uc1\u-10179?\u-8704?\par", "П€йzрx😀\n"),
    "table": (
        r"\trowd\cellx1\cellx2\cellx3\pard\intbl name\cell\cell price\cell\row"
        r"\intbl amber\par b\cell\cell 48213\cell\row"
        r"\pard after\par",
        "name\t\tprice\namber b\t\t48213\nafter\n",
    ),
    "hidden and deleted": (r"a {\v gone} {\deleted gone} b\par", "a   b\n"),
    "struck": (r"is {\strike 10}12{\striked1 x}\strike y\strike0 z\par", "is 12z\n"),
    "table in a cell": (
        r"\intbl\itap2 1\nestcell 2\nestcell{\*\nesttableprops\nestrow}{\nonesttables\par}\itap1 a\cell b\cell\row",
        "1 2 a\tb\n",
    ),
    "after the end": (r"a\par}}} b {c\par d", "a\n b c\nd\n"),
    "after the end, without an end": (r"a\par} b", "a\nb\n"),
    "pictures": (
        r"a {\pict\pngblip 8950}{\*\unknown gone}{\field{\*\fldinst HYPERLINK x}{\fldrslt link}}\par",
        "a link\n",
    ),
    "note": (r"sum{\footnote In marks.} is\par", "sum[1] is\n[1] In marks.\n"),
    "comment": (r"sum{\*\atnauthor Ann}{\*\annotation Sure?} is\par", "sum is\n[comment by Ann] Sure?\n"),
    "raised": (r"48213{\super 7} 10{\super 6}\par", "48213[7] 10^6\n"),
    "hyphens": (r"soft\-er well\_known \emdash\lquote x\rquote\par", "softer well-known —‘x’\n"),
    "symbols": (r"{\fonttbl{\f2\fcharset2 Symbol;}}{\f2 m}\u-3913?\par", "μ•\n"),
    "without an end": (r"a {\b b", "a b\n"),
    "twice": (r"a {\upr{ansi}{\*\ud{uni\u233?}}}{\object{\*\objdata 00}{\result drawn}}\par", "a uniédrawn\n"),
    "box": (r"a{\shp{\*\shpinst{\sp{\sn x}{\sv y}}{\shptxt in\par}}{\shprslt in}}\par", "a\nin\n"),
}


@pytest.mark.parametrize("case", RICH)
def test_rtf(tmp_path: Path, case: str) -> None:
    body, text = RICH[case]
    end = "" if case.endswith("without an end") else "}"
    assert text_of(opened(tmp_path, "a.rtf", rf"{{\rtf1\ansi {body}{end}")) == text


def test_what_is_not_read_of_an_rtf_file_is_said(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.rtf", r"{\rtf1{\header a head}seen{\v gone}{\strike 10}{\b b")
    (notice,) = document.notices
    assert "its headers are not read" in notice
    assert "4 characters of hidden text are not read; 2 characters of struck text are not read" in notice
    assert "ends too early" in notice
