"""Split an answer into statements: its sentences, each with what it leaves to the question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gemma10m.passages.comparable import Term, as_asked, read_terms
from gemma10m.passages.cutting import sentences
from gemma10m.passages.folding import fold
from gemma10m.passages.matching import content

NOT_IN_TEXT = "The text does not contain the answer."
REFUSAL = "not in the text"  # what models are taught to say where it does not
LONGEST_REFUSAL = 160  # characters in which a refusal shows: the longest pattern has 80 before its own words
_YES_NO = re.compile(r"\A\W*(?:yes|(no)(?=\s*(?:[^\w\s]|$)))\b[\s,.:;!-]*", re.IGNORECASE)
_TEXT = r"(?:the|this) (?:\w+ )?(?:text|document|passage|excerpt|context|story|book|file)s?"
_SAID = r"(?:mentioned|stated|said|specified|given|provided|described|contained)"
_NOT = r"(?: not|n't)"
_REFUSALS = (
    rf"i(?: do{_NOT}| can{_NOT}| cannot| can't| could{_NOT}| have no)(?: \w+ly)?"
    r" (?:know|tell|say|find|answer|determine|remember|recall|idea|information)\b.*",
    r"(?:i am|i'm) (?:not (?:sure|certain|able)|unable)\b.*",
    rf".{{0,80}}\b(?:is|are|was|were){_NOT} (?:{_SAID}|in {_TEXT})\b.*",
    rf"{_TEXT} (?:do{_NOT}|does{_NOT}|did{_NOT}|never) (?:say|mention|contain|state|specify|tell|give)s?\b.*",
    r"(?:there is )?no (?:information|mention|answer|indication)\b.*",
    "unknown",
    rf"not in {_TEXT}",
)
_REFUSAL = re.compile(rf"(?:(?:sorry|unfortunately|well|but|no)\b[,.]? )*(?:{'|'.join(_REFUSALS)})[.!]*", re.IGNORECASE)
_ASSERTION = re.compile(r".*?\b(?:is|are|was|were)\b\W+(?!not?\b|n')(?:\d|\w{4}|\w+\W)", re.IGNORECASE | re.DOTALL)
_AMOUNT = re.compile(r"\b(how )(?:many|much|long|old|often|far|big|large|tall|high|wide|deep)\b", re.IGNORECASE)
_FIRST = re.compile(r"\W*(\w+)")
_AUXILIARY = "did|does|do|is|are|was|were|has|have|had|will|would|can|could|shall|should|may|might|must|else"
_ASKING = frozenset(("who", "whom", "whose", "which"))
_CHOICE = re.compile(r",|\bor\b")
_SUBJECT_ASKED = re.compile(rf"\W*who (?!(?:{_AUXILIARY})\b)", re.IGNORECASE)
_OBJECT_ASKED = re.compile(r"\W*(?:who|whom|what) (?:did|does|do)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """Hold one sentence of an answer."""

    sentence: str
    tokens: Sequence[Term]
    asked: Sequence[Term] = ()  # what it leaves to the question; nothing when it names what the question is about
    question: Sequence[Term] = ()
    answer_first: bool | None = None  # whether it comes before or after the question's own words in a statement

    @property
    def names(self) -> list[Term]:
        """Return what must be found beside it: names and numbers in the question that the answer leaves out."""
        return [token for token in content(self.asked) if is_naming(token)]


def statements(question: str, answer: str) -> list[Statement]:
    """Return the statements: none of an answer that asks, or begins by saying that it knows nothing."""
    if says_nothing(answer):
        return []
    said = [part for part in _told(answer) if not is_refusal(part)]
    asked, *read = read_terms([_AMOUNT.sub(r"\1", fold(question)), *(_YES_NO.sub("", part, 1) for part in said)])
    return [_statement(question, _without_capital(asked, question), *each) for each in zip(said, read, strict=True)]


def says_nothing(answer: str) -> bool:
    """Return whether the answer is empty, only asks, or begins by saying that it knows nothing."""
    told = _told(answer)
    return not told or is_refusal(told[0])


def begins_to_say(answer: str) -> bool:
    """Return whether an answer that is not whole yet says something, however it continues.

    Its last sentence may continue, so that the one before decides, or what the last one has: a verb that refusals do
    not have, or more characters than they need.
    """
    spans = list(sentences(answer))
    ended = answer[: spans[-1][0]] if spans else ""
    decided = len(answer) > LONGEST_REFUSAL or _ASSERTION.match(fold(answer))
    return not says_nothing(ended) or bool(decided and not says_nothing(answer))


def _told(answer: str) -> list[str]:
    """Return the sentences that are not questions."""
    parts = (answer[first:last] for first, last in sentences(answer))
    return [part for part in parts if not part.rstrip("\"'”’)* ").endswith(("?", "？"))]


def repeats_question(question: str, said: Sequence[Statement]) -> bool:
    """Return whether the statements have no word but the question's, which asks for one: it is not to be said yes to,
    and names nothing to choose from.
    """
    first = _FIRST.match(fold(question))
    if not first or re.fullmatch(_AUXILIARY, first[1], re.IGNORECASE) or _CHOICE.search(question):
        return False
    return all(any(asked.says(token) for asked in each.question) for each in said for token in content(each.tokens))


def _without_capital(asked: Sequence[Term], question: str) -> Sequence[Term]:
    """Treat the question's first word as no name: every first word has a capital."""
    first = _FIRST.match(fold(question))
    if not asked or asked[0].kind != "name" or not first or first[1].casefold() != asked[0].plain:
        return asked
    return [replace(asked[0], kind="word", phrase=-1), *asked[1:]]


def is_refusal(sentence: str) -> bool:
    text = " ".join(fold(sentence).split())
    return bool(_REFUSAL.fullmatch(text)) and not re.search(r"\b(?:but|however)\b", text[1:], re.IGNORECASE)


def is_naming(token: Term) -> bool:
    return token.kind in ("name", "number") or token.special


def _statement(question: str, asked: Sequence[Term], sentence: str, tokens: Sequence[Term]) -> Statement:
    said = content(tokens)
    yes_no = _YES_NO.match(sentence)
    if yes_no and not said:
        denial = [Term("negation", "")] if yes_no[1] else []
        return Statement(sentence, [*as_asked(asked), *denial], question=asked)
    asked = [token for token in as_asked(asked) if token.plain not in _ASKING]
    left = [token for token in _chosen(asked, said) if not any(each.says(token) for each in said)]
    names = [token for token in content(asked) if is_naming(token)]
    topic = content(left)
    settled = not any(map(is_naming, topic)) if names else not topic
    if settled and any(token.kind != "number" for token in said):
        return Statement(sentence, tokens, question=asked)
    whole = fold(question)
    first = True if _SUBJECT_ASKED.match(whole) else False if _OBJECT_ASKED.match(whole) else None
    if first and any(token.link == "by" for token in said):
        first = False  # it was made by Anne: who did it stands last
    return Statement(sentence, tokens, left, asked, first)


def _chosen(asked: Sequence[Term], said: Sequence[Term]) -> list[Term]:
    """Return the question's tokens, without those that the answer chose another of: is it Anne or Mary?"""
    others = set[int]()
    for at, token in enumerate(asked):
        beside = [place for place in (at - 1, at + 1) if 0 <= place < len(asked)]
        if token.key == "or" and any(each.says(asked[place]) for each in said for place in beside):
            others.update(beside)
    return [token for at, token in enumerate(asked) if at not in others]
