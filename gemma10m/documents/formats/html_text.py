"""HTML as text: a line for each block and each row of a table, headings as places. libxml2 takes the page apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from lxml import etree

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats import inline_marks as marks
from gemma10m.documents.formats.charset import decode_page
from gemma10m.documents.formats.data_uris import shortened
from gemma10m.documents.formats.formula import Formula, without_style
from gemma10m.documents.formats.inline_marks import END, HIDDEN, NOTE, SUPERSCRIPT, without_marks
from gemma10m.documents.formats.numbering import Numbering
from gemma10m.documents.formats.table_rows import LINE, PARAGRAPH, Block, Table, TableCell
from gemma10m.documents.formats.xhtml import html_parts
from gemma10m.documents.formats.xml_events import Attributes
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_GAPS = ("", " ", "\n", "\n\n")  # before a block, by what the block says of itself
_HEADINGS = {"h1", "h2", "h3"}
_BLOCKS = dict.fromkeys(
    "address article aside body caption center dd details dialog div dt fieldset figcaption footer form frame head "
    "header html legend li main menu nav optgroup option section summary tbody td textarea tfoot th thead tr".split(),
    LINE,
) | dict.fromkeys("p h1 h2 h3 h4 h5 h6 hr pre listing xmp blockquote table ul ol dl figure".split(), PARAGRAPH)
_NEVER_SHOWN = frozenset(
    "script style template noscript title iframe noembed audio video canvas datalist rp rtc desc metadata".split()
)
_VERBATIM = {"pre", "textarea", "listing", "xmp", "plaintext"}
_RAISED = {"sup": SUPERSCRIPT, "sub": marks.SUBSCRIPT, "rt": marks.READING}
_TYPED = {"text", "number", "email", "tel", "url", "date", "time", "search", "month", "week"}
_REPEATED = {"span", "a", "i", "b", "em", "svg", "button", "nobr", "mjx-container", "mjx-math"}  # where aria-hidden
_TELLING = frozenset(("style", "hidden", "aria-hidden", "epub:type", "role"))
_LONGEST_RAISED = 16 * limits.HTML_LONG
_RECENT = 64  # parts of a long paragraph among which a space is looked for
_NO_WIDTH = dict.fromkeys((0xAD, 0x200B, 0x2060, 0xFEFF))


def write_html(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of an HTML page. Raises `UnreadableError` and `DiskError`."""
    write_page(decode_page(content.whole("an HTML page"), writer), writer, "section")
    if writer.blank:
        raise UnreadableError("an HTML page without text")


def write_page(blocks: Iterable[str], writer: TextWriter, word: str) -> None:
    """Write the page's text; `word` precedes a heading in the name of its place. Raises `DiskError`."""
    page, parser = _Page(writer, word), None
    for part in html_parts(blocks):
        # libxml2 looks for a tag's end among all open elements: a page that opens too many is read on by a new parser.
        if parser and page.depth >= limits.DEEPEST:
            parser.close()
            parser = None
        parser = parser or etree.HTMLParser(target=page, huge_tree=True, encoding="utf-8")
        parser.feed(part)
        page.shorten()
    if parser:
        parser.close()
    page.finish()
    vars(page).clear()  # lxml's parser and its target hold each other: what was written must not wait for the collector


