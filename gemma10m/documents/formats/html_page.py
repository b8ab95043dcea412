"""Write a page's elements as text: a line for each block and each row of a table, headings as places."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lxml import etree

from gemma10m.documents import limits
from gemma10m.documents.formats import inline_marks as marks
from gemma10m.documents.formats.css_style import declarations, is_nothing
from gemma10m.documents.formats.formula import Formula, without_style
from gemma10m.documents.formats.html_blocks import with_kept_ends
from gemma10m.documents.formats.html_elements import (
    BLOCKS,
    HEADINGS,
    NOT_TYPED,
    SCRIPT_TAGS,
    VERBATIM,
    is_line_number,
    layout_of,
    mark_of_tag,
    part_of_table,
)
from gemma10m.documents.formats.html_tables import PageTables
from gemma10m.documents.formats.inline_marks import END, NOTE, SUPERSCRIPT
from gemma10m.documents.formats.name_prefixes import Prefixes
from gemma10m.documents.formats.page_styles import PageStyles
from gemma10m.documents.formats.permalinks import may_be_permalink, without_permalink
from gemma10m.documents.formats.table_rows import LINE, PARAGRAPH
from gemma10m.documents.formats.twins import Twins
from gemma10m.documents.formats.xml_events import Attributes
from gemma10m.documents.spool import TextWriter

_CELLS = ("td", "th")
_FRAMELESS = "noframes"
_INITIAL = 2  # characters of a letter that begins a chapter, with a quotation mark


class PageText(PageTables):
    """Receive the parser's events, by the methods without an underscore."""

    def __init__(self, writer: TextWriter, word: str, title: str, styles: PageStyles | None = None) -> None:
        super().__init__(writer, word, title)
        self._styles = styles
        self._hidden = ""  # the mark of the open element of which nothing is read
        self._shown_formula = ""
        self._in_frame = False
        self._prefixes = Prefixes()
        self._block = ""  # the last one that began
        self._without_frames: list[str] = []  # a page for browsers without frames: read where the other shows nothing
        self._is_tiny = False  # the letters have no size
        self._twins = Twins()

    def start(self, tag: str, given: Attributes) -> None:
        self.depth += 1
        if self._styles:
            given = self._styles.styled(tag, given)
        if self._hidden and not self._shows_again(given):
            return
        tag = self._prefixes.of(tag, given)
        if self._formula:
            self._formula.start(tag, given)
            self._parts = self._formula.parts
            return
        mark = mark_of_tag(tag, given) or (self._mark_of_element(tag, given) if given else "")
        if mark in marks.NOT_READ:
            if mark == marks.INVISIBLE and tag in _CELLS:
                self._begin_cell(tag, given)
            self._hide(mark)
            return
        if gap := BLOCKS.get(tag):
            self._break(gap)
            self._block = tag
        if given or self._is_tiny:
            tag = self._begin_shown(tag, given)
        if begin := _BEGIN.get(tag):
            begin(self, tag, given)
        if mark:
            self._raise(self._mark_in_link(mark))

    def end(self, tag: str) -> None:
        depth, self.depth = self.depth, self.depth - 1
        while self._closers and self._closers[-1][0] == depth:
            self._closers.pop()[1]()
        if self._hidden:
            return
        if self._formula:
            self._formula.end()
            self._parts = self._formula.parts
        elif gap := BLOCKS.get(self._prefixes.of(tag)):
            self._break(gap)

    def data(self, text: str) -> None:
        if self._hidden == marks.STRUCK:
            self.struck += len(text.strip())
        elif self._hidden == _FRAMELESS:
            self._without_frames.append(text)
        elif not self._hidden:
            text = " " if self._is_tiny else text
            if self._parts or self._verbatim or not text.isspace():
                self._parts.append(text)

    def close(self) -> None:
        """Do nothing: a parser may end before its page."""

    def finish(self) -> None:
        self._end_all()
        if not self._begun and self._without_frames:
            self._read("".join(self._without_frames)[: limits.HTML_BLOCK])
            self._end_all()
        if self._begun:
            self._writer.write("\n")

    def _end_all(self) -> None:
        self._break(LINE)
        self._end_heading()
        while self._tables:
            self._end_table(self._tables[-1])

    def _mark_of_element(self, tag: str, given: Attributes) -> str:
        follows_formula = bool(self._shown_formula and self._parts) and self._parts[-1] is self._shown_formula
        return marks.mark_of_element(tag, given, follows_formula)

    def _hide(self, mark: str) -> None:
        self._hidden = mark

        def show() -> None:
            self._hidden = ""

        self._at_end(show)

    def _shows_again(self, given: Attributes) -> bool:
        """Tell if an element shows itself in one that cannot be seen, and then read on until it ends."""
        is_shown = "style" in given and declarations(given["style"]).get("visibility") == "visible"
        if self._hidden != marks.INVISIBLE or not is_shown:
            return False
        self._hidden = ""
        self._at_end(partial(setattr, self, "_hidden", marks.INVISIBLE))
        return True

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

    def _begin_shown(self, tag: str, given: Attributes) -> str:
        """Notice how the element is shown, and return its tag, or the one that a role or a style gives it."""
        self._begin_size(tag, given)
        block = self._shown if tag in BLOCKS else -1
        if end := self._twins.begin(given, self.depth, self._parts, block):
            self._at_end(end)
        if "class" in given and block < 0 and is_line_number(given["class"]):
            self._begin_word()
            self._at_end(self._begin_word)
        if "style" in given:
            self._begin_style(tag, given)
        if (part := part_of_table(tag, given)) and self._fits(part):
            self._break(LINE)
            return part
        return tag

    def _begin_size(self, tag: str, given: Attributes) -> None:
        """Notice letters of no size; a block or a class may give them one."""
        size = declarations(given["style"]).get("font-size", "") if "style" in given else ""
        is_tiny = is_nothing(size) if size else self._is_tiny and tag not in BLOCKS and "class" not in given
        if is_tiny != self._is_tiny:
            self._at_end(partial(setattr, self, "_is_tiny", self._is_tiny))
            self._is_tiny = is_tiny

    def _begin_style(self, tag: str, given: Attributes) -> None:
        layout, is_block = layout_of(given["style"]), tag in BLOCKS
        if layout.is_turned:
            self._turn()
        if layout.is_block and not is_block:
            self._break(LINE)
            self._at_end(self._end_line)
        elif layout.is_apart and not is_block:
            self._set_apart(tag, given)
        elif layout.floats and not is_block:
            self._begin_float()
        if layout.keeps_lines and (layout.is_block or is_block):
            self._begin_verbatim(tag, given)
        elif layout.keeps_lines and not self._verbatim:
            self._rewrite(with_kept_ends)

    def _begin_float(self) -> None:
        """Set the element's text apart from the words around it, unless it is the letter that a chapter begins with."""
        start = len(self._parts)
        self._begin_word()

        def end() -> None:
            text = "".join(self._parts[start:]).strip()
            if len(text) > _INITIAL or text.isdecimal():
                self._parts.append(" ")

        self._at_end(end)

    def _begin_word(self) -> None:
        if self._parts and not self._parts[-1][-1:].isspace():
            self._parts.append(" ")

    def _begin_raised(self, tag: str, given: Attributes) -> None:
        self._raise(self._mark_in_link(SCRIPT_TAGS[tag]))

    def _mark_in_link(self, mark: str) -> str:
        """Return the mark of a note for what is raised at the beginning of a link to a place, else the same mark."""
        begins_link = mark == SUPERSCRIPT and self._link_at == len(self._parts)
        return NOTE if begins_link and "#" in self._link.get("href", "") else mark

    def _begin_link(self, tag: str, given: Attributes) -> None:
        if self._parts and self._parts[-1] == SUPERSCRIPT and "#" in given.get("href", ""):
            self._raise(NOTE)
        self._link, self._link_at = given, len(self._parts)
        if may_be_permalink(self._block, given):
            self._rewrite(without_permalink)

    def _set_apart(self, tag: str, given: Attributes) -> None:
        self._begin_word()
        self._at_end(lambda: self._parts.append(" "))

    def _chart_text(self, tag: str, given: Attributes) -> None:
        """Begin a line, or a word, where SVG gives a piece of text a position, and not only a shift."""
        if "y" in given or ("x" in given and "dy" in given):
            self._break(LINE)
        elif "x" in given:
            self._parts.append(" ")

    def _begin_formula(self, tag: str, given: Attributes) -> None:
        parts, self._formula = self._parts, Formula(given)
        self._parts = self._formula.parts

        def end() -> None:
            self._shown_formula = self._formula.text() if self._formula else ""
            self._formula, self._parts = None, parts
            self._parts.append(self._shown_formula)

        self._at_end(end)

    def _begin_override(self, tag: str, given: Attributes) -> None:
        """Reverse letters that are shown from right to left, as addresses are that machines should not collect."""
        if given.get("dir", "").lower() == "rtl":
            self._turn()

    def _turn(self) -> None:
        self._rewrite(lambda text: text[::-1] if text.isascii() else text)

    def _image(self, tag: str, given: Attributes) -> None:
        if alternative := given.get("alt", "").strip():
            self._parts.append(f" {without_style(alternative)} ")

    def _input(self, tag: str, given: Attributes) -> None:
        kind = given.get("type", "").strip().lower()
        if kind in ("checkbox", "radio"):
            self._parts.append("[x] " if "checked" in given else "[ ] ")
        elif kind not in NOT_TYPED and given.get("value"):
            self._parts.append(f" {given['value']} ")

    def _option(self, tag: str, given: Attributes) -> None:
        """Mark the option that is selected; where it has a label, that is shown instead of its text."""
        self._parts += ["[x] "] * ("selected" in given)
        if label := given.get("label", "").strip():
            self._parts.append(label)
            self._hide(marks.HIDDEN)

    def _group_of_options(self, tag: str, given: Attributes) -> None:
        self._parts.append(given.get("label", ""))

    def _frame(self, tag: str, given: Attributes) -> None:
        source = given.get("src", "").strip()
        if source and not source.startswith(("about:", "javascript:", "cid:")):
            self._writer.note(f"its frame {source[: limits.LABEL]} is a page of its own, and not read")

    def _inner_frame(self, tag: str, given: Attributes) -> None:
        """Read the page that the frame itself holds, if any; its content is for browsers without frames."""
        page = given.get("srcdoc", "")
        if page and self._in_frame:
            self._writer.note("a frame in a frame is not read")
        elif page:
            self._in_frame = True
            self._read(page)
            self._in_frame = False
        else:
            self._frame(tag, given)
        self._hide(marks.HIDDEN)

    def _begin_frameless(self, tag: str, given: Attributes) -> None:
        """Keep the page that the element holds as one text."""
        self._hide(_FRAMELESS)

    def _read(self, page: str) -> None:
        self._break(LINE)
        parser = etree.HTMLParser(target=self, huge_tree=True, encoding="utf-8")
        parser.feed(page.encode("utf-8", "replace"))
        parser.close()
        self._break(LINE)

    def _quote(self, tag: str, given: Attributes) -> None:
        self._parts.append("“")
        self._at_end(lambda: self._parts.append("”"))


