"""Hold troff's number registers, and tell if its conditions are met for a terminal."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

NAME = r"(?:\[[^\]\n]{0,60}\]|\(..|.)"  # of anything: in brackets, of two characters, or of one
_REGISTER = re.compile(rf"\\n([+-]?)({NAME})")
_DEFINED = re.compile(r"(\S+)[ \t]+([+-]?)([0-9]{1,9})[a-z]?(?:[ \t]+([0-9]{1,9}))?")
_WIDTH = r"\\w(?:'[^']*'|\"[^\"]*\"|\|[^|]*\|)"
_CONDITION = re.compile(
    rf"""\s*(?P<not>!?)\s*(?:(?P<texts>"[^"]*"[^"]*"|'[^']*'[^']*')|(?P<named>[cdFmrS][ \t]*\S+)|(?P<letter>[a-zA-Z])"""
    rf"""|(?P<number>(?:\\n[+-]?{NAME}|{_WIDTH}|[0-9.]+[a-z]?|[-+*/%&:=<>!()])+)|[^\s\\]*)\s*(?P<rest>.*)"""
)
_PART = re.compile(r"(!?)([0-9]{1,9})[a-z]?|([-+*/%&:]|[=<>]{1,2})")
_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left // (right or 1),
    "%": lambda left, right: left % (right or 1),
    "=": operator.eq,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "<>": operator.ne,
    "&": lambda left, right: left > 0 and right > 0,
    ":": lambda left, right: left > 0 or right > 0,
}
_GROUP = re.compile(r"\(([^()]*)\)")
_LARGEST, _DEEPEST = 10**8, 10  # value of an expression, which has to be read again, and groups in one another
_MOST = 1000  # registers


class TroffNumbers:
    """Hold the number registers of a page, with the steps that some of them take."""

    def __init__(self) -> None:
        self._numbers = {".g": 1, ".x": 1, ".y": 22, ".H": 24, ".V": 40}  # groff's version, and its terminal
        self._steps: dict[str, int] = {}

    def define(self, rest: str) -> None:
        """Define or change a register by the arguments of the request `nr`."""
        if (found := _DEFINED.match(rest)) and len(self._numbers) < _MOST:
            name, sign, value, step = found.groups()
            number = int(f"{sign}{value}") + (self._numbers.get(name, 0) if sign else 0)
            self._numbers[name], self._steps[name] = number, int(step or 0)

    def shown(self, sign: str, name: str) -> str:
        """Return a number, which a sign changes by its step, or an empty text where there is no such register."""
        if name not in self._numbers:
            return ""
        if sign:
            self._numbers[name] += int(f"{sign}{self._steps.get(name, 0)}")
        return str(self._numbers[name])

    def is_met(self, rest: str, is_defined: Callable[[str], bool]) -> tuple[bool, str]:
        """Tell if the condition that a line begins with is met for a terminal, and return what follows it."""
        found = _CONDITION.match(rest)
        if not found:
            return False, ""
        if texts := found["texts"]:
            _, first, second, _ = texts.split(texts[0])
            met = first == second
        elif named := found["named"]:
            name = named[1:].strip()
            met = {"c": True, "d": is_defined(name), "r": name in self._numbers}.get(named[0], False)
        elif found["letter"]:
            met = found["letter"] in ("n", "o")  # nroff, and the first page
        else:
            met = self._is_positive(found["number"] or "")
        return met != bool(found["not"]), found["rest"]

    def _is_positive(self, expression: str) -> bool:
        expression = re.sub(_WIDTH, lambda found: str(len(found[0]) - 4), expression)
        expression = _REGISTER.sub(lambda found: self.shown(found[1], bare(found[2])) or "0", expression)
        for _ in range(_DEEPEST):
            expression, count = _GROUP.subn(lambda found: str(max(0, _reckoned(found[1]))), expression)
            if not count:
                break
        return _reckoned(expression) > 0


def _reckoned(expression: str) -> int:
    """Return the value of an expression from left to right, as troff has it."""
    result, sign = 0, "+"
    for negated, number, next_sign in _PART.findall(expression):
        if number:
            value = int(not int(number)) if negated else int(number)
            result = int(max(-_LARGEST, min(_OPERATORS.get(sign, _OPERATORS["="])(result, value), _LARGEST)))
        sign = next_sign
    return result


def bare(name: str) -> str:
    """Return a name without the sign before it, or the brackets around it."""
    return name if len(name) == 1 else name[1:].removesuffix("]" if name[0] == "[" else "")
