"""Hide what the sheets of a page, or of its book, hide on a screen, where neither a script nor the reader shows it.

Only selectors that name an element, its classes and its id are understood. In doubt a text is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from gemma10m.documents import limits
from gemma10m.documents.formats.css_style import declarations, is_nothing
from gemma10m.documents.formats.screen_query import applies
from gemma10m.documents.formats.xml_events import Attributes

_SHEET = re.compile(
    rb"<!--.*?(?:-->|\Z)|<link\b([^<>]*)>|<style\b([^<>]*)>(.*?)(?:</style|\Z)", re.IGNORECASE | re.DOTALL
)
_GIVEN = re.compile(rb"""\b(media|rel|href)\s*=\s*(?:"([^"]*)|'([^']*)|([^\s"'>]+))""", re.IGNORECASE)
_CHANGES = re.compile(  # a script, or what lets a text appear by itself
    rb"""<script\b(?![^>]{0,200}json)|\son[a-z]{3,20}\s*=\s*["']|@(?:-[a-z]+-)?keyframes|\banimation[a-z-]*\s*:""",
    re.IGNORECASE,
)
_NO_RULES = re.compile(r"/\*.*?(?:\*/|\Z)|\"[^\"\n]*\"|'[^'\n]*'|<!--|-->", re.DOTALL)
_BRACE = re.compile(r"([^{}]*)([{}]|\Z)")
_TELLING = re.compile(r"(?:^|;)\s*(display|visibility|opacity)\s*:\s*([^;]{1,40})", re.IGNORECASE)
_SIMPLE = re.compile(r"([a-zA-Z][\w-]*)?((?:[.#][\w-]+)*)")
_NAME = re.compile(r"[.#][\w-]+")
_COMBINATOR = re.compile(r"[\s>+~]+")
_OF_STATE = re.compile(r":(?!:|before|after|first-l)")  # :hover, :checked, :target
_CLOSED = re.compile(
    r"accordion|collaps|duokan|(?:end|foot|rear)-?note|expand|fold|panel|spoiler|tab-?(?:pane|content)|tabs|toggle",
    re.IGNORECASE,
)
_WHOLE_PAGE = ("html", "body", "main", "article")
LARGEST_SHEETS = 4 * limits.HTML_BLOCK  # bytes of them
_MOST_LINKED = 16  # sheets of a page
_DEEPEST = 8  # rules in rules
_SAME_NAME = 8  # selectors that are looked at for one name of an element


class _Selector(NamedTuple):
    weight: tuple[int, int, int]
    tag: str
    names: frozenset[str]  # `.class` and `#id`


class PageStyles:
    """Hold what the rules of a page say of its elements' being shown."""

    def __init__(self, sheets: Iterable[str]) -> None:
        self._looks: dict[_Selector, dict[str, str]] = {}
        self._opened = set[str]()  # names of what rules that are not understood show
        for sheet in sheets:
            for head, body, is_certain in _rules(sheet):
                self._add(head, dict(_TELLING.findall(body.lower())), is_certain)
        self._by_name: dict[str, list[_Selector]] = {}
        for selector in self._looks if "*" not in self._opened else ():
            if not selector.names & self._opened:
                same = self._by_name.setdefault(min(selector.names, default=selector.tag), [])
                same += [selector] * (len(same) < _SAME_NAME)

    def styled(self, tag: str, given: Attributes) -> Attributes:
        """Return the element's attributes with a style that tells if it is shown."""
        if not given and tag not in self._by_name:
            return given
        names = {f".{name}" for name in given.get("class", "").split()} | {f"#{given.get('id', '')}"}
        own = given.get("style", "")
        found = [
            selector
            for name in ({tag} | names if self._by_name else ())
            for selector in self._by_name.get(name, ())
            if selector.tag in ("", tag) and selector.names <= names
        ]
        if not (found or "opacity" in own) or tag in _WHOLE_PAGE or _may_be_opened(given):
            return given
        said = [f"{name}:{value}" for each in sorted(found) for name, value in self._looks[each].items()]
        style = ";".join([*said, own])
        is_clear = is_nothing(declarations(style).get("opacity", ""))
        return {**given, "style": f"{style};display:none!important" if is_clear else style}

    def _add(self, heads: str, look: dict[str, str], is_certain: bool) -> None:
        shows = any(not _hides(*each) for each in look.items())
        for head in heads.split(",") if look else ():
            simple = _SIMPLE.fullmatch(head.strip())
            if simple and simple[0] and (shows or is_certain):
                self._add_simple(simple[1] or "", frozenset(_NAME.findall(simple[2])), look, shows)
            elif not simple and shows:
                self._open(head.strip(), look)

    def _add_simple(self, tag: str, names: frozenset[str], look: dict[str, str], shows: bool) -> None:
        ids = sum(name.startswith("#") for name in names)
        selector = _Selector((ids, len(names) - ids, len(tag) > 0), tag.lower(), names)
        if shows and len(names) > 1:  # a state: `.pane.active`
            self._opened |= names
        known = self._looks.setdefault(selector, {})
        for name, value in look.items():
            if "!" in value or "!" not in known.get(name, ""):
                known[name] = value

    def _open(self, head: str, look: dict[str, str]) -> None:
        last = _COMBINATOR.split(head)[-1]
        if "::" not in last:
            self._opened.update(_NAME.findall(last))
        if not _NAME.search(last) and _OF_STATE.search(head) and look.keys() != {"opacity"}:
            self._opened.add("*")


def styles_of(page: bytes, linked: Callable[[str], bytes] | None = None) -> PageStyles | None:
    """Return the styles of a page in which no text can appear later; None for another, and where none hides a text.

    linked: returns a sheet that the page names, for a page that comes with its sheets.
    """
    telling = (b"<style", b"<STYLE", b"opacity", *([b"<link", b"<LINK"] if linked else []))
    if not any(word in page for word in telling) or _CHANGES.search(page):
        return None
    sheets = list[str]()
    left = _MOST_LINKED if linked else 0
    for link, style, sheet in _SHEET.findall(page):
        given = {name.lower(): b"".join(value).decode("latin-1") for name, *value in _GIVEN.findall(link or style)}
        if link:
            kinds = given.get(b"rel", "").lower().split()
            is_sheet = left > 0 and "stylesheet" in kinds and "alternate" not in kinds
            sheet = linked(unescape(given.get(b"href", ""))) if linked and is_sheet else b""
            left -= is_sheet
        if _CHANGES.search(sheet):
            return None
        sheets.append(f"@media {given.get(b'media', '')} {{{sheet.decode('utf-8', 'replace')}}}")
    return _parsed(tuple(sheets)) if sum(map(len, sheets)) <= LARGEST_SHEETS else None


@lru_cache(4)
def _parsed(sheets: tuple[str, ...]) -> PageStyles:
    """Return the styles; the pages of a book have the same ones."""
    return PageStyles(sheets)


def _rules(sheet: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the selectors and the declarations of each rule that may apply, and if it certainly does."""
    heads: list[str] = []
    for text, brace in _BRACE.findall(_NO_RULES.sub(" ", sheet)):
        if brace == "{":
            heads.append(text.rpartition(";")[2].strip())
        elif brace and heads:
            head = heads.pop()
            answers = [applies(each) for each in heads] if len(heads) <= _DEEPEST else [False]
            if not head.startswith("@") and False not in answers:
                yield head, text, None not in answers


def _hides(name: str, value: str) -> bool:
    value = value.partition("!")[0].strip()
    return is_nothing(value) if name == "opacity" else value in ("none", "hidden", "collapse")


def _may_be_opened(given: Attributes) -> bool:
    """Tell if an element is a part of the page that a reader opens, such as a note of a book."""
    names = " ".join(given.get(name, "") for name in ("class", "id", "role", "epub:type"))
    return given.get("role") == "tabpanel" or bool(_CLOSED.search(names))
