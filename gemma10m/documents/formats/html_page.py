"""Write a page's elements as text: a line for each block and each row of a table, headings as places."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gemma10m.documents import limits
from gemma10m.documents.formats import inline_marks as marks
from gemma10m.documents.formats.data_uris import shortened
from gemma10m.documents.formats.formula import Formula, without_style
from gemma10m.documents.formats.html_elements import BLOCKS, HEADINGS, RAISED, TYPED, VERBATIM, mark_of_tag
from gemma10m.documents.formats.inline_marks import END, NOTE, SUPERSCRIPT, without_marks
from gemma10m.documents.formats.numbering import Numbering
from gemma10m.documents.formats.page_titles import begins_with
from gemma10m.documents.formats.table_rows import LINE, PARAGRAPH, Block, Table, TableCell
from gemma10m.documents.formats.xml_events import Attributes
from gemma10m.documents.spool import TextWriter

_GAPS = ("", " ", "\n", "\n\n")  # before a block, by what the block says of itself
_LONGEST_RAISED = 16 * limits.HTML_LONG
_RECENT = 64  # parts of a long paragraph among which a space is looked for
_NO_WIDTH = dict.fromkeys((0xAD, 0x200B, 0x2060, 0xFEFF))
_Around = tuple[list[Block] | None, int]  # the blocks around a table or a list, and the gap there


class PageText:
    """Receive the parser's events, by the methods without an underscore."""

    def __init__(self, writer: TextWriter, word: str, title: str) -> None:
        self.depth = 0
        self._writer, self._word = writer, word
        self._page_title = title  # that is not written yet
        self._parts: list[str] = []  # of the open block
        self._closers: list[tuple[int, Callable[[], None]]] = []  # what is to be done where an element ends, by depth
        self.struck = 0  # characters
        self._hidden = ""  # the mark of the open element of which nothing is read
        self._verbatim = 0
        self._raised = 0  # open elements whose text is raised or lowered
        self._continued = False  # the open block has been written in part
        self._gap, self._begun = 0, False
        self._prefix = ""  # the number of a list's item
        self._lists: list[Numbering] = []
        self._waiting: list[tuple[Numbering, list[Block], _Around]] = []  # open lists whose last number is not known
        self._tables: list[Table] = []
        self._blocks: list[Block] | None = None  # of the open cell or list
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
        follows_formula = bool(self._shown_formula and self._parts) and self._parts[-1] is self._shown_formula
        mark = mark_of_tag(tag, given) or (marks.mark_of_element(tag, given, follows_formula) if given else "")
        if mark in marks.NOT_READ:
            self._hide(mark)
            return
        if gap := BLOCKS.get(tag):
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
            self._formula.end()
            self._parts = self._formula.parts
        elif gap := BLOCKS.get(tag):
            self._break(gap)

    def data(self, text: str) -> None:
        if self._hidden:
            self.struck += len(text.strip()) if self._hidden == marks.STRUCK else 0
        elif self._parts or self._verbatim or not text.isspace():
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

    def _hide(self, mark: str) -> None:
        self._hidden = mark

        def show() -> None:
            self._hidden = ""

        self._at_end(show)

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
            self._write_title(text)
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

    def _write_title(self, text: str) -> None:
        title, self._page_title = self._page_title, ""
        if title:
            self._writer.place(f"{self._word} {title}")
            self._writer.write("" if begins_with(text, title) else f"{title}\n\n")

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
        self._raise(RAISED[tag])

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
        elif kind in TYPED and given.get("value"):
            self._parts.append(f" {given['value']} ")

    def _frame(self, tag: str, given: Attributes) -> None:
        if source := given.get("src"):
            self._writer.note(f"its frame {source[: limits.LABEL]} is a page of its own, and not read")

    def _begin_list(self, tag: str, given: Attributes) -> None:
        numbering = Numbering(tag, given)
        if numbering.counts_down and len(self._waiting) >= limits.TABLES_DEEP:
            numbering = Numbering("ul", given)
        elif numbering.counts_down:
            self._waiting.append((numbering, [], (self._blocks, self._gap)))
            self._blocks, self._gap = self._waiting[-1][1], 0
        self._lists.append(numbering)
        self._at_end(self._end_list)

    def _end_list(self) -> None:
        numbering = self._lists.pop()
        while any(each[0] is numbering for each in self._waiting):
            self._end_countdown()

    def _end_countdown(self) -> None:
        self._break(LINE)
        numbering, blocks, (self._blocks, self._gap) = self._waiting.pop()
        for block in blocks:
            self._gap = max(self._gap, block.gap)
            self._write(numbering.resolved(block.text), numbering.resolved(block.label))

    def _quote(self, tag: str, given: Attributes) -> None:
        self._parts.append("“")
        self._at_end(lambda: self._parts.append("”"))

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
            while self._waiting and self._blocks is not cell.blocks:
                self._end_countdown()
            self._blocks, self._gap = cell.above
            table.cell = None


_BEGIN: dict[str, Callable[[PageText, str, Attributes], None]] = {
    **dict.fromkeys(HEADINGS, PageText._begin_heading),
    **dict.fromkeys(VERBATIM, PageText._begin_verbatim),
    **dict.fromkeys(RAISED, PageText._begin_raised),
    **dict.fromkeys(("ol", "ul", "menu", "dir"), PageText._begin_list),
    **dict.fromkeys(("thead", "tbody", "tfoot"), PageText._begin_rows),
    **dict.fromkeys(("td", "th"), PageText._begin_cell),
    "a": PageText._begin_link,
    "br": PageText._line_break,
    "frame": PageText._frame,
    "img": PageText._image,
    "input": PageText._input,
    "li": PageText._begin_item,
    "math": PageText._begin_formula,
    "q": PageText._quote,
    "rb": lambda page, tag, given: page._parts.append(END),
    "table": PageText._begin_table,
    "tr": PageText._begin_row,
}
