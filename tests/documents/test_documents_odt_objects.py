"""OpenDocument: formulas, forms, boxes, numbers in the file, and styles based on others."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import odt, opened, text_of

MATH = (
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></mrow>'
    '<annotation encoding="StarMath 5.0">m c^2</annotation></semantics></math>'
)
OBJECT = '<text:p>is <draw:frame><draw:object xlink:href="./Object 1" xmlns:xlink="x"/></draw:frame> so</text:p>'


def test_a_formula_in_a_part_of_its_own(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.odt", odt(OBJECT, **{"Object 1/content.xml": MATH}))
    assert text_of(document) == "is mc^2 so\n"
    assert document.notices == ()


@pytest.mark.parametrize("part", ["<office:document-content xmlns:office='o'/>", "<math", ""])
def test_another_object_is_said(tmp_path: Path, part: str) -> None:
    document = opened(tmp_path, "a.odt", odt(OBJECT, **({"Object 1/content.xml": part} if part else {})))
    assert text_of(document) == "is so\n"
    assert "1 embedded object of another program is not read" in document.notices[0]


def test_a_formula_in_the_text_has_no_comment(tmp_path: Path) -> None:
    body = f"<text:p>is 2<draw:object>{MATH.replace('<mi>m</mi>', '<mn>3</mn>')}</draw:object>.</text:p>"
    assert text_of(opened(tmp_path, "a.odt", odt(body))) == "is 2 3c^2.\n"


def test_a_document_in_the_text_is_said(tmp_path: Path) -> None:
    body = "<text:p>a<draw:object><office:document><text:p>48213</text:p></office:document></draw:object>b</text:p>"
    document = opened(tmp_path, "a.odt", odt(body))
    assert text_of(document) == "ab\n"
    assert "1 embedded object of another program is not read" in document.notices[0]


def test_controls_show_what_is_filled_in(tmp_path: Path) -> None:
    controls = (
        '<form:text form:id="1" form:current-value="Anne"/><form:textarea form:id="2" form:value="old"/>'
        '<form:checkbox form:id="3" form:current-state="checked" form:label="Agree"/>'
        '<form:checkbox form:id="4" form:state="checked" form:current-state="unchecked"/>'
        '<form:radio form:id="5" form:selected="true" form:label="Yes"/>'
        '<form:listbox form:id="6"><form:option form:label="red"/><form:option form:label="blue" '
        'form:current-selected="true"/></form:listbox><form:password form:id="7" form:value="x"/>'
    )
    shown = "".join(f'<draw:control draw:control="{key}"/>;' for key in range(1, 8))
    body = f"<office:forms xmlns:form='f'><form:form>{controls}</form:form></office:forms><text:p>By {shown}</text:p>"
    assert text_of(opened(tmp_path, "a.odt", odt(body))) == "By Anne;old;[x] Agree;[ ];[x] Yes;blue;;\n"


TABLE = (
    "<table:table><table:table-row><table:table-cell><text:p>r1</text:p></table:table-cell>"
    "<table:table-cell><text:p>r2</text:p></table:table-cell></table:table-row></table:table>"
)


def test_a_table_in_a_box_is_in_its_place(tmp_path: Path) -> None:
    box = f"<draw:text-box><text:p>one</text:p>{TABLE}<text:p>two</text:p></draw:text-box>"
    body = f"<text:p>a {box}b</text:p><text:p>c</text:p>"
    assert text_of(opened(tmp_path, "a.odt", odt(body))) == "a b\none\nr1\tr2\ntwo\nc\n"
    note = f"<text:note><text:note-body><text:p>n</text:p>{TABLE}</text:note-body></text:note>"
    assert text_of(opened(tmp_path, "b.odt", odt(f"<text:p>a{note}b</text:p>"))) == "a[1]b\n[1] n r1 r2\n"
    cell = TABLE.replace("<text:p>r1</text:p>", f"<text:p>{box}</text:p>")
    assert text_of(opened(tmp_path, "c.odt", odt(cell))) == "one r1 r2 two\tr2\n"


def test_a_number_in_the_file_is_not_computed_again(tmp_path: Path) -> None:
    outline = (
        '<text:outline-style><text:outline-level-style text:level="1" style:num-format="1" style:num-suffix="."/>'
        "</text:outline-style>"
    )
    body = (
        '<text:h text:outline-level="1"><text:number>1.</text:number>Intro</text:h>'
        "<text:list><text:list-item><text:number>a)</text:number><text:p>item</text:p></text:list-item></text:list>"
        "<text:p><text:number>7</text:number>0 seven</text:p>"
    )
    assert text_of(opened(tmp_path, "a.odt", odt(body, outline))) == "1. Intro\na) item\n7 0 seven\n"


def test_a_style_has_the_looks_of_the_one_it_is_based_on(tmp_path: Path) -> None:
    styles = "".join(
        f"<style:style style:name='{name}' style:parent-style-name='{base}'>"
        f"<style:text-properties {look}/></style:style>"
        for name, base, look in (
            ("Up", "", "style:text-position='super 58%'"),
            ("Up2", "Up", ""),
            ("Flat", "Up2", "style:text-position='0% 100%'"),
            ("Hid", "", "text:display='none'"),
            ("Hid2", "Hid", ""),
            ("Sym", "", "style:font-name='Symbol1'"),
        )
    )
    fonts = "<style:font-face style:name='Symbol1' svg:font-family=\"'Symbol'\" xmlns:svg='s'/>"
    bullets = (
        "<text:list-style style:name='L'><text:list-level-style-bullet text:level='1'><style:text-properties "
        "style:font-name='Wingdings'/></text:list-level-style-bullet></text:list-style>"
    )
    body = "".join(
        f"<text:span text:style-name='{name}'>{text}</text:span> "
        for name, text in (("Up2", "7"), ("Flat", "7"), ("Hid2", "7"), ("Sym", "&#xF0A3;"))
    )
    body = "<text:p>" + body.replace("<text:span", "48213<text:span") + "</text:p><text:p>a</text:p>"
    document = opened(tmp_path, "a.odt", odt(body, fonts + styles + bullets))
    assert text_of(document) == "48213[7] 482137 48213 48213≤\na\n"
    assert "1 character of hidden text is not read" in document.notices[0]
