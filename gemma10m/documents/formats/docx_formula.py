"""Write Word's formulas (OMML, ECMA-376 part 1, 22.1) as one line: `x^2`, `√(x + 1)`, `∑_(i=1)^n i`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gemma10m.documents import limits
from gemma10m.documents.formats.xml_events import Attributes

_OFF = ("0", "off", "false")
_DEEPEST = 64  # elements in elements; deeper ones are read as if they were not there
_ALONE = re.compile(r"\d+(?:[.,]\d+)*|.[\u0300-\u036f]?|\([^()]*\)|\[[^\[\]]*\]|")  # what needs no parentheses
VALUES = {"chr", "begChr", "endChr", "sepChr", "type", "pos", "show"}


@dataclass(slots=True)
class _Element:
    tag: str
    inside: str = ""  # the two elements around it
    values: dict[str, str] = field(default_factory=dict)
    children: list[tuple[str, str]] = field(default_factory=list)  # names and texts

    def all(self, name: str) -> list[str]:
        return [text for tag, text in self.children if tag == name]

    def part(self, name: str) -> str:
        """Return the child of this name, in parentheses if it needs them."""
        return in_parentheses("".join(self.all(name)))

    def value(self, name: str, default: str) -> str:
        return self.values.get(name, default)


def in_parentheses(text: str) -> str:
    """Return a part of a formula, in parentheses if it needs them."""
    return text if _ALONE.fullmatch(text) else f"({text})"


class WordFormula:
    """Receive the events inside an `m:oMath`; `text` is its line once it has ended."""

    def __init__(self) -> None:
        self._open = [_Element("oMath")]
        self._passed = 0  # elements that are open and too deep

    @property
    def text(self) -> str:
        return _joined(self._open[0])

    def start(self, tag: str, given: Attributes) -> None:
        if len(self._open) >= _DEEPEST:
            self._passed += 1
            return
        if tag in VALUES:
            self._open[-2:][0].values[tag] = given.get("val", "")[: limits.LABEL]  # of the properties' element
        self._open.append(_Element(tag, "/".join(each.tag for each in self._open[-2:])))

    def add(self, text: str) -> None:
        self._open[-1].children.append(("t", text))

    def end(self) -> bool:
        """End an element; return True where it is the formula itself."""
        if self._passed:
            self._passed -= 1
        elif len(self._open) == 1:
            return True
        else:
            element = self._open.pop()
            if text := _WRITTEN.get(element.tag, _joined)(element):
                self._open[-1].children.append((element.tag, text))
        return False


def _joined(element: _Element) -> str:
    """Join the children; a space keeps apart what together would be another number or name."""
    joined, before = "", ""
    for tag, text in element.children:
        if tag not in ("r", "t") or before not in ("r", "t"):
            is_one = not (joined[-1:].isdecimal() and text[:1].isdecimal())
            is_one &= before in ("", "r", "t") or not text[:1].isalnum()
            joined += "" if is_one else " "
        joined, before = joined + text, tag
    return joined


def _fraction(element: _Element) -> str:
    if element.value("type", "bar") == "noBar":
        return "; ".join(element.all("num") + element.all("den"))
    return f"{element.part('num')}/{element.part('den')}"


def _root(element: _Element) -> str:
    degree = element.part("deg")
    return f"{element.part('e')}^(1/{degree})" if degree else f"√{element.part('e')}"


def _scripts(element: _Element) -> str:
    low, high = (element.part(name) if element.all(name) else "" for name in ("sub", "sup"))
    return (f"_{low}" if low else "") + (f"^{high}" if high else "")


def _large(element: _Element) -> str:
    return f"{element.value('chr', '∫')}{_scripts(element)} {element.part('e')}"


def _fenced(element: _Element) -> str:
    inside = element.value("sepChr", "|").join(element.all("e"))
    return f"{element.value('begChr', '(')}{inside}{element.value('endChr', ')')}"


def _matrix(element: _Element) -> str:
    rows = "; ".join(element.all("mr") or element.all("e"))
    return rows if element.inside == "d/e" else f"[{rows}]"


def _accented(element: _Element) -> str:
    line = "\u0305" if element.value("pos", "bot") == "top" else "\u0332"
    return element.part("e") + (line if element.tag == "bar" else element.value("chr", "\u0302"))


_WRITTEN: dict[str, Callable[[_Element], str]] = {
    "f": _fraction,
    "rad": _root,
    "nary": _large,
    "d": _fenced,
    "m": _matrix,
    "eqArr": _matrix,
    "mr": lambda element: " ".join(element.all("e")),
    "acc": _accented,
    "bar": _accented,
    "func": lambda element: f"{''.join(element.all('fName'))} {element.part('e')}",
    "phant": lambda element: "" if element.value("show", "1") in _OFF else _joined(element),
    "limLow": lambda element: f"{''.join(element.all('e'))}_{element.part('lim')}",
    "limUpp": lambda element: f"{''.join(element.all('e'))}^{element.part('lim')}",
    "sPre": lambda element: f"{_scripts(element)} {element.part('e')}",
    **dict.fromkeys(("sSub", "sSup", "sSubSup"), lambda element: element.part("e") + _scripts(element)),
}
