"""Read OpenDocument text: a zip file with paragraphs and tables in XML, or one file of XML (`.fodt`).

Notes and comments follow the text, marked, and the numbers of lists and headings are put before their paragraphs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from gemma10m.documents import limits
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import BombError, Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.formats.counts import counted
from gemma10m.documents.formats.odt_numbers import OdtNumbers
from gemma10m.documents.formats.raised import raised
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.safe_open import BLOCK, UnreadableError
from gemma10m.documents.spool import TextWriter

CONTENT = "content.xml"
_MIMETYPE, _MANIFEST, _STYLES = "mimetype", "META-INF/manifest.xml", "styles.xml"
_KIND = b"application/vnd.oasis.opendocument.text"
_UNREAD = {"tracked-changes", "forms", "ruby-text", "note-citation", "sequence-decls", "binary-data"}
_UNREAD |= {"date-string", "creator-initials", "sender-initials"}  # of comments
_ABOUT = {"title", "desc", "creator", "date"}  # of a drawing or a comment; in a paragraph they are fields
_INLINE = {"p", "h", "span", "a"}
_ASIDE = ("note", "annotation", "text-box")  # what is written after the paragraph it is in
_PICTURES = {"title", "desc"}  # the texts of a drawing, which are written in its place
_MOST_REPEATED = 1000  # rows and cells with something in them, and spaces
_MOST_COLUMNS, _USUAL_COLUMNS = 256, 64
_WHITE = re.compile(r"[ \t\r\n]+")


def is_odt(document: Zip) -> bool:
    """Tell if a zip file is an OpenDocument text."""
    if CONTENT not in document.members or _MIMETYPE not in document.members:
        return False
    try:
        return next(document.blocks(_MIMETYPE), b"").startswith(_KIND)
    except BombError:
        raise
    except UnreadableError:
        return False


def write_odt(document: Zip, writer: TextWriter) -> None:
    """Write the text of an OpenDocument file. Raises `UnreadableError` and `DiskError`."""
    text = _Text(writer, document.budget)
    for part in (_MANIFEST, _STYLES, CONTENT):
        if part not in document.members:
            continue
        try:
            parse_xml(part, document.blocks(part), text.start, text.end, text.text)
        except BombError:
            raise
        except UnreadableError as error:
            if part == CONTENT and writer.blank:
                raise
            writer.note(f"part of its {part} is not read ({error})")
        if text.is_encrypted:
            raise UnreadableError("an OpenDocument text that only a password opens")
    text.finish()


def write_flat(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of an OpenDocument text that is one file of XML. Raises `UnreadableError` and `DiskError`."""
    text = _Text(writer, budget)
    with content.descriptor() as descriptor:
        file = ContentFile(content, descriptor)
        try:
            parse_xml("text", iter(lambda: file.read(BLOCK), b""), text.start, text.end, text.text)
        except BombError:
            raise
        except UnreadableError as error:
            if writer.blank:
                raise
            writer.note(f"part of it is not read ({error})")
    text.finish()


