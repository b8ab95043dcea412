"""Read numbers written in words as the numbers that they are: five-and-twenty thousand is 25000."""

from __future__ import annotations

import re

_ONES = "one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000}
_VALUES = {
    **{word: at for at, word in enumerate(["zero", *_ONES, *_TEENS])},
    **{word: 10 * at for at, word in enumerate(_TENS, 2)},
}
_ONE, _TEN, _SCALE = (rf"(?:{'|'.join(words)})\b" for words in (_ONES, _TENS, SCALES))
_SMALL = rf"(?:{_ONE}(?:-and-|[ ]and[ ]){_TEN}|{_TEN}(?:[- ]{_ONE})?|(?:{'|'.join(_TEENS)})\b|{_ONE})"
_GROUP = rf"(?:{_SMALL}[- ])?{_SCALE}(?:[- ]{_SCALE})*"
# "one" alone is rarely a number; what is not a count, or is one of an unknown size, is compared as it is written.
_ORDINALS = "second third fourth fifth sixth seventh eighth ninth tenth".split()
_OTHER = "|".join(["half", "quarter", "twice", "thrice", "billion", *_ORDINALS, *SCALES])
_AS_WRITTEN = rf"(?:half[ ]an?[ ])?(?:(?:{_OTHER}|{'|'.join([*_ONES[1:], *_TEENS, *_TENS])})s?|zero)\b"
_MORE = r"[- ](?:and[- ])?"
_LONE_ONE = rf"one\b(?!(?:-and-|[ ]and[ ]){_TEN})"
_COUNT = rf"(?:{_GROUP}(?:{_MORE}{_GROUP})*(?:{_MORE}{_SMALL})?|(?!{_LONE_ONE}){_SMALL}|zero\b)"
SPELT = rf"\b(?:{_COUNT}(?![- ](?:{_OTHER})s?\b)|{_AS_WRITTEN}(?:[- ]{_AS_WRITTEN})*)"
_IS_COUNT = re.compile(_COUNT, re.VERBOSE)
_SINGULAR = re.compile("(?<=[a-z])s$")


def spelt_value(words: str) -> str:
    """Return the digits of a number in words; the words where they count nothing: half, fourth, thousands."""
    if not _IS_COUNT.fullmatch(words):
        return " ".join(singular(word) for word in re.findall("[a-z]+", words))
    total = group = 0
    for word in re.findall("[a-z]+", words):
        if word not in SCALES:
            group += _VALUES.get(word, 0)
        elif word in ("dozen", "hundred"):
            group = (group or 1) * SCALES[word]
        elif not group and total:
            total *= SCALES[word]  # two thousand million
        else:
            total, group = total + (group or 1) * SCALES[word], 0
    return str(total + group)


def singular(word: str) -> str:
    """Return a number's word without the s of its plural."""
    return _SINGULAR.sub("", word)
