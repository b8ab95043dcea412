"""Write MathML as one line: its TeX or its text alternative where it has one, else its own signs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

_BETWEEN = {  # what stands before the second and the third child
    "msup": "^",
    "mover": "^",
    "msub": "_",
    "munder": "_",
    "msubsup": "_^",
    "munderover": "_^",
    "mfrac": "/",
    "mmultiscripts": "_^",  # in turns
    "mroot": ("^(1/",),
}
_EDGE, _SPACE = "\ufdd7\ufdd8"  # where an element begins, and a space that is kept; they are no characters of any text
_BOUND = "\ufddf"  # where a bound or a function's name ends: a word that follows is apart from it
_BEFORE = {"msqrt": "√(", "mtd": _SPACE, "mtr": "; ", "mlabeledtr": "; "}
_AFTER = {"msqrt": ")", "mroot": ")"}
_FIRST_IN = ("", "mtable", "mtr", "mlabeledtr")  # whose first row or cell follows nothing
_GROUPS = ("mrow", "mfrac", "msup", "msub", "mstyle", "mroot")
_APART = ("annotation", "annotation-xml", "mphantom", "mmultiscripts")  # whose text does not go on with what is before
_SCRIPTS = ("_", "^")
_NOTHING = f"{_EDGE}{_SPACE}{_BOUND}_^() \n\t"  # what is around a script that is empty
_NO_LINE = re.compile(r"0+(?:\.0*)?[a-z%]*")
_WITH_BOUNDS = ("msubsup", "munder", "munderover")
_NOT_SHOWN = {0x2061: _BOUND, 0x2062: None, 0x2063: None, 0x2064: None}  # they only say how a formula is spoken
_NARROW = " \t\n\r\f\u2006\u2009\u200a\u202f"  # spaces that part no words
_WIDTH = re.compile(r"(\d*\.?\d+)\s*(em|ex|px|pt|mu)")
_WIDE = {"em": 0.2, "ex": 0.4, "px": 3.2, "pt": 2.4, "mu": 3.6}  # as wide as a space between words
_WIDE_NAMES = ("mediummathspace", "thickmathspace", "verythickmathspace", "veryverythickmathspace")
_TEX = ("application/x-tex", "text/x-tex", "tex", "latex", "application/x-latex")
_DISPLAY = re.compile(r"\{\\(?:display|text)style\s*(.*)\}", re.DOTALL)
_ALONE = re.compile(rf"\(({_EDGE}*\w*)\)")
_BEHIND_BOUND = re.compile(rf"(?<=\w){_EDGE}*{_BOUND}+{_EDGE}*(?=\w)")
_BETWEEN_NUMBERS = re.compile(rf"(?<=\d){_EDGE}+(?=\d)")


@dataclass
class _MathElement:
    tag: str
    around: list[str]  # where the text goes that comes behind it
    start: int = 0  # where it begins there
    sign: str = ""  # before it
    separators: str = ""  # between its children
    close: str = ""
    children: int = 0  # so far
    inside: list[str] = field(default_factory=list)  # its text, where it is kept apart
    prescripts: list[str] | None = None  # of which the open one is part

    def between(self) -> str:
        """Return the sign before the next child."""
        number = self.children
        if not number:
            return ""
        if self.tag == "mfenced":
            return self.separators[:number][-1:]
        if self.tag == "mmultiscripts":
            number = 2 - number % 2
        return self.separators or "".join(_BETWEEN.get(self.tag, "")[number - 1 : number])


class Formula:
    """Receive the events of one formula."""

    def __init__(self, given: dict[str, str]) -> None:
        self._alternative = given.get("alttext", "")
        self._signs: list[str] = []
        self._tex: list[str] | None = None
        self._open = [_MathElement("", self._signs)]
        self.parts = self._signs  # where the text goes that comes next

    def start(self, tag: str, given: dict[str, str]) -> None:
        tag = "msqrt" if tag == "menclose" and "radical" in given.get("notation", "").split() else tag
        above = self._open[-1]
        if tag == "mprescripts":
            above.prescripts, above.children = [], 0
        elif above.prescripts is not None:
            self.parts = above.prescripts
        number, sign = above.children, above.between()
        above.children += 1
        element = _MathElement(tag, self.parts, len(self.parts), sign)
        self._open.append(element)
        self.parts += [_EDGE, sign]
        if above.tag in _BETWEEN and tag in _GROUPS:
            self.parts.append("(")
        elif number or above.tag not in _FIRST_IN or tag == "msqrt":
            self.parts.append(_BEFORE.get(tag, ""))
        self._begin(element, given)

    def _begin(self, element: _MathElement, given: dict[str, str]) -> None:
        tag = element.tag
        if tag == "mspace" and (given.get("linebreak") == "newline" or _is_wide(given.get("width", ""))):
            self.parts.append(_SPACE)
        elif tag == "mfenced":
            self.parts.append(given.get("open", "(").strip())
            element.separators = "".join(given.get("separators", ",").split())
            element.close = given.get("close", ")").strip()
        elif tag == "mfrac" and _NO_LINE.fullmatch(given.get("linethickness", "")):
            element.separators = "; "
        elif tag in _APART:
            self.parts = element.inside
            if tag.startswith("annotation") and given.get("encoding", "").strip().lower() in _TEX:
                self._tex = self.parts

    def end(self) -> None:
        if len(self._open) == 1:  # the formula itself
            return
        element = self._open.pop()
        if element.tag == "mmultiscripts":
            element.around += [*([_SPACE, *element.prescripts] if element.prescripts else ()), *element.inside]
        elif element.close:
            self.parts += [_EDGE, element.close]
        self.parts = element.around
        self.parts.append(_AFTER.get(element.tag, ""))
        if element.tag in _GROUPS and self._open[-1].tag in _BETWEEN:
            self.parts.append(")")
        if element.tag in _WITH_BOUNDS:
            self.parts.append(_BOUND)
        if element.sign in _SCRIPTS and not any(
            part.strip(_NOTHING) for part in islice(self.parts, element.start, None)
        ):
            del self.parts[element.start :]

    def text(self) -> str:
        """Return the formula. Numbers of two elements are two numbers."""
        if tex := "".join(self._tex or ()).replace(_EDGE, "").strip() or self._alternative.strip():
            return without_style(tex)
        signs = (part if part.strip() else _SPACE for part in self._signs if part.strip(_NARROW))
        text = _ALONE.sub(r"\1", "".join(signs).translate(_NOT_SHOWN))
        text = _BEHIND_BOUND.sub(" ", text).replace(_BOUND, "")
        return _BETWEEN_NUMBERS.sub(" ", text).replace(_EDGE, "").replace(_SPACE, " ").strip()


def _is_wide(width: str) -> bool:
    """Tell if a space is as wide as those between words, and not only as those around a sign."""
    found = _WIDTH.fullmatch(width.strip().lower())
    return float(found[1]) >= _WIDE[found[2]] if found else width.strip() in _WIDE_NAMES


def without_style(tex: str) -> str:
    """Return the TeX that Wikipedia wraps in `{\\displaystyle ...}`; return other text unchanged."""
    inside = _DISPLAY.fullmatch(tex)
    return inside[1].strip() if inside else tex
