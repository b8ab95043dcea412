"""Write superscripts and subscripts as text, so that 48213 with a raised 7 is not 482137.

`x^2`, `x^(k+1)`, `48213[7]` and `1st`; `H2O`, `x_n`, `1010_2` and `x_(k+1)`.
"""

from __future__ import annotations

import re

RAISED, LOWERED, APART = "^", "_", " "  # APART: a formula, whose numbers are no part of the numbers around it
FAR = 4  # half points: text that is moved by less is in its line
SEEN_BEFORE = 12  # characters that decide how a script is written
_SHORT_NUMBER = re.compile(r"(?:^|[^\d.,])\d{1,3}$")  # what is raised to a power, as in 10^6
_SYMBOL = re.compile(r"(?:^|[^\W\d_]|[^\w^])[^\W\d_]{1,2}$|[)\]}]$|_\w{1,6}$")  # x^2, km^2, (a + b)^2, x_i^2
_WORD = re.compile(r"[^\W\d_]{3,}$")
_POWER = re.compile(r"[-+\u2212]?(?:\d+|[a-z])")
_MARK = re.compile(r"\d+(?:\s*[,\u2013-]\s*\d+)*\)?|[a-z](?:,[a-z])*")
_TERM = r"(?:\d+(?:[.,]\d+)?[a-zα-ω]{0,2}|[a-zα-ω]{1,2}\d*)"
_SIGN = r"\s*[-+\u2212*/·×=]\s*"
_EXPRESSION = re.compile(rf"(?=.*[\d/*+=\u2212-])[-+\u2212]?{_TERM}(?:{_SIGN}{_TERM})*[-+\u2212]?|[a-z][α-ω][a-zα-ω]?")
_NAME = re.compile(r"\w+|[-+\u2212]?\d+(?:[.,]\d+)?|\S")  # a subscript that needs no brackets
_DEGREES = ("o", "0", "O", "º", "°")  # which some write before C and F
FRACTION_SLASH = "\u2044"
SLASH = ("/", FRACTION_SLASH)


def raised(before: str, text: str, after: str = "", is_numerator: bool = False) -> str:
    """Return raised `text` as it is written between two others: `[7]` for a note, `^6` and `^(k+1)` for a power.

    is_numerator: a slash and lowered text follow.
    """
    inner = text.strip()
    if inner.isdecimal() and (is_numerator or after[:1] == FRACTION_SLASH):
        return (" " if before[-1:].isdecimal() else "") + inner  # 3 1/2
    if inner in _DEGREES and before.rstrip()[-1:].isdecimal() and after[:1] in ("C", "F"):
        return "°"  # 20 °C
    if not inner or not before or before[-1].isspace() or text[0].isspace():
        return text
    if inner.isdecimal() and before[-1] in "([" and after[:1].isupper():
        return text  # [14C]
    if inner.isdecimal() and _ends_in_capital(before) and _ends_in_capital(after[1::-1]):
        return text  # I2C
    base = before[-SEEN_BEFORE:]
    if _POWER.fullmatch(inner) and _is_base(base):
        return text.replace(inner, f"^{inner}")
    if inner[0] in "-+\u2212" and inner[1:].isdecimal():
        return text.replace(inner, f"^{inner}")
    if _MARK.fullmatch(inner) and (inner[0].isdecimal() or not before[-1].isdecimal()):
        return text.replace(inner, f"[{inner}]")
    bare = inner[1:-1] if inner[0] == "(" and inner[-1] == ")" and not inner[1:-1].isdecimal() else inner
    if _EXPRESSION.fullmatch(bare) or (inner[0].isdecimal() and before[-1].isdecimal()):
        return text.replace(inner, f"^({bare})")
    return text  # 5th, Mme, *


def lowered(before: str, text: str) -> str:
    """Return lowered `text` as it is written after `before`: `2` in H2O, `_2` after a number, `_n`, `_(k+1)`."""
    inner, last = text.strip(), before[-1:]
    if not inner or not last or last.isspace() or last in SLASH or text[0].isspace():
        return text
    if inner.isdecimal() and not last.isdecimal():
        return text
    is_whole = _NAME.fullmatch(inner) or (inner[0], inner[-1]) == ("(", ")")
    return text.replace(inner, f"_{inner}" if is_whole else f"_({inner})")


def _ends_in_capital(text: str) -> bool:
    """Tell if a text's last word is one capital."""
    return text[-1:].isupper() and not text[-2:-1].isalpha()


def _is_base(base: str) -> bool:
    return bool(_SHORT_NUMBER.search(base) or (_SYMBOL.search(base) and not _WORD.search(base)))


class Scripts:
    """Join what is raised or lowered in several pieces, and write it once its end is known."""

    def __init__(self) -> None:
        self._before = ""  # the last characters
        self._kind, self._open = "", list[str]()  # RAISED or LOWERED, and the text that is
        self._is_apart = False  # the last text is a script or a formula
        self._slash = ""  # behind what is raised: what follows tells if this is a fraction

    def write(self, text: str, kind: str = "") -> str:
        """Add text, and return what can be written now. kind: RAISED, LOWERED, APART or ""."""
        if not text:
            return ""
        if self._slash:
            return self._end_before_slash(is_fraction=kind == LOWERED) + self.write(text, kind)
        if text == "/" and not kind and self._kind == RAISED:
            self._slash = text
            return ""
        if kind in (RAISED, LOWERED):
            written = "" if kind == self._kind else self.end(text)
            self._kind = kind
            self._open.append(text)
            return written
        written = self.end(text)
        is_apart, self._is_apart = self._is_apart or kind == APART, kind == APART
        gap = " " if is_apart and self._before[-1:].isdecimal() and text[0].isdecimal() else ""
        self._see(text)
        return written + gap + text

    def end(self, after: str = "") -> str:
        """Return the script that is open, as it is written before this text."""
        if self._slash:
            return self._end_before_slash(is_fraction=False)
        return self._ended(after)

    def _end_before_slash(self, is_fraction: bool) -> str:
        slash, self._slash = self._slash, ""
        written = self._ended(slash, is_fraction) + slash
        self._is_apart = False
        self._see(slash)
        return written

    def _ended(self, after: str, is_numerator: bool = False) -> str:
        kind, text = self._kind, "".join(self._open)
        self._kind, self._open = "", []
        if text:
            is_raised = kind == RAISED
            text = raised(self._before, text, after, is_numerator) if is_raised else lowered(self._before, text)
            self._is_apart = True
            self._see(text)
        return text

    def begin(self) -> None:
        """Forget what is before: white space follows, or a paragraph begins."""
        self._before, self._is_apart = "", False

    def _see(self, text: str) -> None:
        self._before = (self._before + text)[-SEEN_BEFORE:]
