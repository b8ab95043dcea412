"""Write troff's escapes as the text that a terminal shows."""

from __future__ import annotations

import re
from itertools import zip_longest

from gemma10m.documents.formats.troff_glyphs import glyph, numbered
from gemma10m.documents.formats.troff_numbers import NAME, TroffNumbers, bare

JOINED = "\x1f"  # the next text follows without a space: a mark of our own, which is taken out of a page
_INTERPOLATED = re.compile(rf"\\\*({NAME})")
_ESCAPE = re.compile(
    rf"""\\(?:["\#].*
    |\*(?P<string>{NAME})
    |n(?P<sign>[+-]?)(?P<register>{NAME})
    |(?P<glyph>\[[^\]\n]{{0,60}}\]|\(..)|C'(?P<named>[^'\n]{{0,200}})'|N'(?P<number>\d{{1,7}})'
    |[obZ]'(?P<drawn>[^'\n]{{0,200}})'
    |[fFmMkgYV$][+-]?(?:\[(?:\\n\[[^\]\n]{{0,60}}\]|[^\]\n]){{0,60}}\]|{NAME})
    |s(?:[1-3]\d|[+-]?(?:\[[^\]\n]{{0,60}}\]|\(..|'[^'\n]{{0,200}}'|\d))
    |(?P<space>h'[+|]?0*[1-9][\d.]*[mnipc]?'(?![ ]))
    |[hvwlLDxXSHARB]'(?:\\w'[^'\n]{{0,200}}'|[^'\n]){{0,200}}'
    |(?P<other>.)|$)""",
    re.VERBOSE,
)
_SIGNS = {"e": "\\", "~": " ", "0": " ", "t": "\t", "c": JOINED}
_SIGNS |= dict.fromkeys("&)|^/,%:{}adurp!?zEO" + "fFmMkgYV$snCNobZhvwlLDxXSHARB*([", "")  # motions, and cut escapes
_STRINGS = {"Aq": "'", "lq": "“", "rq": "”", "R": "®", "Tm": "™", 'L"': "“", 'R"': "”", "C'": "'", "--": "—"}
_STRINGS |= dict(zip("Gt Lt Ge Le Ne Am Ba Pm If Pi q".split(), '> < ≥ ≤ ≠ & | ± ∞ π "'.split(), strict=True))  # mdoc's
_MOST_STRINGS, _LONGEST = 200, 200
_CHARACTER = re.compile(rf"\\{NAME}|.")


class TroffEscapes:
    """Hold the strings and numbers that a page defines."""

    def __init__(self) -> None:
        self.numbers = TroffNumbers()
        self._strings = dict(_STRINGS)
        self._changed: dict[int, str] = {}  # characters that are shown as others

    def define(self, request: str, rest: str) -> None:
        """Define what escapes stand for: by `ds` and `as` strings, by `nr` numbers, by `tr` other characters."""
        if request == "nr":
            self.numbers.define(rest)
        elif request == "tr":
            rest = _INTERPOLATED.sub(lambda found: self._strings.get(bare(found[1]), ""), rest)
            characters = [self.text(each) for each in _CHARACTER.findall(rest)]
            pairs = zip_longest(characters[::2], characters[1::2], fillvalue=" ")
            self._changed |= {ord(old): new for old, new in pairs if len(old) == 1}
        else:
            name, text, *_ = [*rest.split(maxsplit=1), "", ""]
            text = self.text(text.removeprefix('"').replace("\\\\", "\\"))
            if name in self._strings or len(self._strings) < _MOST_STRINGS:
                self._strings[name] = (self._strings.get(name, "") * (request == "as") + text)[:_LONGEST]

    def is_defined(self, name: str) -> bool:
        """Tell if there is a string of this name."""
        return name in self._strings

    def text(self, line: str) -> str:
        """Return a line without escapes."""
        shown = _ESCAPE.sub(self._shown, line) if "\\" in line else line
        return shown.translate(self._changed) if self._changed else shown

    def _shown(self, found: re.Match[str]) -> str:
        if name := found["string"]:
            return self._strings.get(bare(name), "")
        if name := found["register"]:
            return self.numbers.shown(found["sign"], bare(name))
        if found["glyph"]:
            return glyph(bare(found["glyph"]))
        if found["named"]:
            return glyph(found["named"])
        if found["number"]:
            return numbered(found["number"])
        if found["drawn"]:
            return self.text(found["drawn"])
        sign = " " if found["space"] else found["other"] or ""
        return _SIGNS.get(sign, sign)