class _Page:
    """Receive the parser's events, by the methods without an underscore."""

    def __init__(self, writer: TextWriter, word: str) -> None:
        self.depth = 0
        self._writer, self._word = writer, word
        self._parts: list[str] = []  # of the open block
        self._closers: list[tuple[int, Callable[[], None]]] = []  # what is to be done where an element ends, by depth
        self._hidden = 0  # open elements of which nothing is shown
        self._verbatim = 0
        self._raised = 0  # open elements whose text is raised or lowered
        self._continued = False  # the open block has been written in part
        self._gap, self._begun = 0, False
        self._prefix = ""  # the number of a list's item
        self._lists: list[Numbering] = []
        self._tables: list[Table] = []
        self._blocks: list[Block] | None = None  # of the open cell
        self._formula: Formula | None = None
        self._shown_formula = ""
        self._title: list[str] | None = None  # of the open heading
        self._title_at: int | Block = 0

    def start(self, tag: str, given: Attributes) -> None:
        self.depth += 1
        if self._hidden:
            return
        tag = tag.rpartition(":")[2] if ":" in tag else tag
        if self._formula:
            self._formula.start(tag, given)
            self._parts = self._formula.parts
            return
        mark = ""
        if given:
            mark = self._mark(tag, given)
        if mark == HIDDEN or (tag in _NEVER_SHOWN and not _is_tex(tag, given)):
            self._hide()
            return
        if gap := _BLOCKS.get(tag):
            self._break(gap)
        if begin := _BEGIN.get(tag):
            begin(self, tag, given)
        if mark:
            self._raise(mark)

    def end(self, tag: str) -> None:
        depth, self.depth = self.depth, self.depth - 1
        if self._closers and self._closers[-1][0] == depth:
            self._closers.pop()[1]()
        if self._hidden:
            return
        if self._formula:
            self._formula.end(tag)
            self._parts = self._formula.parts
        elif gap := _BLOCKS.get(tag):
            self._break(gap)

    def data(self, text: str) -> None:
        if not self._hidden and (self._parts or self._verbatim or not text.isspace()):
            self._parts.append(text)

    def close(self) -> None:
        """Do nothing: a parser may end before its page."""

    def shorten(self) -> None:
        """Write a long paragraph up to a space near its end, and join what many small parts hold."""
        size = sum(map(len, self._parts))
        is_whole = self._formula or self._blocks is not None or (self._raised and size < _LONGEST_RAISED)
        if size > limits.HTML_LONG and not is_whole:
            recent = "".join(self._parts[-_RECENT:])
            head = recent[: max(recent.rfind(" "), recent.rfind("\n"), 0)].rstrip()
            if head and len(head) > recent.rfind(END) and self._show("".join([*self._parts[:-_RECENT], head])):
                self._parts[:] = [recent[len(head) :]]
                self._continued = True
        if len(self._parts) > limits.HTML_PART:
            self._parts[:-1] = ["".join(self._parts[:-1])]

    def finish(self) -> None:
        self._break(LINE)
        self._end_heading()
        while self._tables:
            self._end_table(self._tables[-1])
        if self._begun:
            self._writer.write("\n")

    def _at_end(self, do: Callable[[], None]) -> None:
        self._closers.append((self.depth, do))

    def _hide(self) -> None:
        self._hidden += 1

        def show() -> None:
            self._hidden -= 1

        self._at_end(show)

    def _mark(self, tag: str, given: Attributes) -> str:
        """Return the mark of an element that its attributes raise, lower or hide; "" for neither."""
        if _TELLING.isdisjoint(given):
            return marks.mark_of(given["class"], "") if "class" in given else ""
        if given.get("hidden", "until-found").lower() != "until-found":
            return HIDDEN
        before = self._parts[-1] if self._parts else ""
        if given.get("aria-hidden") == "true" and _is_repeated(tag, given):
            return HIDDEN
        if before and before is self._shown_formula and given.get("aria-hidden") == "true":
            return HIDDEN
        if "noteref" in given.get("epub:type", "") or given.get("role") == "doc-noteref":
            return NOTE
        return marks.mark_of(given.get("class", ""), given.get("style", ""))

    def _break(self, gap: int) -> bool:
        """End the open block; tell whether it had text. The next one begins after `gap` at least."""
        if not self._parts:
            if gap > self._gap:
                self._gap = gap
            return False
        text = self._parts[0] if len(self._parts) == 1 else "".join(self._parts)
        self._parts.clear()
        has_text = self._show(text) or self._continued
        self._continued = False
        self._gap = max(self._gap, gap)
        return has_text

    def _show(self, text: str) -> bool:
        """Write the open block's text, or what follows of it; tell if there was any."""
        if not text.isascii():
            text = without_marks(text).translate(_NO_WIDTH)
        if not self._verbatim:
            text = " ".join(text.split())
        else:
            text = text.rstrip() if self._continued else text.rstrip().removeprefix("\n")
        if not text:
            return False
        text = shortened(text, self._writer)
        if self._continued:
            self._writer.write(text if self._verbatim else f" {text}")
        else:
            self._write(self._prefix + text)
            self._prefix = ""
        return True

    def _write(self, text: str, label: str = "") -> None:
        if self._blocks is not None:
            block = Block(self._gap, text, label)
            self._blocks.append(block)
            at: int | Block = block
        else:
            gap = _GAPS[self._gap] if self._begun else ""
            at = self._writer.nbytes + len(gap)
            if label:
                self._writer.place(label, at)
            self._writer.write(gap + text)
            self._begun = True
        self._gap = 0
        if self._title is not None:
            self._title_at = self._title_at if self._title else at
            self._title.append(text[: limits.LABEL])

    def _begin_heading(self, tag: str, given: Attributes) -> None:
        self._end_heading()
        self._title = []
        if self._tables and (cell := self._tables[-1].cell):
            cell.is_layout = True
        self._at_end(self._end_heading)

    def _end_heading(self) -> None:
        self._break(LINE)
        title, self._title = " ".join(self._title or ()), None
        if title:
            label = f"{self._word} {title}"
            if isinstance(self._title_at, Block):
                self._title_at.label = label
            else:
                self._writer.place(label, self._title_at)

    def _line_break(self, tag: str, given: Attributes) -> None:
        if self._verbatim:
            self._parts.append("\n")
        elif not self._break(LINE):
            self._gap = PARAGRAPH

    def _begin_verbatim(self, tag: str, given: Attributes) -> None:
        self._verbatim += 1

        def end() -> None:
            self._break(LINE)
            self._verbatim -= 1

        self._at_end(end)

    def _raise(self, mark: str) -> None:
        self._parts.append(mark)
        self._raised += 1

        def end() -> None:
            self._parts.append(END)
            self._raised -= 1

        self._at_end(end)

    def _begin_raised(self, tag: str, given: Attributes) -> None:
        self._raise(_RAISED[tag])

    def _begin_link(self, tag: str, given: Attributes) -> None:
        if self._parts and self._parts[-1] == SUPERSCRIPT and given.get("href", "").startswith("#"):
            self._raise(NOTE)

    def _begin_formula(self, tag: str, given: Attributes) -> None:
        parts, self._formula = self._parts, Formula(given)
        self._parts = self._formula.parts

        def end() -> None:
            self._shown_formula = self._formula.text() if self._formula else ""
            self._formula, self._parts = None, parts
            self._parts.append(self._shown_formula)

        self._at_end(end)

    def _image(self, tag: str, given: Attributes) -> None:
        if alternative := given.get("alt", "").strip():
            self._parts.append(f" {without_style(alternative)} ")

    def _input(self, tag: str, given: Attributes) -> None:
        kind = given.get("type", "text").lower()
        if kind in ("checkbox", "radio"):
            self._parts.append("[x] " if "checked" in given else "[ ] ")
        elif kind in _TYPED and given.get("value"):
            self._parts.append(f" {given['value']} ")

    def _frame(self, tag: str, given: Attributes) -> None:
        if source := given.get("src"):
            self._writer.note(f"its frame {source[: limits.LABEL]} is a page of its own, and not read")

    def _begin_list(self, tag: str, given: Attributes) -> None:
        self._lists.append(Numbering(tag, given))
        self._at_end(partial(self._lists.__delitem__, -1))

    def _begin_item(self, tag: str, given: Attributes) -> None:
        self._prefix = self._lists[-1].next(given) if self._lists else ""

        def end() -> None:
            self._break(LINE)
            self._prefix = ""

        self._at_end(end)

    def _begin_table(self, tag: str, given: Attributes) -> None:
        if self._tables and (cell := self._tables[-1].cell):
            cell.is_layout = True
        table = Table()
        self._tables.append(table)
        self._at_end(partial(self._end_table, table))

    def _end_table(self, table: Table) -> None:
        if table in self._tables:
            self._end_row(table)
            self._tables.remove(table)

    def _table(self) -> Table | None:
        """Return the open table, or a new one for a row outside of tables; None where tables are nested too deep."""
        if not self._tables:
            self._tables.append(Table())
        return self._tables[-1] if len(self._tables) <= limits.TABLES_DEEP else None

    def _begin_rows(self, tag: str, given: Attributes) -> None:
        if table := self._table():
            self._end_row(table)
            table.begin_rows()

    def _begin_row(self, tag: str, given: Attributes) -> None:
        if table := self._table():
            self._end_row(table)
            table.row = []
            self._at_end(partial(self._end_row, table))

    def _end_row(self, table: Table) -> None:
        self._end_cell(table, table.cell)
        self._break(LINE)
        for block in table.end_row():
            self._gap = max(self._gap, block.gap, LINE)
            self._write(block.text, block.label)
            self._gap = LINE

    def _begin_cell(self, tag: str, given: Attributes) -> None:
        if table := self._table():
            self._end_cell(table, table.cell)
            cell = table.begin_cell(given, (self._blocks, self._gap))
            self._blocks, self._gap = cell.blocks, 0
            self._at_end(partial(self._end_cell, table, cell))

    def _end_cell(self, table: Table, cell: TableCell | None) -> None:
        if cell and table.cell is cell:
            self._break(LINE)
            self._blocks, self._gap = cell.above
            table.cell = None


