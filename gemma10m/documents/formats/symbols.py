"""Know the characters of fonts such as Symbol and Wingdings, whose numbers mean nothing but their looks."""

from __future__ import annotations

UNKNOWN = "\ufffd"
_LETTERS = {"A": "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", "a": "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"}
_SYMBOL = {ord(base) + at: sign for base, signs in _LETTERS.items() for at, sign in enumerate(signs)}
_SYMBOL |= dict(zip(range(0x20, 0x40), " !∀#∃%&∋()∗+,−./0123456789:;<=>?", strict=True))
_SYMBOL |= {0x40: "≅"} | dict(zip(range(0x5B, 0x60), "[∴]⊥_", strict=True))
_SYMBOL |= dict(zip(range(0x7B, 0x7F), "{|}∼", strict=True))
_SYMBOL |= dict(zip(range(0xA1, 0xBD), "ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…", strict=True))
_SYMBOL |= dict(zip(range(0xBF, 0xE1), "↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊", strict=True))
_SYMBOL |= {0xE1: "⟨", 0xE5: "∑", 0xF1: "⟩", 0xF2: "∫"}
_DINGBATS = {0x20: " ", 0x6C: "●", 0x6E: "■", 0x6F: "☐", 0x71: "❑", 0x76: "❖", 0xA7: "▪", 0xA8: "☐", 0xD8: "➢"}
_DINGBATS |= {0xE0: "→", 0xE8: "➔", 0xF0: "⇨", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑"}

_UNKNOWN_SIGNS = {0x20: " "}
_SYMBOLS = {"symbol", "symbol mt", "symbolmt", "symbol std", "symbolpi", "symbolset", "standard symbols ps"}
_PRIVATE = 0xF000  # where Unicode has no characters, and such fonts have theirs
_OTHERS = ("webdings", "wingdings", "zapfdingbats", "zapf dingbats", "marlett", "mt extra", "monotype sorts")


def is_symbolic(font: str) -> bool:
    """Tell if a font of this name shows other signs than the letters that a text names."""
    return font.lower() in _SYMBOLS or font.lower().startswith(_OTHERS)


def symbol(code: int, font: str) -> str:
    """Return the character that looks like it, or `UNKNOWN`. Such fonts begin at U+F000, or at 0."""
    if _PRIVATE <= code <= _PRIVATE + 0xFF or code <= 0xFF:
        return _table(font).get(code & 0xFF, UNKNOWN)
    return UNKNOWN if 0xD800 <= code < 0xE000 or code >= 0x110000 else chr(code)


def in_font(text: str, font: str) -> str:
    """Return a text as a font shows it: a symbolic one has its own signs for the first 256 characters."""
    if not is_symbolic(font):
        return text
    table = _table(font)
    return "".join(_shown(each, font, table) for each in text)


def _shown(character: str, font: str, table: dict[int, str]) -> str:
    found = character if character.isspace() else symbol(ord(character), font)
    return character if found == UNKNOWN and table is _SYMBOL and ord(character) < _PRIVATE else found


def _table(font: str) -> dict[int, str]:
    if font.lower() == "wingdings":
        return _DINGBATS
    return _UNKNOWN_SIGNS if font.lower().startswith(_OTHERS) else _SYMBOL
