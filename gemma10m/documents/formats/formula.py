"""Write MathML as one line: its TeX or its text alternative where it has one, else its own signs."""

from __future__ import annotations

import re

_BETWEEN = {  # what stands before the second and the third child
    "msup": "^",
    "mover": "^",
    "msub": "_",
    "munder": "_",
    "msubsup": "_^",
    "munderover": "_^",
    "mfrac": "/",
    "mroot": ("^(1/",),
}
_EDGE, _CELL = "\ufdd7\ufdd8"  # where an element begins, and a cell; they are no characters of any text
_BEFORE = {"msqrt": "√(", "mtd": _CELL, "mtr": "; ", "mlabeledtr": "; "}
_AFTER = {"msqrt": ")", "mroot": ")"}
_FIRST_IN = ("", "mtable", "mtr", "mlabeledtr")  # whose first row or cell follows nothing
_GROUPS = ("mrow", "mfrac", "msup", "msub", "mstyle", "mroot")
_TEX = ("application/x-tex", "text/x-tex", "tex", "latex", "application/x-latex")
_DISPLAY = re.compile(r"\{\\(?:display|text)style\s*(.*)\}", re.DOTALL)
_ALONE = re.compile(rf"\(({_EDGE}*\w*)\)")
_BETWEEN_NUMBERS = re.compile(rf"(?<=\d){_EDGE}+(?=\d)")


class Formula:
    """Receive the events of one formula."""

    def __init__(self, given: dict[str, str]) -> None:
        self._alternative = given.get("alttext", "")
        self._signs: list[str] = []
        self._annotation: list[str] = []
        self._tex: list[str] | None = None
        self._open: list[tuple[str, int]] = []  # elements and the children that each has so far
        self.parts = self._signs  # where the text goes that comes next

    def start(self, tag: str, given: dict[str, str]) -> None:
        above, number = self._open[-1] if self._open else ("", 0)
        if above:
            self._open[-1] = above, number + 1
        self._open.append((tag, 0))
        self.parts += [_EDGE, *(_BETWEEN.get(above, "")[number - 1 : number] if number else "")]
        if above in _BETWEEN and tag in _GROUPS:
            self.parts.append("(")
        elif number or above not in _FIRST_IN or tag == "msqrt":
            self.parts.append(_BEFORE.get(tag, ""))
        if tag in ("annotation", "annotation-xml"):
            self.parts = self._annotation = []
            if given.get("encoding", "").strip().lower() in _TEX:
                self._tex = self._annotation

    def end(self) -> None:
        tag, _ = self._open.pop() if self._open else ("", 0)
        self.parts.append(_AFTER.get(tag, ""))
        if tag in _GROUPS and self._open and self._open[-1][0] in _BETWEEN:
            self.parts.append(")")
        if tag in ("annotation", "annotation-xml"):
            self.parts = self._signs

    def text(self) -> str:
        """Return the formula. Numbers of two elements are two numbers."""
        if tex := "".join(self._tex or ()).replace(_EDGE, "").strip() or self._alternative.strip():
            return without_style(tex)
        text = _ALONE.sub(r"\1", "".join(part for part in self._signs if part.strip()))
        return _BETWEEN_NUMBERS.sub(" ", text).replace(_EDGE, "").replace(_CELL, " ").strip()


def without_style(tex: str) -> str:
    """Return the TeX that Wikipedia wraps in `{\\displaystyle ...}`; return other text unchanged."""
    inside = _DISPLAY.fullmatch(tex)
    return inside[1].strip() if inside else tex
