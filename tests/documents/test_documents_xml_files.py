"""Documents that are one file of XML: FictionBook, and Word's package in a file and format of 2003."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import WORD, opened, paragraph, places, text_of

from gemma10m.errors import DocumentError

BOOK = """<?xml version="1.0" encoding="{}"?>
<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" xmlns:l="http://www.w3.org/1999/xlink">
<description><title-info><genre>no</genre><author><first-name>Ада</first-name><last-name>Лис</last-name></author>
<book-title>Море</book-title><annotation><p>О море.</p></annotation><date>2020</date><lang>ru</lang></title-info>
<document-info><author><nickname>scanner</nickname></author><date>2021</date></document-info></description>
<body><title><p>Глава</p><p>первая</p></title><section><p>He paid
48213<a l:href="#n1" type="note">1</a> for H<sub>2</sub>O.</p>
<poem><title><p>Song</p></title><stanza><v>One</v><v>Two</v></stanza></poem>
<table><tr><td/><th>a</th></tr><tr><td>b</td><td>c</td></tr></table></section></body>
<body name="notes"><section id="n1"><title><p>1</p></title><p>A note.</p></section></body>
<binary id="c">AAAA</binary></FictionBook>"""
READ = "Ада Лис\nМоре\nО море.\nГлава\nпервая\nHe paid 48213[1] for H2O.\nSong\nOne\nTwo\n\ta\nb\tc\n1\nA note.\n"


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "utf-16"])
def test_a_fiction_book_is_read_without_its_pictures(tmp_path: Path, encoding: str) -> None:
    document = opened(tmp_path, "a.fb2", BOOK.format(encoding).encode(encoding))
    assert text_of(document) == READ
    assert places(document) == [
        ("Глава", "section Глава первая"),
        ("1", "section 1"),
    ]  # a poem is a part of its chapter


def test_a_fiction_book_that_is_cut_off_is_read_up_to_the_damage(tmp_path: Path) -> None:
    whole = BOOK.format("utf-8")
    document = opened(tmp_path, "a.xml", whole[: whole.index("<table>")])
    assert text_of(document) == READ[: READ.index("\ta")]
    assert document.notices == (f"{tmp_path}/a.xml: part of it is not read (damaged: its text is not XML)",)
    with pytest.raises(DocumentError, match="a FictionBook without text"):
        opened(tmp_path, "b.fb2", "<FictionBook ></FictionBook>")


PACKAGE = f"""<?xml version="1.0" standalone="yes"?>
<?mso-application progid="Word.Document"?>
<pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">
<pkg:part pkg:name="/_rels/.rels" pkg:contentType="x"><pkg:xmlData><Relationships><Relationship Id="r"
 Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>
</Relationships></pkg:xmlData></pkg:part>
<pkg:part pkg:name="/word/media/image1.png" pkg:compression="store"><pkg:binaryData>iVBO</pkg:binaryData></pkg:part>
<pkg:part pkg:name="/word/document.xml" pkg:contentType="y"><pkg:xmlData><w:document {WORD}><w:body>
{paragraph("The Inn", "Heading1")}{paragraph("It was late.")}</w:body></w:document></pkg:xmlData></pkg:part>
</pkg:package>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_package_of_word_in_one_file(tmp_path: Path, encoding: str) -> None:
    document = opened(tmp_path, "a.xml", PACKAGE.encode(encoding))
    assert text_of(document) == "The Inn\nIt was late.\n"
    assert places(document) == [("The Inn", "section The Inn")]


def test_a_package_without_a_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="a Word document without text"):
        opened(tmp_path, "a.xml", PACKAGE[: PACKAGE.index("<pkg:part")])


OLD = f"""<?xml version="1.0"?><w:wordDocument {WORD}><w:styles><w:rPr><w:vanish/></w:rPr></w:styles>
<w:body>{paragraph("Word")}<w:p><w:r><w:t>of</w:t><w:tab/><w:t>2003</w:t></w:r><w:r><w:pict><w:binData>iVBO</w:binData>
</w:pict></w:r></w:p><w:sectPr><w:hdr>{paragraph("Head")}</w:hdr></w:sectPr></w:body></w:wordDocument>"""


def test_word_2003_s_own_format(tmp_path: Path) -> None:
    assert text_of(opened(tmp_path, "a.xml", OLD)) == "Word\nof\t2003\n"
    cut = opened(tmp_path, "b.xml", OLD[: OLD.index("<w:r><w:pict")])
    assert text_of(cut) == "Word\nof\t2003\n"
    assert cut.notices == (f"{tmp_path}/b.xml: part of it is not read (damaged: its text is not XML)",)
    with pytest.raises(DocumentError, match="a Word document without text"):
        opened(tmp_path, "c.xml", f"<w:wordDocument {WORD}><w:body/></w:wordDocument>")


def test_notes_comments_and_numbers_of_word_2003(tmp_path: Path) -> None:
    note = f"<w:footnote>{paragraph('See the ledger.')}</w:footnote>"
    comment = f'<aml:annotation aml:author="Ann" w:type="Word.Comment"><aml:content>{paragraph("Odd.")}</aml:content>'
    said = "<w:p><w:r><w:t>Built in 1755</w:t></w:r><w:r>{}</w:r><w:r><w:t> by the council.</w:t></w:r></w:p>"
    item = (
        '<w:p><w:pPr><w:listPr><w:ilvl w:val="0"/><wx:t wx:val="{}"/></w:listPr></w:pPr><w:r><w:t>{}</w:t></w:r></w:p>'
    )
    body = said.format(note + comment + "</aml:annotation>") + item.format("1.", "First") + item.format("·", "Second")
    spaces = f'{WORD} xmlns:wx="x" xmlns:aml="y"'
    document = opened(tmp_path, "a.xml", f"<w:wordDocument {spaces}><w:body>{body}</w:body></w:wordDocument>")
    assert text_of(document) == (
        "Built in 1755[1] by the council.\n1. First\nSecond\n[1] See the ledger.\n[comment by Ann] Odd.\n"
    )
