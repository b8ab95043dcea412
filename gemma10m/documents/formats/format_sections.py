"""Write a number by one section of a spreadsheet's format (ECMA-376 part 1, 18.8.31).

Marks between thousands are left out, colors and fillings too. Where the section would show a number that is false, or
is not understood, nothing is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

_MOST_PLACES = 30  # of digits in a section
_MOST_DIGITS = 15  # of a number, as spreadsheets hold it
_LARGEST_DENOMINATOR = 5  # digits
_FRACTION = re.compile(r"([0#?]+)\s*/\s*(?:([0#?]+)|(\d+))")
_LITERALS = ("text", "percent")
_Places = list[tuple[bool, str]]  # places of digits, and text between them (False)
_DAY = 86_400_000_000  # microseconds
_LAST_DAY = 2_958_466  # of the year 9999, in days since 1899-12-30
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP)  # as spreadsheets do


@dataclass(frozen=True)
class Token:
    """Hold a part of a section.

    kind: digits, exponent, fraction, general, words, unit, elapsed, text, percent, condition, or digit for one from 1
    to 9, which has no meaning.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Moment:
    """Hold how a date or a time is shown, in ISO's form."""

    date: str  # which of "ymd" it has
    time: str  # which of "his" it has
    is_elapsed: bool  # hours may be more than 24
    decimals: int  # of seconds

    def text(self, number: float, is_1904: bool) -> str:
        """Return a date, a time or both; "" for a number that is out of their range."""
        if not 0 <= number < _LAST_DAY:
            return ""
        step = 10 ** (6 - self.decimals) if "s" in self.time else 1000  # minutes are cut, and not rounded
        micros = (round(number * _DAY) + step // 2) // step * step
        seconds = f"{micros // 1_000_000 % 60:02}{f'.{micros % 1_000_000:06}'[: self.decimals + 1]}".rstrip(".")
        if self.is_elapsed:
            minutes = micros // 60_000_000
            return f"{minutes // 60}:{minutes % 60:02}" + f":{seconds}" * ("s" in self.time)
        first = 30 + (number < 60)  # 1900 was a leap year there
        begin = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, first)
        try:
            moment = begin + timedelta(microseconds=micros)
        except OverflowError:
            return ""
        parts = ("%Y", "%m", "%d")[: "ymd".find(self.date[-1]) + 1] if self.date else ()
        has_seconds = "s" in self.time and (self.decimals or moment.second)
        time = f"%H:%M{f':{seconds}' if has_seconds else ''}" if self.time else ""
        return moment.strftime(f"{'-'.join(parts)} {time}").strip()