class _Text:
    def __init__(self, writer: TextWriter, budget: Budget) -> None:
        self._writer, self._budget = writer, budget
        self._open: list[str] = []
        self.is_encrypted = False
        self._unread = 0  # elements that are open from the one on that is not read
        self._paragraphs = 0  # that are open
        self._parts: list[list[str]] = [[]]  # of the open paragraph, and of what is aside in it
        self._aside: list[tuple[str, int]] = []  # what is aside and is open, and paragraphs around it
        self._boxes: list[str] = []
        self._notes: list[str] = []
        self._rows: list[list[tuple[str, int]]] = []  # of open tables: cells, and how often they come
        self._repeats: list[int] = []  # of open cells
        self._row_repeats: list[int] = []
        self._styles: dict[str, set[str]] = {"raised": set(), "hidden": set(), "struck": set()}
        self._style = ""
        self._spans: list[str] = []
        self._level = 0  # of the open heading
        self._numbers = OdtNumbers(budget)
        self._margin = self._has_margins = False
        self._left_out = Counter[str]()  # characters, by the reason
        self._in_hidden = self._hides = False  # what is not read is hidden text; the open paragraph is
        self._author = "somebody"

    def start(self, tag: str, given: Attributes) -> None:
        parent = self._open[-1] if self._open else ""
        self._open.append(tag)
        if self._unread:
            self._unread += 1
        elif _is_hidden(tag, given):
            self._unread, self._in_hidden = 1, True
            self._left_out["hidden"] += len(given.get("string-value", ""))
        elif tag in _ABOUT and parent not in _INLINE:
            self._begin_about(tag, parent)
        elif tag in _UNREAD:
            self._unread = 1
        elif tag in _STARTS:
            _STARTS[tag](self, tag, given)

    def end(self, tag: str) -> None:
        self._open.pop()
        if self._unread:
            self._unread -= 1
            self._in_hidden &= self._unread > 0
        elif self._aside and self._aside[-1][0] == tag and tag in _ABOUT:
            self._end_about(tag)
        elif tag in _ENDS:
            _ENDS[tag](self, tag)

    def text(self, text: str) -> None:
        if self._margin:
            self._has_margins |= bool(text.strip())
        elif self._unread:
            self._left_out["hidden"] += len(text) if self._in_hidden and self._open[-1] in _INLINE else 0
        elif self._paragraphs or self._aside:
            self._write(_WHITE.sub(" ", text))

    def finish(self) -> None:
        for note in self._notes:
            self._writer.write(note + "\n")
        if self._has_margins:
            self._writer.note("its headers and footers are not read")
        for why, number in (+self._left_out).items():
            self._writer.note(f"{counted(number, 'character', f' of {why} text')} not read")
        if self._writer.blank:
            raise UnreadableError("an OpenDocument text without text")

    def _write(self, text: str) -> None:
        parts = self._parts[-1]
        if why := next((why for why in ("hidden", "struck") if not self._styles[why].isdisjoint(self._spans)), ""):
            self._left_out[why] += len(text)
        elif self._spans and self._spans[-1] in self._styles["raised"]:
            parts.append(raised("".join(parts[-4:])[-4:], text))
        else:
            parts.append(text.lstrip(" ") if not parts or parts[-1].endswith(" ") else text)

    def _encrypted(self, tag: str, given: Attributes) -> None:
        self.is_encrypted = True

    def _begin_style(self, tag: str, given: Attributes) -> None:
        self._style = given.get("name", "")

    def _set_style(self, tag: str, given: Attributes) -> None:
        position = given.get("text-position", "")
        if position.startswith("super") or (position[:1].isdecimal() and not position.startswith("0")):
            self._styles["raised"].add(self._style)
        if given.get("display") == "none":
            self._styles["hidden"].add(self._style)
        if given.get("text-line-through-style", "none") != "none":
            self._styles["struck"].add(self._style)

    def _begin_paragraph(self, tag: str, given: Attributes) -> None:
        if not self._margin:
            self._paragraphs += 1
            self._spans.append(given.get("style-name", ""))
            level = _count(given, "outline-level") if tag == "h" else None
            if level and len(self._parts) == 1:
                self._level = level
            if number := self._numbers.next(level, given):
                self._parts[-1].append(f"{number} ")

    def _end_paragraph(self, tag: str) -> None:
        if self._margin or not self._paragraphs:
            return
        self._paragraphs -= 1
        self._spans = self._spans[:-1]
        if self._aside or self._repeats:  # lines in a cell would be taken for rows
            self._parts[-1].append(" ")
            return
        text = "".join(self._parts[-1]).rstrip(" ")
        self._parts[-1].clear()
        if self._hides:
            self._left_out["hidden"] += len(text)
            self._hides = False
            return
        if 0 < self._level <= 3 and text.strip():
            self._writer.place(f"section {text[: limits.LABEL]}")
        self._level = 0
        self._writer.write(text + "\n" + "".join(f"{box}\n" for box in self._boxes))
        self._boxes = []

    def _hide_paragraph(self, tag: str, given: Attributes) -> None:
        self._hides = given.get("is-hidden") == "true" and len(self._parts) == 1

    def _begin_aside(self, tag: str, given: Attributes) -> None:
        self._aside.append((tag, self._paragraphs))
        self._parts.append([])

    def _end_aside(self, tag: str) -> None:
        if not self._aside:
            return
        self._aside.pop()
        text = " ".join("".join(self._parts.pop()).split())
        if tag == "text-box":
            (self._boxes if not self._repeats else self._parts[-1]).append(text)
        elif tag == "annotation":
            self._notes.append(f"[comment by {self._author}] {text}")
            self._author = "somebody"
        else:
            self._notes.append(f"[{len(self._notes) + 1}] {text}")
            self._write(f"[{len(self._notes)}]")

    def _begin_about(self, tag: str, parent: str) -> None:
        if (tag in _PICTURES and parent != "meta") or (tag == "creator" and parent == "annotation"):
            self._begin_aside(tag, {})
        else:
            self._unread = 1

    def _end_about(self, tag: str) -> None:
        self._aside.pop()
        text = " ".join("".join(self._parts.pop()).split())
        if tag == "creator":
            self._author = text or self._author
        elif text:
            self._write(f" {text} ")

    def _white(self, tag: str, given: Attributes) -> None:
        if not self._paragraphs:
            return
        if tag == "s":
            self._parts[-1].append(" " * _count(given, "c"))
        else:
            self._parts[-1].append(" " if self._repeats else "\t" if tag == "tab" else "\n")

    def _begin_row(self, tag: str, given: Attributes) -> None:
        self._rows.append([])
        self._row_repeats.append(_count(given, "number-rows-repeated"))

    def _begin_cell(self, tag: str, given: Attributes) -> None:
        if self._rows:
            self._repeats.append(_count(given, "number-columns-repeated"))
            self._parts.append([])

    def _end_cell(self, tag: str) -> None:
        if self._rows and self._repeats:
            self._rows[-1].append((" ".join("".join(self._parts.pop()).split()), self._repeats.pop()))

    def _end_row(self, tag: str) -> None:
        if not self._rows:
            return
        cells, repeats = self._rows.pop(), self._row_repeats.pop()
        while cells and not cells[-1][0] and sum(times for _, times in cells) > _USUAL_COLUMNS:
            cells.pop()  # which reach to the edge of a sheet
        self._budget.spend(repeats * sum(times * len(text) for text, times in cells))  # few bytes can ask for many
        texts = [text for text, times in cells for _ in range(times)][:_MOST_COLUMNS]
        if self._repeats:  # a table in a cell of another
            self._parts[-1].append(" ".join(texts) + " ")
        else:
            for _ in range(repeats if any(texts) else 1):
                self._writer.write("\t".join(texts) + "\n")

    def _set_margin(self, is_open: bool) -> None:
        self._margin = is_open


