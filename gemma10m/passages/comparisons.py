"""Recognise an English question that asks which of two things was first, or last.

`Who is older, Ferdi Taygan or Mahesh Bhupathi?` is answered by two others, when each was born.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gemma10m.passages.folding import fold

LONGEST = 500  # characters: the search for names takes time that grows with their square
_CAPITAL = r"(?:[^\W\d_a-z][\w'.&!-]*|\d[\w'.-]*)"  # or a number
_SMALL = r"(?:of|the|de|del|du|da|di|la|le|les|y|e|von|van|der|den|to|for|a|an|in|on|at|by|from|with|s|vs\.?|&|'n')"
_NAME = rf'(?:"[^"]{{1,80}}"|{_CAPITAL}(?:,? (?:{_SMALL} ){{0,3}}{_CAPITAL})*)'
_VERB = r"(?:(?:is|are|was|were|does|do|did|has|have) )?(?:the )?"
_PAIR = re.compile(rf"({_NAME})\??,? (or|and) {_VERB}({_NAME})")
_ASKS = re.compile(r"\W*(?:which|who|what|whose|in|between|out of|is|was)\b\s*", re.IGNORECASE)
_BOTH = re.compile(r"\b(?:between|out of)\b", re.IGNORECASE)  # with which `and` names two to choose from
_EVENTS = {  # a question's own word for what is dated: the question about one of the two
    "born": "When was {} born?",
    "younger": "When was {} born?",
    "youngest": "When was {} born?",
    "older": "When was {} born?",
    "oldest": "When was {} born?",
    "died": "When did {} die?",
    "came": "When did {} come out?",
    "come": "When did {} come out?",
    "began": "When did {} begin?",
    "begin": "When did {} begin?",
    "started": "When did {} start?",
    "took place": "When did {} take place?",
    "take place": "When did {} take place?",
    "happened": "When did {} happen?",
    **{
        done: f"When was {{}} {done}?"
        for done in (
            "built|completed|created|discovered|established|filmed|formed|founded|invented|launched|made|opened|"
            "performed|premiered|printed|produced|published|recorded|released|written"
        ).split("|")
    },
}
_EVENT = re.compile(rf"\b(?:{'|'.join(_EVENTS)})\b", re.IGNORECASE)
_EARLIER = re.compile(r"(?<!the )\b(?:first|older|oldest|earlier|earliest)\b(?! when)", re.IGNORECASE)
_LATER = re.compile(
    r"(?<!the )\b(?:younger|youngest|later|latest|newer|newest|last|(?:more|most) recently)\b", re.IGNORECASE
)
_FOUNDED = re.compile(
    r"\b(?:universit|colleg|school|church|compan|band|magazine|newspaper|cit(?:y|ies)\b|town|empire|team|club|museum)",
    re.IGNORECASE,
)
_YES_OR_NO = re.compile(r"\W*(?:are|were|is|do|does|did|have|has)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Ordering:
    """Hold what a question asks the order in time of: `Who was born first, Ann or Bob?`"""

    names: tuple[str, str]
    earlier: bool  # it asks for the earlier of the two
    about: str  # a question about when one of them was, with {} for its name

    def questions(self) -> tuple[str, str]:
        return self.about.format(self.names[0]), self.about.format(self.names[1])


def ordering(question: str) -> Ordering | None:
    """Return the order in time that a question asks for, or None: it says what is dated, and gives two names."""
    text = fold(question)
    event, names = _EVENT.search(text), _names(text)
    earlier, later = bool(_EARLIER.search(text)), bool(_LATER.search(text))
    if not event or not names or earlier == later or _YES_OR_NO.match(text):
        return None
    about = _EVENTS[event[0].lower()]
    if event[0].lower() in ("older", "oldest") and _FOUNDED.search(text):
        about = "When was {} founded?"
    return Ordering(names, earlier, about)


def _names(text: str) -> tuple[str, str] | None:
    """Return the names of the two that a question has to choose from, or None."""
    start, both = 0, _BOTH.search(text)
    if len(text) > LONGEST:
        return None
    while asks := _ASKS.match(text, start):
        start = asks.end()
    while pair := _PAIR.search(text, start):
        if pair[2] == "or" or both:
            return pair[1], pair[3]
        start = pair.start(3)
    return None