class NumberSection:
    """Hold one section of a format, for numbers."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        tokens = tuple(tokens)
        self.condition = next((token.text for token in tokens if token.kind == "condition"), "")
        self.literals = "".join("".join(token.text for token in tokens if token.kind in _LITERALS).split())
        self.moment = _moment(tokens)
        self._tokens = tuple(token for token in tokens if token.kind != "condition")
        self._kinds = [token.kind for token in self._tokens]
        digits = "".join(token.text for token in self._tokens if token.kind == "digits")
        self.has_number = bool(digits.strip(",")) or "general" in self._kinds or "fraction" in self._kinds
        self._has_optional = "#" in digits
        self.is_empty = not (self.has_number or self.literals or self.moment)
        whole, _, decimals = digits.partition(".")
        thousands = sum(len(part) - len(part.rstrip(",")) for part in (whole, decimals))
        self._power = 2 * self._kinds.count("percent") - 3 * thousands  # of ten, by which the number is multiplied
        self._is_understood = _is_understood(self._kinds, digits)
        self._whole, self._decimals = _layout(self._tokens)
        self._last = Decimal(1).scaleb(-_places(self._decimals))  # one of the last decimal

    def number(self, number: float, general: str) -> str:
        """Return the number, "" where it cannot be shown so. general: how it is shown without a format."""
        if not self._is_understood:
            return ""
        if "general" in self._kinds:
            plain = general.removeprefix("-")
            shown, is_zero = "".join(plain if token.kind == "general" else token.text for token in self._tokens), False
        else:
            size = Decimal(f"{abs(number):.{_MOST_DIGITS}g}")
            shown, is_zero = self._shown(size.scaleb(self._power) if self._power else size)
        return "-" * (number < 0 and not is_zero and bool(shown)) + " ".join(shown.split())

    def _shown(self, size: Decimal) -> tuple[str, bool]:
        """Return a number without its sign, and if it is rounded to zero."""
        if "exponent" in self._kinds:
            return self._power_of_ten(size)
        if size >= 10**_MOST_DIGITS:
            return "", False
        return self._fraction(size) if "fraction" in self._kinds else self._fixed(size)

    def _fixed(self, size: Decimal) -> tuple[str, bool]:
        rounded = _ROUNDING.quantize(size, self._last)
        before, _, after = f"{rounded:f}".partition(".")
        tail = _after_point(self._decimals, after)
        least = "0" * (self._has_optional and not tail.startswith("."))  # `#` shows no zero, and a reader needs one
        head = _before_point(self._whole, (before.lstrip("0") or least) if self.has_number else "")
        return ("" if head is None else head + tail), self.has_number and not rounded

    def _power_of_ten(self, size: Decimal) -> tuple[str, bool]:
        at = self._kinds.index("exponent")
        mantissa, exponent = NumberSection(self._tokens[:at]), self._tokens[at].text
        step = max(1, _places(mantissa._whole))  # `##0.0E+0`: 12.3E+3
        power = size.adjusted() // step * step if size else 0
        power += step * (_ROUNDING.quantize(size.scaleb(-power), mantissa._last) >= 10**step)
        shown, is_zero = mantissa._fixed(size.scaleb(-power))
        sign = "-" if power < 0 else exponent[1].replace("-", "")
        return f"{shown}E{sign}{str(abs(power)).zfill(exponent.count('0'))}{self._text_after(at)}", is_zero

    def _fraction(self, size: Decimal) -> tuple[str, bool]:
        at = self._kinds.index("fraction")
        over, denominator = _fraction(Fraction(size), self._tokens[at].text)
        is_mixed, whole = _places(self._whole) > 0, 0
        if is_mixed:
            whole, over = divmod(over, denominator)
        part = f"{over}/{denominator}" if over or not is_mixed else ""
        head = _before_point(self._whole, str(whole) if whole or not part else "")
        return f"{head or ''}{part}{self._text_after(at)}", not whole and not over

    def _text_after(self, at: int) -> str:
        return "".join(token.text for token in self._tokens[at + 1 :])


def _moment(tokens: tuple[Token, ...]) -> Moment | None:
    """Return how a section shows a date or a time; an `m` is minutes behind hours and before seconds."""
    units, decimals, is_elapsed = "", 0, False
    for token in tokens:
        if token.kind in ("unit", "elapsed"):
            unit = token.text[0].lower()
            units += "i" if token.kind == "elapsed" and unit == "m" else unit
            is_elapsed |= token.kind == "elapsed"
        elif token.kind == "digits" and units.endswith("s") and token.text.startswith(".0"):
            decimals = min(token.text.count("0"), 6)
    if not units:
        return None
    units = re.sub("(?<=h)m|m(?=s)", "i", units)
    date, time = ("".join(unit for unit in kinds if unit in units) for kinds in ("ymd", "his"))
    return Moment("" if is_elapsed else date, time, is_elapsed, decimals)


def _layout(tokens: Iterable[Token]) -> tuple[_Places, _Places]:
    """Return what is before the decimal point and after it, up to a fraction or an exponent."""
    sides: tuple[_Places, _Places] = ([], [])
    after = False
    for token in tokens:
        if token.kind in ("fraction", "exponent"):
            break
        if token.kind != "digits":
            sides[after].append((False, token.text))
            continue
        whole, point, decimals = token.text.replace(",", "").partition(".")
        sides[after].append((True, whole))
        after = after or bool(point)
        sides[after].append((True, decimals))
    return sides


def _places(parts: _Places) -> int:
    return sum(len(text) for is_place, text in parts if is_place)


def _is_understood(kinds: list[str], digits: str) -> bool:
    if "digit" in kinds:
        return False
    exponents, fractions, generals = (kinds.count(kind) for kind in ("exponent", "fraction", "general"))
    first = min((kinds.index(kind) for kind in ("exponent", "fraction") if kind in kinds), default=len(kinds))
    is_last = "digits" not in kinds[first:]
    is_one = exponents + fractions + generals <= 1 and not (generals and digits) and digits.count(".") <= 1 - fractions
    return is_one and is_last and len(digits) <= _MOST_PLACES


def _fraction(size: Fraction, text: str) -> tuple[int, int]:
    """Return the numerator, which may be more than the denominator, and the denominator."""
    found = _FRACTION.fullmatch(text)
    assert found
    if found[3]:
        denominator = int(found[3])
        return int(size * denominator + Fraction(1, 2)), denominator
    near = size.limit_denominator(10 ** min(len(found[2]), _LARGEST_DENOMINATOR) - 1)
    return near.numerator, near.denominator


def _before_point(parts: _Places, digits: str) -> str | None:
    """Return the digits in their places, from the right; None where a mark between places would be before them all."""
    places = _places(parts)
    missing = places - len(digits)
    shown, at, has_digit = "", 0, False
    for is_place, text in parts:
        if not is_place:
            if text.strip() and 0 < at < places and not has_digit:
                return None
            shown += text
        for place in text if is_place else "":
            if at >= missing:
                digit = digits[: 1 - missing] if at == 0 else digits[at - missing]
            else:
                digit = "0" if place == "0" or has_digit else ""
            shown, at, has_digit = shown + digit, at + 1, has_digit or bool(digit)
    return shown + digits if not at else shown


def _after_point(parts: _Places, digits: str) -> str:
    """Return the decimal point, the digits in their places, and the text around them."""
    places = "".join(text for is_place, text in parts if is_place)
    kept = max(places.rfind("0") + 1, len(digits.rstrip("0")))
    shown, at = "." * (kept > 0), 0
    for is_place, text in parts:
        shown += digits[at : min(at + len(text), kept)] if is_place else text
        at += len(text) if is_place else 0
    return shown
