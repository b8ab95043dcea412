"""Read numbers as wholes: digits with their groups, sign, range, percent, scale and unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from gemma10m.passages.spelt_numbers import SCALES, SPELT, singular, spelt_value

_UNITS = """kg g mg µg lb lbs oz t km m cm mm nm mi ft in yd l ml cl mph s ms min h kb mb gb tb kib mib gib hz
khz mhz ghz w kw mw kwh wh v kv a ma j kj pa kpa bar n am pm a.m. p.m. m^2 m^3 km^2 cm^2 cm^3
ha °c °f ° px pt dpi rpm db""".split()
_CURRENCIES = {"€": "eur", "euro": "eur", "$": "usd", "dollar": "usd", "£": "gbp", "¥": "jpy"}
_SCALES = {"mio": "million", "millionen": "million", "mrd": "milliarde", "milliarden": "milliarde"}
_SCALES |= {"bn": "billion", "k": "thousand"}
_BEFORE = """before after until till since about around nearly almost approximately circa roughly over under above below
beyond more less fewer least most past up minus within between""".split()
_RUN = r"(?:\.\d+|\d+(?:(?:[.,:/'^-]|[ ])\d+)*)"
_SCALE = "billion|trillion|" + "|".join((*SCALES, *_SCALES))
_ONE_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_UNIT = rf"(?:{_ONE_UNIT})(?:/(?:{_ONE_UNIT}))?"
_MONEY = r"(?:[€$£¥]|(?:euro|dollar)s?\b|eur\b|usd\b)"
_PERCENT = r"[ ]?(?:%|percent\b|per[ ]cent\b|prozent\b|pour[ ]cent\b)"
NUMBER = rf"""(?:(?<![\w])(?P<sign>[-+]|(?:minus|plus)[ ])?(?P<money>(?:US)?[€$£¥][ ]?)?
    (?P<run>{_RUN}(?:[ ](?:-|to|bis|through|of|out[ ]of|von|sur)[ ]{_RUN})?)
    (?P<ordinal>st|nd|rd|th|er|e(?=[ ]))?(?![^\W_]*\d)
    (?P<percent>{_PERCENT})?
    (?P<scale>(?:[ ](?:{_SCALE})s?\b)+\.?|(?:k|bn)\b)?
    (?P<unit>[ ]?(?:{_MONEY}|{_UNIT}(?![\w/^])))?
    (?![^\W_]|-[^\W\d_])
    (?P<more>[ ](?:or|and|oder|ou)[ ](?:more|less|fewer|over|under|above|below|later|earlier|mehr|plus)\b)?
    |(?P<spelt>{SPELT})(?P<spelt_percent>{_PERCENT})?(?P<spelt_unit>[ ]{_MONEY})?)"""
_ENGLISH = re.compile(r"\b(?:the|of|and|is|was|are|for|to|with)\b", re.IGNORECASE)
# Words of languages that write 1.250,50: German, French, Italian, Spanish, Portuguese, Dutch, the Nordic ones, Russian.
_COMMA = re.compile(
    r"\b(?:der|die|das|und|ist|nicht|le|la|les|des|et|est|il|del|che|di|el|los|las|o|os|uma?|het|een|och|og|är|er|и|в|на)\b",
    re.IGNORECASE,
)
QUALIFIERS = frozenset(_BEFORE)


@dataclass(frozen=True)
class Number:
    value: str  # without groups, with a decimal point
    spelling: str
    unit: str = ""
    qualifiers: frozenset[str] = frozenset()  # "before", "less": said of the number directly before or after it

    def says(self, other: Number, heading: frozenset[str] = frozenset()) -> bool:
        """Return whether the other, in a text, is this number; its unit may be in the heading of its column."""
        same = self.value == other.value or self.spelling == other.spelling
        unit = self.unit in ("", other.unit) or (not other.unit and self.unit in heading)
        return same and unit and self.qualifiers == other.qualifiers


def has_decimal_comma(text: str) -> bool:
    return len(_COMMA.findall(text)) > len(_ENGLISH.findall(text))


def read_number(match: re.Match[str], decimal_comma: bool) -> Number:
    """Return the number of a match of NUMBER in folded text."""
    if match["spelt"]:
        words, share = match["spelt"].casefold(), "%" if match["spelt_percent"] else ""
        return Number(spelt_value(words) + share, words + share, unit_name(match["spelt_unit"] or ""))
    run = re.sub(" (?:of|out of|von|sur) ", "/", re.sub(" (?:-|to|bis|through) ", "-", match["run"]))
    sign = {"-": "-", "m": "-"}.get((match["sign"] or " ")[0].casefold(), "")
    phone = "+" if match["sign"] == "+" else ""
    ends = ("th" if match["ordinal"] else "") + ("%" if match["percent"] else "")
    times, scale = _scale(match["scale"])
    parts = [_times(_value(part, decimal_comma), times) for part in run.split("-")]
    more = frozenset((match["more"] or "").casefold().split()[1:])
    unit = unit_name(match["unit"] or match["money"] or "")
    value = sign + phone + "-".join(parts) + ends + scale
    return Number(value, value if match["scale"] else sign + phone + run + ends, unit, more)


def _scale(words: str | None) -> tuple[int, str]:
    """Return what the number is multiplied by, and the scales that differ between languages."""
    times, others = 1, ""
    for word in (words or "").casefold().replace(".", "").split():
        name = singular(word)
        name = _SCALES.get(name, name)
        times, others = times * SCALES.get(name, 1), others if name in SCALES else f"{others} {name}"
    return times, others


def _times(value: str, times: int) -> str:
    if times == 1 or not re.fullmatch(r"\d+(?:\.\d+)?", value):
        return value if times == 1 else f"{value} times {times}"
    return f"{(Decimal(value) * times).normalize():f}"


def unit_name(text: str) -> str:
    word = text.strip().casefold().replace(".", "").removeprefix("us")
    name = word.removesuffix("s") if word.startswith(("euro", "dollar")) else word
    return _CURRENCIES.get(name, name)


def _value(run: str, decimal_comma: bool) -> str:
    group, point = (".", ",") if decimal_comma else (",", ".")
    first = r"[1-9]\d{0,2}"
    for groups, after in ((r"[ ']", "[.,]"), (f"[{group}]", f"[{point}]")):
        if re.fullmatch(rf"{first}(?:{groups}\d{{2,3}})*{groups}\d{{3}}(?:{after}\d+)?", run):
            return re.sub(after, ".", re.sub(groups, "", run))
    if re.fullmatch(rf"{first}(?:(?:[{point}]\d{{3}}){{2,}}|(?:[{point}]\d{{3}})+[{group}]\d+)", run):
        return run.replace(point, "").replace(group, ".")  # only the other language's style makes a number of it
    if re.fullmatch(rf"\d*[{point}]\d+|0[{group}]\d+|\d+[{group}](?:\d{{1,2}}|\d{{4,}})", run):
        return run.replace(",", ".") if run[0].isdigit() else f"0{run.replace(',', '.')}"
    return run.replace(" ", "") if re.match(r"0\d", run) else run
