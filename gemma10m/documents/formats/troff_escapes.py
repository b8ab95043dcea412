"""Write troff's escapes as the text that a terminal shows."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = r"(?:\[([^\]\n]{0,60})\]|\((..)|(.))"
_ESCAPE = re.compile(
    rf"""\\(?:["\#].*|\*{_LETTERS}|\[([^\]\n]{{0,60}})\]|\((..)"""
    r"""|[fFmMnkgYV][+-]?(?:\[[^\]\n]{0,60}\]|\(..|.)|s[+-]?(?:\[[^\]\n]{0,60}\]|\(..|'[^'\n]{0,200}'|[1-3]\d|\d)"""
    r"""|[hvwlLDZbxXSHANRCoB]'[^'\n]{0,200}'|(.)|$)"""
)
_SIGNS = {sign: sign for sign in "-\\ \t'`."} | {"e": "\\", "~": " ", "0": " ", "t": "\t"}
_GLYPHS = dict(
    zip(
        "em en hy bu aq dq lq rq oq cq co rg tm rs ti ha ga at sh Do pl mi mu de ct Eu po sc dg dd <= >= != -> <- +- "
        "ss oa oA /o /O ae AE <> Fo Fc bv ba sl ul or lB rB lC rC la ra md if 12 14 34 r! r? ps mc eq".split(),
        "— – - • ' \" “ ” ‘ ’ © ® ™ \\ ~ ^ ` @ # $ + − × ° ¢ € £ § † ‡ ≤ ≥ ≠ → ← ± "
        "ß å Å ø Ø æ Æ ↔ « » | | / _ | [ ] { } ⟨ ⟩ · ∞ ½ ¼ ¾ ¡ ¿ ¶ µ =".split(),
        strict=True,
    )
)
_ACCENTS = {"'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", ":": "\u0308", ",": "\u0327", "v": "\u030c"}
_STRINGS = {"Aq": "'", "lq": "“", "rq": "”", "R": "®", "Tm": "™", 'L"': "“", 'R"': "”", "C'": "'", "--": "—"}
_STRINGS |= dict(zip("Gt Lt Ge Le Ne Am Ba Pm If Pi q".split(), '> < ≥ ≤ ≠ & | ± ∞ π "'.split(), strict=True))  # mdoc's
_MOST_STRINGS, _LONGEST = 200, 200


class TroffEscapes:
    """Hold the strings that a page defines."""

    def __init__(self) -> None:
        self._strings = dict(_STRINGS)

    def define(self, rest: str) -> None:
        """Define a string: its name and its text."""
        name, _, text = rest.partition(" ")
        if len(self._strings) < _MOST_STRINGS and name not in _STRINGS:
            self._strings[name] = self.text(text.strip().removeprefix('"'))[:_LONGEST]

    def text(self, line: str) -> str:
        """Return a line without escapes."""
        return _ESCAPE.sub(self._shown, line) if "\\" in line else line

    def _shown(self, found: re.Match[str]) -> str:
        *string, glyph, short, sign = found.groups()
        if name := "".join(filter(None, string)):
            return self._strings.get(name, "")
        if glyph or short:
            return _glyph(glyph or short)
        return _SIGNS.get(sign or "", "")


def _glyph(name: str) -> str:
    if re.fullmatch("u[0-9A-F]{4,6}", name):
        code = int(name[1:], 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    if name in _GLYPHS:
        return _GLYPHS[name]
    if len(name) == 2 and name[0] in _ACCENTS:
        return unicodedata.normalize("NFC", name[1] + _ACCENTS[name[0]])
    return name if len(name) == 1 else ""