def _is_hidden(tag: str, given: Attributes) -> bool:
    if tag == "hidden-text":
        return given.get("is-hidden") != "false"
    return tag == "section" and given.get("display") == "none"


def _count(given: Attributes, name: str) -> int:
    value = given.get(name, "1")
    return min(int(value), _MOST_REPEATED) if value.isdecimal() and len(value) < 10 else 1


_MARGINS = ("header", "footer", "header-left", "footer-left", "header-first", "footer-first")
_LIST_LEVELS = ("list-level-style-number", "outline-level-style", "list-level-style-bullet", "list-level-style-image")
_STARTS: dict[str, Callable[[_Text, str, Attributes], None]] = {
    "encryption-data": _Text._encrypted,
    "style": _Text._begin_style,
    "text-properties": _Text._set_style,
    **dict.fromkeys(("list-style", "outline-style"), lambda text, tag, given: text._numbers.begin_style(tag, given)),
    **dict.fromkeys(_LIST_LEVELS, lambda text, tag, given: text._numbers.set_level(given)),
    "list": lambda text, tag, given: text._numbers.begin_list(given),
    "list-item": lambda text, tag, given: text._numbers.begin_item(given),
    **dict.fromkeys(("p", "h"), _Text._begin_paragraph),
    "span": lambda text, tag, given: text._spans.append(given.get("style-name", "")),
    **dict.fromkeys(_ASIDE, _Text._begin_aside),
    "hidden-paragraph": _Text._hide_paragraph,
    **dict.fromkeys(("s", "tab", "line-break"), _Text._white),
    "table-row": _Text._begin_row,
    **dict.fromkeys(("table-cell", "covered-table-cell"), _Text._begin_cell),
    **dict.fromkeys(_MARGINS, lambda text, tag, given: text._set_margin(True)),
}
_ENDS: dict[str, Callable[[_Text, str], None]] = {
    **dict.fromkeys(("p", "h"), _Text._end_paragraph),
    "span": lambda text, tag: text._spans.__delitem__(slice(-1, None)),
    "list": lambda text, tag: text._numbers.end_list(),
    **dict.fromkeys(_ASIDE, _Text._end_aside),
    "table-row": _Text._end_row,
    **dict.fromkeys(("table-cell", "covered-table-cell"), _Text._end_cell),
    **dict.fromkeys(_MARGINS, lambda text, tag: text._set_margin(False)),
}
