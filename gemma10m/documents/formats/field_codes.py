"""Show the fields of Word whose result is not in the file: formulas (EQ), signs (SYMBOL), buttons (MACROBUTTON)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gemma10m.documents.formats.docx_formula import in_parentheses
from gemma10m.documents.formats.list_numbers import whole
from gemma10m.documents.formats.raised import APART, LOWERED, RAISED, Scripts
from gemma10m.documents.formats.symbols import is_symbolic, symbol

FieldText = tuple[str, str]  # a text, and how it stands: RAISED, LOWERED, APART or ""
_FIELD = re.compile(r"\s*([A-Za-z]+)\s*(.*)", re.DOTALL)
_FONT = re.compile(r'\\f\s*(?:"([^"]*)"|(\S+))')
_SIGN = re.compile(r"(0[xX][0-9a-fA-F]{1,6}|\d{1,7})")
_GENERAL = re.compile(r'\\\*\s*(?:"[^"]*"|\S+)')  # switches of all fields: fonts and sizes
_TOKEN = re.compile(r"\\([A-Za-z]+)(-?\d*)|\\(.)|([(),;])|([^\\(),;]+)", re.DOTALL)
_SWITCHES = set("abdfilorsx")
_WITH_SIGN = {"lc", "rc", "bc", "fc", "vc"}  # options that a character follows
_INTEGRALS = {"su": "∑", "pr": "∏", "in": "∫"}
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
_DEEPEST = 16  # switches in switches
_MOST_OPEN = 256  # fields in fields; more have no ends
_LONGEST = 4096  # characters of a field's code


@dataclass
class _Open:
    code: list[str] = field(default_factory=list)
    in_code: bool = True
    has_result: bool = False
    filled_in: str = ""


class Fields:
    """Keep the codes of open fields, until it is known that a field has no result."""

    def __init__(self) -> None:
        self._open: list[_Open] = []

    @property
    def in_code(self) -> bool:
        """Tell if what comes next is a part of a code, or of a result within a code."""
        return any(each.in_code for each in self._open)

    def begin(self) -> None:
        if len(self._open) >= _MOST_OPEN:
            del self._open[0]
        self._open.append(_Open())

    def separate(self) -> None:
        """Begin the result of the innermost field."""
        if self._open:
            self._open[-1].in_code = False

    def end(self) -> list[FieldText]:
        """End the innermost field; return what it shows if it had no result."""
        ended = self._open.pop() if self._open else _Open()
        if ended.has_result:
            return []
        return [(ended.filled_in, "")] if ended.filled_in else shown("".join(ended.code)[:_LONGEST])

    def add(self, text: str) -> None:
        """Add text to the innermost code."""
        for each in reversed(self._open):
            if each.in_code:
                each.code.append(text)
                return

    def fill_in(self, text: str) -> None:
        """Receive what is chosen in the innermost field, which shows it unless it has a result."""
        if self._open:
            self._open[-1].filled_in = text

    def see(self, text: str) -> None:
        """Receive text that is shown."""
        if text.strip():
            for each in self._open:
                each.has_result = True

    def clear(self) -> None:
        self._open.clear()


def shown(code: str) -> list[FieldText]:
    """Return what a field shows that computes its result from its code alone; nothing for other fields."""
    found = _FIELD.match(code)
    kind, rest = (found[1].upper(), found[2]) if found else ("", "")
    if kind == "EQ":
        return _Equation(_GENERAL.sub("", rest)).pieces()
    if kind == "SYMBOL":
        return [(_sign(rest), "")]
    if kind in ("MACROBUTTON", "GOTOBUTTON"):
        return [(rest.partition(" ")[2].strip(), "")]
    return []


def _sign(rest: str) -> str:
    number, font = _SIGN.match(rest), _FONT.search(rest)
    if not number:
        return ""
    code = int(number[1], 16 if number[1][1:2] in ("x", "X") else 10)
    name = (font[1] or font[2] or "") if font else ""
    if code < 256 and not is_symbolic(name):
        return bytes([code]).decode("cp1252", "replace")
    return symbol(code, name)


class _Equation:
    """Parse the code of an EQ field: switches with elements in parentheses, in text."""

    def __init__(self, code: str) -> None:
        self._tokens = [found.groups("") for found in _TOKEN.finditer(code.strip())]
        self._at = 0
        self._depth = 0

    def pieces(self) -> list[FieldText]:
        """Return all of it; a parenthesis or separator outside of a switch is text."""
        pieces: list[FieldText] = []
        while self._at < len(self._tokens):
            pieces += self._next()
        return pieces

    def _next(self) -> list[FieldText]:
        name, _, literal, sign, text = self._tokens[self._at]
        self._at += 1
        if not name:
            return [(literal or sign or text, "")]
        if name.lower() not in _SWITCHES or self._depth >= _DEEPEST:
            return []
        self._depth += 1
        options = self._options()
        elements = self._elements() if self._parting() == "(" else []
        self._depth -= 1
        return _written(name.lower(), options, elements)

    def _parting(self) -> str:
        """Return the parenthesis, comma or semicolon that comes next, or ""."""
        return self._tokens[self._at][3] if self._at < len(self._tokens) else ""

    def _options(self) -> dict[str, str]:
        """Read what is between a switch and its elements: options of two letters, each with a number or sign."""
        options: dict[str, str] = {}
        last = ""
        while self._at < len(self._tokens):
            name, number, literal, _, text = self._tokens[self._at]
            if len(name) == 2:
                last = name.lower()
                options[last] = number
            elif literal and last in _WITH_SIGN:
                options[last] = literal
            elif text.strip(" -0123456789") or not text:
                break
            self._at += 1
        return options

    def _elements(self) -> list[list[FieldText]]:
        """Read the elements up to the closing parenthesis. A comma is decimal where semicolons part the elements."""
        elements: list[list[FieldText]] = [[]]
        parted: list[str] = []
        inner = 0
        self._at += 1
        while self._at < len(self._tokens):
            sign = self._parting()
            if sign == ")" and not inner:
                self._at += 1
                break
            if sign and sign in ",;" and not inner:
                parted.append(sign)
                elements.append([])
                self._at += 1
                continue
            inner += (sign == "(") - (sign == ")")
            elements[-1] += self._next()
        return _by_semicolons(elements, parted) if ";" in parted else elements


def _by_semicolons(elements: list[list[FieldText]], parted: list[str]) -> list[list[FieldText]]:
    joined = [list(elements[0])]
    for sign, element in zip(parted, elements[1:], strict=True):
        if sign == ";":
            joined.append(list(element))
        else:
            joined[-1] += [(",", ""), *element]
    return joined


def _written(switch: str, options: dict[str, str], elements: list[list[FieldText]]) -> list[FieldText]:
    if switch == "o":  # one on the other: what is raised over another tells how that is read
        bases = [each for each in elements if any(kind != RAISED and text.strip() for text, kind in each)]
        return [piece for each in bases or elements for piece in each]
    texts = [_flat(each) for each in elements]
    if switch == "s":
        return [(" ".join(texts), LOWERED if "do" in options else RAISED)]
    write = _FORMULAS.get(switch)
    return [(write(options, texts) if write and texts else ",".join(texts), APART)]


def _flat(pieces: list[FieldText]) -> str:
    scripts = Scripts()
    return ("".join(scripts.write(text, kind) for text, kind in pieces) + scripts.end()).strip()


def _root(options: dict[str, str], texts: list[str]) -> str:
    degree, inside = texts if len(texts) == 2 else ("", texts[0])
    return f"{in_parentheses(inside)}^(1/{degree})" if degree else f"√{in_parentheses(inside)}"


def _bracketed(options: dict[str, str], texts: list[str]) -> str:
    if both := options.get("bc"):
        left, right = both, _CLOSING.get(both, both)
    else:
        left, right = (options.get("lc", ""), options.get("rc", "")) if {"lc", "rc"} & set(options) else ("(", ")")
    return f"{left}{','.join(texts)}{right}"


def _array(options: dict[str, str], texts: list[str]) -> str:
    columns = max(whole(options.get("co", ""), 1), 1)
    return f"[{'; '.join(' '.join(texts[at : at + columns]) for at in range(0, len(texts), columns))}]"


def _integral(options: dict[str, str], texts: list[str]) -> str:
    sign = next((_INTEGRALS[each] for each in options if each in _INTEGRALS), "∫")
    sign = options.get("fc") or options.get("vc") or sign
    low, high, *body = [*texts, "", ""] if len(texts) < 3 else texts
    scripts = (f"_{in_parentheses(low)}" if low else "") + (f"^{in_parentheses(high)}" if high else "")
    return f"{sign}{scripts} {','.join(body)}"


_FORMULAS: dict[str, Callable[[dict[str, str], list[str]], str]] = {
    "a": _array,
    "b": _bracketed,
    "f": lambda options, texts: "/".join(map(in_parentheses, texts)),
    "i": _integral,
    "r": _root,
}
