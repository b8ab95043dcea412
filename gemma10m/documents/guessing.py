"""Guess the encoding of a text that is not UTF-8 and declares none, by chardet's statistics of languages.

A text in a western language must stay Windows-1252, as a wrong guess spoils what would be right. So a guess counts only
if chardet is confident enough, which western texts of few letters beyond ASCII seldom make it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from gemma10m.documents.text import EncodingDetector


class Guess(NamedTuple):
    """Hold an encoding: Python's name, and the one that people know."""

    codec: str
    name: str


WINDOWS_1252, MAC_ROMAN = Guess("cp1252", "Windows-1252"), Guess("mac-roman", "Mac Roman")
_CONFIDENT, _CONFIDENT_OF_FEW = 0.1, 0.15
_SOME = 8  # bytes beyond ASCII; fewer are few
_DIFFERENT = 3  # of such bytes, at least: one or two letters alone tell no language
# Markup, which is ASCII in all languages, and words by which chardet takes text for a declaration.
_NO_PROSE = re.compile(rb"<(script|style)\b.*?(?:</\1|\Z)|</?[a-z!][^<>]*>|charset|coding", re.IGNORECASE | re.DOTALL)
# In Windows-1252: a capital behind a small letter, a sign in a word, a byte that is no character.
_ODD = re.compile(
    rb"[a-z][\x8a\x8c\x8e\x9f\xc0-\xde]|[A-Za-z][\x83\x84\x86-\x89\x8b\x98\x99\x9b\xa1-\xac\xae-\xb6\xb8-\xbf][a-z]"
    rb"|[\x81\x8d\x8f\x90\x9d]"
)
_GUESSES = {  # chardet's name, and what the text is read as: an encoding that holds it, where there is a larger one
    **dict.fromkeys(("ascii", "cp1252", "iso8859-1", "iso8859-15"), WINDOWS_1252),  # the last has 8 others, all rare
    "cp932": Guess("cp932", "Shift-JIS"),
    "shift_jis_2004": Guess("cp932", "Shift-JIS"),
    "euc_jis_2004": Guess("euc_jis_2004", "EUC-JP"),
    "gb18030": Guess("gb18030", "GB 18030"),
    "big5hkscs": Guess("big5hkscs", "Big5"),
    "cp949": Guess("cp949", "EUC-KR"),
    "euc_kr": Guess("cp949", "EUC-KR"),
    "koi8-r": Guess("koi8-r", "KOI8-R"),
    "koi8-u": Guess("koi8-u", "KOI8-U"),
    "iso8859-9": Guess("cp1254", "Windows-1254"),
    "tis-620": Guess("cp874", "Windows-874"),
    "cp874": Guess("cp874", "Windows-874"),
    "mac-roman": MAC_ROMAN,
    "mac-cyrillic": Guess("mac-cyrillic", "Mac Cyrillic"),
    **{f"cp{page}": Guess(f"cp{page}", f"Windows-{page}") for page in (1250, 1251, 1253, 1254, 1255, 1256, 1257)},
    **{f"cp{page}": Guess(f"cp{page}", f"IBM {page}") for page in (437, 850, 852, 866)},
    **{f"iso8859-{part}": Guess(f"iso8859-{part}", f"ISO-8859-{part}") for part in (2, 5, 7, 13)},
}


def not_utf8(guess: Guess) -> str:
    """Return what follows "it is" in the notice for a text that is read by a guess."""
    return f"not UTF-8: read as {guess.name} (if letters look wrong, convert it: iconv -f ENCODING -t UTF-8)"


def guess_of(blocks: Iterable[bytes]) -> Guess | None:
    """Return the encoding that a text is converted from; None where its bytes are read as they are.

    Those are UTF-8, UTF-16, UTF-32 and Windows-1252. Raises `UnreadableError` for a binary file.
    """
    detector = EncodingDetector(b"")
    for number, block in enumerate(blocks):
        detector = detector if number else EncodingDetector(block)
        if detector.wide:
            return None
        detector.feed(block, final=False)
    detector.feed(b"", final=True)
    guess = guess_encoding(detector.sample) if detector.encoding == WINDOWS_1252.codec else WINDOWS_1252
    return None if guess == WINDOWS_1252 else guess


def guess_encoding(sample: bytes) -> Guess:
    """Return the encoding of a text with this sample, `WINDOWS_1252` where nothing is clear.

    Lines that end as on old Macs are clear enough for Mac Roman, if anything is odd in Windows-1252.
    chardet drops an encoding for one wrong byte, so that the halves are looked at, too.
    """
    prose = _NO_PROSE.sub(b"", sample)
    middle = prose.find(b"\n", len(prose) // 2) + 1 or len(prose) // 2
    guesses = (_clear_guess(part) for part in (prose, prose[:middle], prose[middle:]) if part)
    is_of_a_mac = b"\r" in sample and b"\n" not in sample and _ODD.search(sample)
    return next(filter(None, guesses), MAC_ROMAN if is_of_a_mac else WINDOWS_1252)


def _clear_guess(prose: bytes) -> Guess | None:
    from chardet import detect  # which takes 30 to 100 ms, and most texts are UTF-8

    found = detect(prose, compat_names=False, include_encodings=_GUESSES)
    foreign = prose.translate(None, bytes(range(128)))
    needed = _CONFIDENT if len(foreign) >= _SOME else _CONFIDENT_OF_FEW
    is_clear = found["confidence"] >= needed and len(set(foreign)) >= _DIFFERENT
    return _GUESSES.get(found["encoding"] or "") if is_clear else None