_BEGIN: dict[str, Callable[[_Page, str, Attributes], None]] = {
    **dict.fromkeys(_HEADINGS, _Page._begin_heading),
    **dict.fromkeys(_VERBATIM, _Page._begin_verbatim),
    **dict.fromkeys(_RAISED, _Page._begin_raised),
    **dict.fromkeys(("ol", "ul", "menu", "dir"), _Page._begin_list),
    **dict.fromkeys(("thead", "tbody", "tfoot"), _Page._begin_rows),
    **dict.fromkeys(("td", "th"), _Page._begin_cell),
    "a": _Page._begin_link,
    "br": _Page._line_break,
    "frame": _Page._frame,
    "img": _Page._image,
    "input": _Page._input,
    "li": _Page._begin_item,
    "math": _Page._begin_formula,
    "rb": lambda page, tag, given: page._parts.append(END),
    "table": _Page._begin_table,
    "tr": _Page._begin_row,
}


def _is_tex(tag: str, given: Attributes) -> bool:
    """Tell if it is a formula that MathJax would show, and has not shown already."""
    kind = given.get("type", "") if tag == "script" else ""
    return kind.startswith("math/tex") and not given.get("id", "").startswith("MathJax")


def _is_repeated(tag: str, given: Attributes) -> bool:
    """Tell if text hidden from screen readers repeats other text of the page."""
    return tag in _REPEATED and "katex-html" not in given.get("class", "")
