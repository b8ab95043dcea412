"""Know the characters of fonts such as Symbol and Wingdings, whose numbers mean nothing but their looks."""

from __future__ import annotations

UNKNOWN = "\ufffd"
_LETTERS = {"A": "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", "a": "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"}
_SYMBOL = {ord(base) + at: sign for base, signs in _LETTERS.items() for at, sign in enumerate(signs)}
_SYMBOL |= dict(zip(range(0x20, 0x40), " !∀#∃%&∋()∗+,−./0123456789:;<=>?", strict=True))
_SYMBOL |= {0xA3: "≤", 0xA5: "∞", 0xAC: "←", 0xAE: "→", 0xB0: "°", 0xB1: "±", 0xB3: "≥", 0xB4: "×", 0xB6: "∂"}
_SYMBOL |= {0xB7: "•", 0xB8: "÷", 0xB9: "≠", 0xBB: "≈", 0xBC: "…", 0xD1: "∇", 0xD6: "√", 0xE5: "∑", 0xF2: "∫"}
_DINGBATS = {0x20: " ", 0x6C: "●", 0x6E: "■", 0x6F: "☐", 0x71: "❑", 0x76: "❖", 0xA7: "▪", 0xA8: "☐", 0xD8: "➢"}
_DINGBATS |= {0xE0: "→", 0xE8: "➔", 0xF0: "⇨", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑"}


def symbol(code: int, font: str) -> str:
    """Return the character that looks like it, or `UNKNOWN`. Such fonts begin at U+F000, or at 0."""
    if 0xF000 <= code <= 0xF0FF or code <= 0xFF:
        return (_DINGBATS if font.startswith("Wingdings") else _SYMBOL).get(code & 0xFF, UNKNOWN)
    return UNKNOWN if 0xD800 <= code < 0xE000 or code >= 0x110000 else chr(code)
