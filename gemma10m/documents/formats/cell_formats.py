"""Write the numbers of a spreadsheet as its formats say (ECMA-376 part 1, 18.8.31): dates in ISO's form, percentages.

A number has the decimals, the currency and the unit that are shown, and no marks between thousands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from operator import eq, ge, gt, le, lt, ne

from gemma10m.documents.formats.format_sections import NumberSection, Token
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver

HIDDEN_BY_FORMAT = "cell", " hidden by a format"  # such as `;;;`
_LISTS = ("numFmts", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs")
_MOST_FORMATS = 65_536  # of a file; Excel allows fewer
_LONGEST = 255  # characters of a format, as in Excel
_BUILT_IN = {
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??"},
    **{18: "h:mm", 19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss", 22: "y-m-d h:mm", 45: "mm:ss", 46: "[h]:mm:ss"},
    **{32: "h:mm", 33: "h:mm:ss", 34: "h:mm", 35: "h:mm:ss", **dict.fromkeys((37, 38), "#,##0;(#,##0)")},
    **dict.fromkeys((39, 40), "#,##0.00;(#,##0.00)"),
    **{41: "#,##0", 42: "#,##0", 43: "#,##0.00", 44: "#,##0.00", 47: "mm:ss.0", 48: "##0.0E+0", 17: "mmm-yy"},
    **{number: "y-m-d" for number in (14, 15, 16, *range(27, 32), 36, *range(50, 59))},
}
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<gap>_.)|\*.|\[\$(?P<currency>[^\]-]*)[^\]]*\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[(?P<condition>[<>=][^\]]*)\]|\[[^\]]*\]|(?P<exponent>E[+-][0#?]+)"
    r"|(?P<unit>y+|m+|d+|h+|s+)|AM/PM|A/P|(?P<general>General)|(?P<words>@)"
    r"|(?P<fraction>[0#?]+ */ *(?:[0#?]+|[1-9]\d{0,8}))|(?P<digits>[0#?.,]+)"
    r"|(?P<end>;)|(?P<percent>%)|(?P<digit>[1-9])|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_LITERALS = ("quoted", "escaped", "currency", "plain")
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=) *([+-]?\d+(?:\.\d+)?(?:E[+-]?\d{1,3})?)", re.IGNORECASE)
_COMPARED: dict[str, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "<>": ne}
_ABOVE_ZERO, _BELOW_ZERO = (">0", ">=0"), ("<0", "<=0")
_MOST_SECTIONS = 4
_PLAIN = re.compile(r"-?\d+")


class CellFormat:
    """Hold how a number is shown, and a text. sections: of the format; none show all as it is."""

    def __init__(self, sections: list[list[Token]]) -> None:
        self._words: list[Token] | None = None  # None: a text is shown as it is
        if len(sections) == _MOST_SECTIONS or (sections and _has_words(sections[-1])):
            *sections, self._words = sections
        self._sections = [NumberSection(tokens) for tokens in sections]
        self._has_conditions = any(section.condition for section in self._sections)

    def text(self, value: str, is_1904: bool) -> str:
        """Return how a number is shown, "" where the format hides it; what is no number comes back as it is."""
        try:
            number = float(value)
        except ValueError:
            return value
        general = _general(value, number) if isfinite(number) else value
        section = self._section(number) if isfinite(number) else None
        if section is None:
            return general
        if section.is_empty:
            return ""
        tells_sign = number < 0 and self._tells_sign(section)
        size = abs(number) if tells_sign else number
        if section.moment:
            shown = section.moment.text(size, is_1904)
            return f"{'-' * tells_sign}{shown}" if shown else general
        return section.number(size, general) or general

    def words(self, text: str) -> str:
        """Return how a text is shown, "" where the format hides it."""
        if self._words is None:
            return text
        shown = "".join(text if token.kind == "words" else token.text for token in self._words)
        return " ".join(shown.split())

    def _section(self, number: float) -> NumberSection | None:
        """Return the section for a number, None where no format is certain."""
        if self._has_conditions:
            return self._by_condition(number)
        at = 1 if number < 0 else 2 if number == 0 else 0
        return next(iter(self._sections[at:] or self._sections), None)

    def _by_condition(self, number: float) -> NumberSection | None:
        for section in self._sections:
            if not section.condition:
                return section if section is self._sections[-1] else None
            found = _CONDITION.fullmatch(section.condition)
            if not found:
                return None
            if _COMPARED[found[1]](number, float(found[2])):
                return section
        return None

    def _tells_sign(self, section: NumberSection) -> bool:
        """Tell if a section for negative numbers shows that they are; a color alone does not show it here."""
        first, *others = self._sections
        if not section.has_number and not section.moment:
            return bool(others)
        if not self._has_conditions:
            return bool(others) and section.literals != first.literals
        is_below = section.condition in _BELOW_ZERO or (not section.condition and first.condition in _ABOVE_ZERO)
        return is_below and all(each is section or each.literals != section.literals for each in self._sections)


GENERAL = CellFormat([])


class CellFormats(XmlReceiver):
    """Receive the part of styles; hold the format of each style of cells."""

    def __init__(self) -> None:
        self._codes: dict[int, str] = {}
        self._numbers: list[int] = []  # of the formats, by style
        self._known: dict[int, CellFormat] = {}
        self._list = ""  # that is open

    def start(self, tag: str, given: Attributes) -> None:
        if tag in _LISTS:
            self._list = tag
        elif tag == "numFmt" and self._list == "numFmts" and len(self._codes) < _MOST_FORMATS:
            self._codes.setdefault(_whole(given.get("numFmtId", "")), given.get("formatCode", "")[:_LONGEST])
        elif tag == "xf" and self._list == "cellXfs" and len(self._numbers) < _MOST_FORMATS:
            self._numbers.append(_whole(given.get("numFmtId", "")))

    def of(self, style: str) -> CellFormat:
        """Return the format of a style, which cells name by its number."""
        at = _whole(style)
        number = self._numbers[at] if at < len(self._numbers) else 0
        if number not in self._known:
            self._known[number] = parsed(self._codes.get(number) or _BUILT_IN.get(number, ""))
        return self._known[number]


def parsed(code: str) -> CellFormat:
    """Return the format that a code describes."""
    sections: list[list[Token]] = [[]]
    for found in _TOKEN.finditer(code):
        kind = found.lastgroup or ""
        if kind == "end":
            sections.append([])
        elif kind:
            text = " " if kind == "gap" else found[kind]
            sections[-1].append(Token("text" if kind in (*_LITERALS, "gap") else kind, text))
    if len(sections) == 2 and not sections[1]:  # programs differ in what `0;` does with negative numbers
        sections.pop()
    return GENERAL if len(sections) > _MOST_SECTIONS or sections == [[]] else CellFormat(sections)


def _has_words(tokens: list[Token]) -> bool:
    return any(token.kind == "words" for token in tokens)


def _general(value: str, number: float) -> str:
    """Return a number with up to 15 digits, as spreadsheets hold it."""
    if _PLAIN.fullmatch(value):
        return value
    shown = f"{number:.15g}"
    mantissa, exponent, power = shown.partition("e")
    return f"{mantissa}E{power}" if exponent else shown


def _whole(given: str) -> int:
    return int(given) if given.isdecimal() and len(given) < 10 else 0
