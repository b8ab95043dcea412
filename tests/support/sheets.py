"""Spreadsheets and presentations, written part by part."""

from __future__ import annotations

from formats import ODF, zipped

SHEET = (
    'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
SLIDE = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    ' xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    ' xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
    ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
_TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def parts(*named: tuple[str, str, str]) -> str:
    """Return a list of relationships: ids, kinds and targets."""
    each = "".join(f'<Relationship Id="{id}" Type="{_TYPES}{kind}" Target="{target}"/>' for id, kind, target in named)
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{each}</Relationships>'


def xlsx(
    *sheets: str, strings: str = "", styles: str = "", book: str = "", states: dict[int, str] | None = None, **more: str
) -> bytes:
    """Make a workbook of sheets called S1, S2 ...; `more` adds parts below xl/ ("/" written "__").

    book: what its list of sheets has before and behind, around a "|". states: of sheets, by their numbers.
    """
    before, _, behind = book.partition("|")
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="S{n}" sheetId="{n}" state="{(states or {}).get(n, "visible")}" r:id="r{n}"/>' for n in numbers
    )
    related = [(f"r{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
    related += [("s", "styles", "styles.xml"), ("t", "sharedStrings", "sharedStrings.xml")]
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": parts(("1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f"<workbook {SHEET}>{before}<sheets>{listed}</sheets>{behind}</workbook>",
        "xl/_rels/workbook.xml.rels": parts(*related),
        "xl/styles.xml": f"<styleSheet {SHEET}>{styles}</styleSheet>",
        "xl/sharedStrings.xml": f"<sst {SHEET}>{strings}</sst>",
    }
    members |= {f"xl/worksheets/sheet{n}.xml": f"<worksheet {SHEET}>{sheets[n - 1]}</worksheet>" for n in numbers}
    return zipped(members | {f"xl/{name.replace('__', '/')}": content for name, content in more.items()})


def rows(*each: str) -> str:
    """Return the data of a sheet: a row for each list of cells."""
    lines = "".join(f'<row r="{number}">{cells}</row>' for number, cells in enumerate(each, start=1))
    return f"<sheetData>{lines}</sheetData>"


def cell(reference: str, value: str, kind: str = "n", style: int = 0) -> str:
    return f'<c r="{reference}" t="{kind}" s="{style}"><v>{value}</v></c>'


def pptx(*slides: str, order: tuple[int, ...] | None = None, main: str = "", **more: str) -> bytes:
    """Make a presentation of slides; `more` adds parts below ppt/ ("/" written "__"). order: of the slides."""
    numbers = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId r:id="r{n}" id="{255 + n}"/>' for n in order or numbers)
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": parts(("1", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {SLIDE}><p:sldIdLst>{listed}</p:sldIdLst>{main}</p:presentation>",
        "ppt/_rels/presentation.xml.rels": parts(
            ("a", "commentAuthors", "commentAuthors.xml"),
            *((f"r{n}", "slide", f"slides/slide{n}.xml") for n in numbers),
        ),
    }
    members["ppt/commentAuthors.xml"] = "<list/>"
    members |= {f"ppt/slides/slide{n}.xml": slide(slides[n - 1]) for n in numbers}
    return zipped(members | {f"ppt/{name.replace('__', '/')}": content for name, content in more.items()})


def slide(shapes: str, given: str = "", root: str = "sld") -> str:
    if shapes.startswith("<p:sld"):
        return shapes
    return f"<p:{root} {SLIDE} {given}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:{root}>"


def shape(*paragraphs: str, kind: str = "", given: str = "") -> str:
    """Return a shape. kind: of the placeholder it is. given: attributes, such as its description."""
    placeholder = f'<p:ph type="{kind}"/>' if kind else ""
    text = "".join(f"<a:p><a:r><a:t>{each}</a:t></a:r></a:p>" for each in paragraphs)
    properties = f'<p:nvSpPr><p:cNvPr id="1" name="x" {given}/><p:nvPr>{placeholder}</p:nvPr></p:nvSpPr>'
    return f"<p:sp>{properties}<p:txBody>{text}</p:txBody></p:sp>"


_OTHERS = (
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'
)


def _inside(kind: str, body: str, styles: str) -> str:
    kept = f"<office:automatic-styles>{styles}</office:automatic-styles>"
    return f"{kept}<office:body><office:{kind}>{body}</office:{kind}></office:body>"


def odf(kind: str, body: str, styles: str = "", **more: str) -> bytes:
    """Make an OpenDocument file. kind: spreadsheet or presentation."""
    content = f"<office:document-content {ODF} {_OTHERS}>{_inside(kind, body, styles)}</office:document-content>"
    return zipped({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content, **more})


def flat_odf(kind: str, body: str, styles: str = "") -> str:
    """Make an OpenDocument file of one piece, with what a zip file has in other parts."""
    meta = "<office:meta><dc:title>No text</dc:title></office:meta>"
    header = f"<style:header><text:p>No text</text:p></style:header><draw:page><text:p>{kind}</text:p></draw:page>"
    masters = f"<office:master-styles>{header}</office:master-styles>"
    mimetype = f'office:mimetype="application/vnd.oasis.opendocument.{kind}"'
    inside = f"{meta}{masters}{_inside(kind, body, styles)}"
    return f'<?xml version="1.0"?>\n<office:document {ODF} {_OTHERS} {mimetype}>{inside}</office:document>'
