"""Name troff's special characters, groff_char(7), as the characters that a terminal shows."""

from __future__ import annotations

import re
import unicodedata

_TABLE = """
    != ≠ %0 ‰ ** ∗ +- ± +e ϵ +f φ +h ϑ +p ϖ -+ ∓ -> → -D Ð -h ℏ .i ı .j ȷ /L Ł /O Ø /_ ∠ /l ł /o ø 12 ½ 14 ¼ 18 ⅛
    34 ¾ 38 ⅜ 3d ∴ 58 ⅝ 78 ⅞ <- ← << ≪ <= ≤ <> ↔ == ≡ =~ ≅ >= ≥ >> ≫ AE Æ AN ∧ Ah ℵ Bq „ CL ♣ CR ↵ Cs ¤ DI ♦ Do $
    Eu € Fc » Fi ffi Fl ffl Fn ƒ Fo « HE ♥ IJ Ĳ Im ℑ OE Œ OK ✓ OR ∨ Of ª Om º Po £ Re ℜ S1 ¹ S2 ² S3 ³ SP ♠ Sd ð TP Þ
    Tp þ Ye ¥ a" ˝ a- ¯ a. ˙ a^ ^ aa ´ ab ˘ ac ¸ ad ¨ ae æ ah ˇ an ⎯ ao ˚ ap ∼ aq ' at @ a~ ~ ba | bb ¦ bq ‚ br │
    bu • bv | c* ⊗ c+ ⊕ ca ∩ ci ○ co © cq ’ ct ¢ cu ∪ dA ⇓ da ↓ dd ‡ de ° dg † di ÷ dq " em — en – eq = es ∅ eu €
    f/ ⁄ fa ∀ fc › ff ff fi fi fl fl fm ′ fo ‹ ga ` gr ∇ hA ⇔ ha ^ ho ˛ hy - ib ⊆ if ∞ ij ĳ ip ⊇ is ∫ lA ⇐ lB [ lC {
    la ⟨ lb ⎩ lc ⌈ lf ⌊ lh ☜ lk ⎨ lq “ lt ⎧ lz ◊ mc µ md · mi − mo ∈ mu × nb ⊄ nc ⊅ ne ≢ nm ∉ no ¬ oA Å oa å oe œ
    oq ‘ or | pc · pd ∂ pl + pp ⊥ ps ¶ pt ∝ r! ¡ r? ¿ rA ⇒ rB ] rC } ra ⟩ rb ⎭ rc ⌉ rf ⌋ rg ® rh ☞ rk ⎬ rn ‾ rq ”
    rs \\ rt ⎫ ru _ sb ⊂ sc § sd ″ sh # sl / sp ⊃ sq □ sr √ ss ß st ∋ te ∃ tf ∴ ti ~ tm ™ ts ς uA ⇑ ua ↑ ul _ vA ⇕
    va ↕ wp ℘ |= ≃ ~= ≈ ~~ ≈ sqrt √ tno ¬ tmu × tdi ÷ hbar ℏ coproduct ∐ sum ∑ integral ∫ parenlefttp ⎛
    parenleftex ⎜ parenleftbt ⎝ parenrighttp ⎞ parenrightex ⎟ parenrightbt ⎠ bracketlefttp ⎡ bracketleftex ⎢
    bracketleftbt ⎣ bracketrighttp ⎤ bracketrightex ⎥ bracketrightbt ⎦ bracelefttp ⎧ braceleftmid ⎨ braceleftbt ⎩
    braceex ⎪ braceleftex ⎪ bracerightex ⎪ bracerighttp ⎫ bracerightmid ⎬ bracerightbt ⎭
"""
_GLYPHS = dict(zip(_TABLE.split()[::2], _TABLE.split()[1::2], strict=True))
_LATIN, _GREEK = "ABCDEFGHIKLMNOPQRSTUWXYZ", "ΑΒΞΔΕΦΓΘΙΚΛΜΝΟΠΨΡΣΤΥΩΧΗΖ"
_GREEK += "αβξδεϕγθικλμνοπψρστυωχηζ"
_GLYPHS |= {f"*{name}": sign for name, sign in zip(_LATIN + _LATIN.lower(), _GREEK, strict=True)}
_BEFORE = {"'": "aa", "`": "ga", "^": "a^", "~": "a~", ":": "ad", ",": "ac", "v": "ah"}  # a letter: accents by a sign
_COMBINING = dict(
    zip(
        'ga aa a^ a~ a- ab a. ad ao a" ah ac ho'.split(),
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328",
        strict=True,
    )
)
_BEHIND = _BEFORE | {"-": "a-", ".": "a.", '"': 'a"'}  # and by a name or a sign behind it
_CODES = re.compile("u[0-9A-F]{4,6}(?:_[0-9A-F]{4,6})*")


def glyph(name: str) -> str:
    """Return the character of this name, or an empty text where there is no such name."""
    if name in _GLYPHS:
        return _GLYPHS[name]
    if _CODES.fullmatch(name):
        return _composed(*(_character(int(code, 16)) for code in name[1:].split("_")))
    if number := re.fullmatch("char([0-9]{1,7})", name):
        return numbered(number[1])
    if len(name) == 2 and name[0] in _BEFORE:
        return _composed(name[1], _COMBINING[_BEFORE[name[0]]])
    letter, *accents = name.split() or [""]
    if accents:
        return _composed(glyph(letter), *(_COMBINING.get(_BEHIND.get(each, each), "") for each in accents))
    return name if len(name) == 1 else ""


def _composed(*characters: str) -> str:
    return unicodedata.normalize("NFC", "".join(characters))


def numbered(number: str) -> str:
    """Return the character of a number in decimal digits."""
    return _character(int(number))


def _character(code: int) -> str:
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
