"""Fold text as it is indexed and compared: one spelling for what Unicode and line breaks write in several ways."""

from __future__ import annotations

import re
import unicodedata

_RAISED = re.compile("[\u00b2\u00b3\u00b9\u2070-\u2079]")  # NFKC would make 102 of 10²
_FRACTION = re.compile("[\u00bc-\u00be\u2150-\u215e]")  # and 51/2 of 5½
# A hyphen at a line's end, soft or hard, between letters: nobody knows whether the word has one elsewhere.
_LINE_END = re.compile("[-\u00ad\u2010\u2011](?<=[^\\W\\d_].)[ \\t]*\\r?\\n[ \\t]*(?=[^\\W\\d_])")
_DIGITS_END = re.compile("[-\u2010-\u2013](?<=\\d.)[ \\t]*\\r?\\n[ \\t]*(?=\\d)")
_INVISIBLE = dict.fromkeys([0xAD, 0x34F, 0x61C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065)])
_MARKS = str.maketrans("‘’‚‛′ʼ`“”„‟«»″‐‑‒–−⁄", "'''''''\"\"\"\"\"\"\"-----/") | _INVISIBLE | {0xFEFF: None}
_MARKS |= {n: str(unicodedata.digit(chr(n))) for n in range(0x660, 0x20000) if unicodedata.category(chr(n)) == "Nd"}
# Vowel points of Hebrew and Arabic, which few texts write, and the stroke that makes an Arabic word longer.
_POINTS = dict.fromkeys(
    [*range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7, 0x640, *range(0x64B, 0x653), 0x670]
)
_DASHES = str.maketrans({"—": " -- ", "―": " -- "})

_COMPOUND = re.compile(r"-(?<=\w-)(?=\w)")


def fold(text: str) -> str:
    """Apply NFKC, with typographic quotes and dashes as ASCII has them, without what is invisible, lines' hyphens
    joined.
    """
    if "\n" in text:
        text = _DIGITS_END.sub("-", _LINE_END.sub("", text))
    if text.isascii():
        return text
    text = _FRACTION.sub(r" \g<0>", _RAISED.sub(r"^\g<0>", text))
    return unicodedata.normalize("NFKC", text).translate(_MARKS).translate(_DASHES)


def is_in(sentence: str, text: str) -> bool:
    """Tell if the text has the sentence; white space is folded."""
    return " ".join(sentence.split()) in " ".join(text.split())


def unpointed(text: str) -> str:
    """Fold the text for a search, in lower case; comparisons keep vowel points, which tell words apart."""
    folded = fold(text).casefold()
    return folded if folded.isascii() else folded.translate(_POINTS)


def searchable(text: str) -> str:
    """Fold the text, in lower case; a word with a hyphen is also kept as a whole."""
    folded = unpointed(text)
    if not _COMPOUND.search(folded):
        return folded
    return "\n".join((folded, *(word.replace("-", "") for word in folded.split() if "-" in word.strip("-"))))
