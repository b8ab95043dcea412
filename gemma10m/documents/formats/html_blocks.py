"""Write a page's blocks of text, each a line, and the gaps between them; headings are places."""

from __future__ import annotations

import re
from collections.abc import Callable

from gemma10m.documents import limits
from gemma10m.documents.formats.data_uris import shortened
from gemma10m.documents.formats.formula import Formula
from gemma10m.documents.formats.inline_marks import END, without_marks
from gemma10m.documents.formats.page_titles import begins_with
from gemma10m.documents.formats.table_rows import LINE, Block, Table
from gemma10m.documents.formats.xml_events import Attributes
from gemma10m.documents.spool import TextWriter

_GAPS = ("", " ", "\n", "\n\n")  # before a block, by what the block says of itself
_LONGEST_RAISED = 16 * limits.HTML_LONG
_RECENT = 64  # parts of a long paragraph among which a space is looked for
_NO_WIDTH = dict.fromkeys((0xAD, 0x200B, 0x2060, 0xFEFF))
_WIDE = "[\u2e80-\u9fff\uf900-\ufaff\uff01-\uff60]"  # of Chinese and Japanese, which have no spaces
_END_IN_WORDS = re.compile(rf"(?<={_WIDE})[ \t]*\n\s*(?={_WIDE})")
_BREAK, _INDENT = "\ufddb\ufddc"  # a line's end that is kept, and a space behind it; they are no characters of any text
_KEPT_END = re.compile(r"\n([ \t]*)")
_KEPT_BREAK = re.compile(f" ?{_BREAK} ?")


class PageBlocks:
    """Hold the open block and what surrounds it."""

    def __init__(self, writer: TextWriter, word: str, title: str) -> None:
        self.depth = 0
        self.struck = 0  # characters
        self._writer, self._word = writer, word
        self._page_title = title  # that is not written yet
        self._parts: list[str] = []  # of the open block
        self._shown = 0  # blocks with text before it
        self._link: Attributes = {}  # of the last link
        self._link_at = -1  # the parts of the open block before it
        self._closers: list[tuple[int, Callable[[], None]]] = []  # what is to be done where an element ends, by depth
        self._verbatim = 0
        self._raised = 0  # open elements whose text is raised or lowered
        self._rewritten = False  # the open element's text will be changed
        self._continued = False  # the open block has been written in part
        self._gap, self._begun = 0, False
        self._prefix = ""  # the numbers of a list's item, and of the items that begin with it
        self._tables: list[Table] = []
        self._blocks: list[Block] | None = None  # of the open cell, list or foot of a table
        self._formula: Formula | None = None
        self._title: list[str] | None = None  # of the open heading
        self._title_at: int | Block = 0

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

    def _at_end(self, do: Callable[[], None]) -> None:
        self._closers.append((self.depth, do))

    def _break(self, gap: int) -> bool:
        """End the open block; tell whether it had text. The next one begins after `gap` at least."""
        if not self._parts:
            if gap > self._gap:
                self._gap = gap
            return False
        text = self._parts[0] if len(self._parts) == 1 else "".join(self._parts)
        self._parts.clear()
        self._link_at = -1
        has_text = self._show(text) or self._continued
        self._continued = False
        self._gap = max(self._gap, gap)
        return has_text

    def _end_line(self) -> None:
        self._break(LINE)

    def _show(self, text: str) -> bool:
        """Write the open block's text, or what follows of it; tell if there was any."""
        is_plain = text.isascii()
        if not is_plain:
            text = without_marks(text).translate(_NO_WIDTH)
            text = text if self._verbatim else _END_IN_WORDS.sub("", text)
        if not self._verbatim:
            text = " ".join(text.split())
            if not is_plain and _BREAK in text:
                text = _KEPT_BREAK.sub("\n", text).replace(_INDENT, " ").strip("\n")
        else:
            text = text.rstrip() if self._continued else text.rstrip().removeprefix("\n")
        if not text:
            return False
        self._shown += 1
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
            if self._tables and self._tables[-1].is_stray:
                self._write_stray_row(self._tables[-1])
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

    def _end_heading(self) -> None:
        self._break(LINE)
        title, self._title = " ".join(self._title or ()), None
        if title:
            label = f"{self._word} {title}"
            if isinstance(self._title_at, Block):
                self._title_at.label = label
            else:
                self._writer.place(label, self._title_at)

    def _raise(self, mark: str) -> None:
        self._parts.append(mark)
        self._raised += 1

        def end() -> None:
            self._parts.append(END)
            self._raised -= 1

        self._at_end(end)

    def _rewrite(self, rewrite: Callable[[str], str]) -> None:
        """Change the open element's text where it ends, as far as it is in one block, and that of no element in it."""
        if self._rewritten:
            return
        self._rewritten = True
        start = len(self._parts)
        last = self._parts[-1] if start else ""

        def end() -> None:
            self._rewritten = False
            if not start or (len(self._parts) >= start and self._parts[start - 1] is last):
                self._parts[start:] = [rewrite("".join(self._parts[start:]))]

        self._at_end(end)

    def _write_row(self, table: Table) -> None:
        for block in table.end_row():
            self._write_in_table(block)

    def _write_in_table(self, block: Block) -> None:
        self._gap = max(self._gap, block.gap, LINE)
        self._write(block.text, block.label)
        self._gap = LINE

    def _write_stray_row(self, table: Table) -> None:
        """Write cells outside of any table, now that text follows which is in none."""
        if table.row and not table.cell:
            _, before = table.row[0].above
            after, self._gap = self._gap, before
            self._write_row(table)
            self._gap = after


def with_kept_ends(text: str) -> str:
    """Return the text of an element that keeps its lines, in a block that keeps none."""
    return _KEPT_END.sub(lambda found: _BREAK + _INDENT * len(found[1].expandtabs()), text)