_BEGIN: dict[str, Callable[[PageText, str, Attributes], None]] = {
    **dict.fromkeys(HEADINGS, PageText._begin_heading),
    **dict.fromkeys(VERBATIM, PageText._begin_verbatim),
    **dict.fromkeys(SCRIPT_TAGS, PageText._begin_raised),
    **dict.fromkeys(("ol", "ul", "menu", "dir"), PageText._begin_list),
    **dict.fromkeys(("thead", "tbody", "tfoot"), PageText._begin_rows),
    **dict.fromkeys(_CELLS, PageText._begin_cell),
    "a": PageText._begin_link,
    "bdo": PageText._begin_override,
    "br": PageText._line_break,
    "button": PageText._set_apart,
    "caption": PageText._begin_caption,
    "frame": PageText._frame,
    "iframe": PageText._inner_frame,
    "img": PageText._image,
    "input": PageText._input,
    "li": PageText._begin_item,
    "math": PageText._begin_formula,
    "noframes": PageText._begin_frameless,
    "optgroup": PageText._group_of_options,
    "option": PageText._option,
    "q": PageText._quote,
    "rb": lambda page, tag, given: page._parts.append(END),
    "table": PageText._begin_table,
    "tr": PageText._begin_row,
    "tspan": PageText._chart_text,
}
