"""What an answer says: its sentences, and of each which words must stand in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gemma10m.passages.cutting import sentences
from gemma10m.passages.words import DENIALS, EMPTY, WORD, bare, is_unspaced, standing, telling, ungrouped

_YES_NO = re.compile(r"(?:yes|(no)(?=\s*(?:[^\w\s]|$)))\b", re.IGNORECASE)
_TEXT = r"(?:the|this)\s+(?:\w+\s+)?(?:text|document|passage|excerpt|context|story|book|file)s?"
_NOT = r"(?:\s+not|n't)"
_SAID = r"(?:mentioned|stated|said|specified|given|provided|described|contained)"
_REFUSAL = re.compile(
    rf"""(?:(?:sorry|unfortunately|well|but|no)\b[,.]?\s+)*(?:
        i\s+(?:(?:do|can|could){_NOT}|cannot|can't|have\s+no)\s+(?:\w+ly\s+)?
            (?:know|tell|say|find|answer|determine|remember|recall|idea|information)\b.*
        | i(?:\s+am|'m)\s+(?:not\s+(?:sure|certain|able)|unable)\b.*
        | (?:it|this|that)(?:\s+(?:is|was){_NOT}|'s\s+not)\s+(?:{_SAID}|in\s+{_TEXT})\b.*
        | .{{0,80}}\b(?:is|are|was|were){_NOT}\s+{_SAID}(?:\s+(?:in|by)\s+{_TEXT})?
        | not\s+{_SAID}(?:\s+in\s+{_TEXT})?
        | {_TEXT}\s+(?:(?:does|do|did){_NOT}|never)\s+
            (?:say|mention|contain|state|specify|tell|give|provide|indicate|explain|include)s?\b.*
        | (?:there\s+is\s+)?no\s+(?:information|mention|answer|indication)\b.*
        | unknown
    )[.!]*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Claim:
    """One sentence of an answer."""

    sentence: str
    asked: tuple[str, ...]  # words it took over from the question: each must stand in the text
    said: tuple[str, ...]  # what it says of its own: more than half
    numbers: tuple[str, ...]  # each
    names: tuple[str, ...]  # of what is said: each
    subjects: tuple[str, ...]  # names in the question: one
    question: tuple[str, ...]  # what the question is about, without its numbers
    stated: str  # what is denied in it must be denied in the text, and nothing else
    denied: bool = False  # a No: one of the question's words must be denied

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.asked, *self.said, *self.names, *self.subjects, *self.question)))


def claims(question: str, answer: str) -> list[Claim]:
    """The sentences that say something; of an answer that only chooses words of the question, or says yes or no to it,
    the question. None of an answer that begins by saying that it knows none.
    """
    question, answer = ungrouped(question), answer.strip()
    parts = [answer[first:last] for first, last in sentences(answer)]
    if parts and is_refusal(parts[0]):
        return []
    found = [_claim(question, part) for part in parts if not is_refusal(part)]
    return [claim for claim in found if claim.said] or _restated(question, answer)


def is_refusal(sentence: str) -> bool:
    text = sentence.strip().replace("’", "'")
    return bool(_REFUSAL.fullmatch(text)) and not re.search(r"\b(?:but|however)\b", text[1:], re.IGNORECASE)


def _claim(question: str, sentence: str) -> Claim:
    words = _meant(sentence)
    (asked,) = standing(words, [question])
    said = tuple(word for word in words if word not in asked)
    names = tuple(name for name in _names(sentence) if name in said)
    stated = _YES_NO.sub("", sentence, count=1) if _YES_NO.match(sentence) else sentence
    return _about(question, sentence, tuple(asked), said, _with_digits(said), names, stated)


def _restated(question: str, answer: str) -> list[Claim]:
    """An answer whose words are the question's."""
    said, yes_no = tuple(_meant(question)), _YES_NO.match(answer)
    (chosen,) = standing(_meant(answer), [question])
    if not chosen and not yes_no:
        return []
    every = bool(yes_no) and not chosen
    names = tuple(_names(question)) if yes_no and every and not yes_no[1] else ()
    numbers = _with_digits(said if every else tuple(chosen))
    stated = " ".join(said) if yes_no else answer
    return [_about(question, answer, tuple(chosen), said, numbers, names, stated, bool(yes_no and yes_no[1]))]


def _about(
    question: str,
    sentence: str,
    asked: tuple[str, ...],
    said: tuple[str, ...],
    numbers: tuple[str, ...],
    names: tuple[str, ...],
    stated: str,
    denied: bool = False,
) -> Claim:
    topic = _meant(question)
    plain = tuple(word for word in topic if word not in _with_digits(tuple(topic)))
    return Claim(sentence, asked, said, numbers, names, tuple(_names(question)), plain, stated, denied)


def _meant(text: str) -> list[str]:
    return [word for word in telling(ungrouped(text)) if word not in DENIALS]


def _with_digits(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if any(character.isdigit() for character in word))


def _names(text: str) -> list[str]:
    """Words that mean one thing: with a digit, with a hyphen, or with a capital letter where no sentence begins."""
    found, text = [], ungrouped(text)
    for first, last in sentences(text):
        for place, match in enumerate(WORD.finditer(text[first:last])):
            special = "-" in match[0] or bool(_with_digits((match[0],))) or (place > 0 and match[0][0].isupper())
            if special and bare(match[0]) not in EMPTY and not is_unspaced(match[0]):
                found.append(bare(match[0]))
    return list(dict.fromkeys(found))
