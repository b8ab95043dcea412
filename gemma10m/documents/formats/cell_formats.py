"""Write the numbers of a spreadsheet as its formats say (ECMA-376 part 1, 18.8.30): dates in ISO's form, percentages.

A number has the decimals, the currency and the unit that are shown, and no marks between thousands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal

from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver

_MOST_FORMATS = 65_536  # of a file; Excel allows fewer
_LONGEST = 255  # characters of a format, as in Excel
_MOST_DECIMALS = 30
_BUILT_IN = {
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??"},
    **{18: "h:mm", 19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss", 22: "y-m-d h:mm", 45: "mm:ss", 46: "[h]:mm:ss"},
    **{32: "h:mm", 33: "h:mm:ss", 34: "h:mm", 35: "h:mm:ss", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00"},
    **{41: "#,##0", 42: "#,##0", 43: "#,##0.00", 44: "#,##0.00", 47: "mm:ss.0", 48: "##0.0E+0", 17: "mmm-yy"},
    **{number: "y-m-d" for number in (14, 15, 16, *range(27, 32), 36, *range(50, 59))},
}
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]'
    r"|(?P<exponent>E[+-])|(?P<unit>y+|m+|d+|h+|s+)|AM/PM|A/P|General|@|(?P<digits>[0#?.,]+)|(?P<end>;)|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_LITERALS = ("quoted", "escaped", "currency", "plain")
_CONDITION = re.compile(r"\[[<>=]")
_PLAIN = re.compile(r"-?\d+")
_LAST_DAY = 2_958_466  # of the year 9999, in days since 1899-12-30
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP)  # as spreadsheets do
_HALF = timedelta(microseconds=500)


@dataclass(frozen=True)
class CellFormat:
    """Hold how a number is shown."""

    date: str = ""  # which of "ymd" it has
    time: str = ""  # which of "his" it has
    is_elapsed: bool = False  # hours may be more than 24
    decimals: int | None = None  # None: as many as the number has
    digits: int = 0  # before the point, at least
    thousands: int = 0  # how often it is divided by 1,000
    is_percent: bool = False
    has_exponent: bool = False
    before: str = ""
    after: str = ""

    def text(self, value: str, is_1904: bool) -> str:
        """Return how a number is shown; what is no number comes back as it is."""
        try:
            number = float(value)
        except ValueError:
            return value
        if self.date or self.time:
            return self._moment(number, is_1904) or _general(value, number)
        return self._number(value, number)

    def _number(self, value: str, number: float) -> str:
        number = number * (100 if self.is_percent else 1) / 1000**self.thousands
        if self.decimals is None:
            shown = _general(value if not self.is_percent else "", number)
        elif self.has_exponent:
            shown = f"{number:.{self.decimals}E}"
        elif abs(number) < 1e15:
            rounded = _ROUNDING.quantize(Decimal(f"{abs(number):.15g}"), Decimal(1).scaleb(-self.decimals))
            whole, point, rest = f"{rounded:f}".partition(".")
            is_negative = number < 0 and set(whole + rest) != {"0"}
            shown = "-" * is_negative + whole.zfill(self.digits) + point + rest
        else:
            shown = _general(value, number)
        sign = shown[: shown.startswith("-")]
        return f"{sign}{self.before}{shown[len(sign) :]}{self.after}".strip()

    def _moment(self, number: float, is_1904: bool) -> str:
        """Return a date, a time or both; "" for a number that is out of their range."""
        if not 0 <= number < _LAST_DAY:
            return ""
        if self.is_elapsed:
            seconds = round(number * 86400)
            shown = f"{seconds // 3600}:{seconds // 60 % 60:02}"
            return f"{shown}:{seconds % 60:02}" if "s" in self.time else shown
        begin = (
            datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30 + (number < 60))
        )  # 1900 was a leap year there
        try:
            moment = begin + timedelta(days=number) + _HALF
        except OverflowError:
            return ""
        parts = ("%Y", "%m", "%d")[: "ymd".find(self.date[-1]) + 1] if self.date else ()
        has_seconds = moment.second and "s" in self.time
        time = ("%H:%M:%S" if has_seconds else "%H:%M") if self.time else ""
        return moment.strftime(f"{'-'.join(parts)} {time}").strip()


GENERAL = CellFormat()


class CellFormats(XmlReceiver):
    """Receive the part of styles; hold the format of each style of cells."""

    def __init__(self) -> None:
        self._codes: dict[int, str] = dict(_BUILT_IN)
        self._numbers: list[int] = []  # of the formats, by style
        self._known: dict[int, CellFormat] = {}
        self._in_cells = False

    def start(self, tag: str, given: Attributes) -> None:
        if tag == "numFmt" and len(self._codes) < _MOST_FORMATS:
            self._codes.setdefault(_whole(given.get("numFmtId", "")), given.get("formatCode", "")[:_LONGEST])
        elif tag in ("cellXfs", "cellStyles"):
            self._in_cells = tag == "cellXfs"
        elif tag == "xf" and self._in_cells and len(self._numbers) < _MOST_FORMATS:
            self._numbers.append(_whole(given.get("numFmtId", "")))

    def of(self, style: str) -> CellFormat:
        """Return the format of a style, which cells name by its number."""
        at = _whole(style)
        number = self._numbers[at] if at < len(self._numbers) else 0
        if number not in self._known:
            self._known[number] = parsed(self._codes.get(number, ""))
        return self._known[number]


def parsed(code: str) -> CellFormat:
    """Return what a format says of positive numbers; one with conditions, or marks between digits, says nothing."""
    if _CONDITION.search(code):
        return GENERAL
    units, literals, digits, is_elapsed, has_exponent = "", ["", ""], "", False, False
    for token in _TOKEN.finditer(code):
        kind, text = token.lastgroup or "", token[token.lastgroup or 0]
        if kind == "end":
            break
        if kind in ("unit", "elapsed"):
            units += text[0].lower()
            is_elapsed |= kind == "elapsed"
        elif kind == "exponent":
            has_exponent = True
        elif kind == "digits" and not has_exponent:
            if literals[1].strip():  # 000-00-0000, or a fraction
                return GENERAL
            digits, literals[1] = digits + text, ""
        elif kind in _LITERALS:
            literals[bool(digits)] += text
    if units:
        return _of_moments(units, is_elapsed)
    return _of_numbers(digits, literals[0], literals[1], has_exponent)


def _of_moments(units: str, is_elapsed: bool) -> CellFormat:
    """Return the format of dates and times; an `m` is minutes behind hours and before seconds."""
    units = re.sub("(?<=h)m|m(?=s)", "i", units)
    date, time = ("".join(unit for unit in kinds if unit in units) for kinds in ("ymd", "his"))
    return CellFormat(date="" if is_elapsed else date, time=time, is_elapsed=is_elapsed)


def _of_numbers(digits: str, before: str, after: str, has_exponent: bool) -> CellFormat:
    whole, _, decimals = digits.rstrip(",").partition(".")
    return CellFormat(
        decimals=min(len(decimals), _MOST_DECIMALS) if digits and "#" not in decimals else None,
        digits=0 if "," in whole else whole.count("0"),
        thousands=len(digits) - len(digits.rstrip(",")),
        is_percent="%" in before + after,
        has_exponent=has_exponent,
        before=before,
        after=after,
    )


def _general(value: str, number: float) -> str:
    """Return a number with up to 15 digits, as spreadsheets hold it."""
    if _PLAIN.fullmatch(value):
        return value
    shown = f"{number:.15g}"
    mantissa, exponent, power = shown.partition("e")
    return f"{mantissa}E{power}" if exponent else shown


def _whole(given: str) -> int:
    return int(given) if given.isdecimal() and len(given) < 10 else 0
