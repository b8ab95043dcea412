"""Choose the passages that are read again, verbatim, between the document's state and the question."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gemma10m.config import ReadingConfig
from gemma10m.memory import KINDS
from gemma10m.passages.cutting import Passage
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.searching import find
from gemma10m.passages.words import standing, telling
from gemma10m.tokens import Tokenizer

SEARCHED = 32  # passages looked at for one question
WHOLE = 256  # tokens of a passage
TWO_SENTENCES = 64  # tokens
MOST_WORDS = 16  # asked for in one sentence: more runs of them take time that grows with their square
SHARE = 2  # excerpts that a budget has room for at least: a value that changed needs both of its sentences
_FORGED = re.compile(
    r"((?:\A|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])[^\w\n]*)[\[\uff3b](?=[^\]\n]*:\s*\d+[^\]\n]*[\]\uff3d])"
)


@dataclass(frozen=True)
class Excerpt:
    """Hold neighbouring sentences of one passage, or words of one sentence."""

    passage: Passage
    first: int  # characters of the passage's text
    last: int
    file: str = ""  # told to the model where this is given

    @property
    def text(self) -> str:
        return self.passage.text[self.first : self.last]

    @property
    def line(self) -> int:
        """Return the 1-based line of the first character."""
        return self.passage.first_line + self.passage.text.count("\n", 0, self.first)

    @property
    def place(self) -> str:
        """Return the page, chapter or cell of the first character, or ""."""
        before = bisect(self.passage.places, self.first, key=lambda place: place[0])
        return self.passage.places[before - 1][1] if before else ""

    @property
    def label(self) -> str:
        place = f" ({self.place})" if self.place else ""
        return f"[{self.file}:{self.line}{place}]\n" if self.file else ""


def default_budget(reading: ReadingConfig) -> int:
    """Return a number of tokens: half a segment, or two sentences; 0 if nothing leaves the window.

    What does not fill a segment lies in two at most, which a carry of one segment keeps in sight: passages, question
    and answer up to its end.
    """
    return max(TWO_SENTENCES, reading.segment // 2) if KINDS[reading.memory].closes else 0


def has_room_for_passages(budget: int) -> bool:
    """Tell if whole passages fit, not only sentences of them."""
    return budget >= SHARE * WHOLE


def retrieve(
    index: PassageIndex, tokenizer: Tokenizer, question: str, budget: int, most: int = SEARCHED
) -> list[Excerpt]:
    """Return the best passages for the question that fit `budget` tokens, `most` at most, in the document's order.

    A passage that is longer than its share of the budget is cut down to the sentences around the best one. A budget
    that has no room for whole passages is kept for those that have as many of the question's words as any, each filled
    up with words of the sentences beside it, for words alone: where they stand is left out.
    """
    words, left, found = telling(question), budget, list[Excerpt]()
    roomy = has_room_for_passages(budget)
    for passage in find(index, question, SEARCHED) if roomy else _fullest(words, index.search(words, SEARCHED)):
        if len(found) == most:
            break
        whole = Excerpt(passage, 0, len(passage.text), index.files[passage.file][0] if roomy else "")
        room = min(left, budget // SHARE)
        excerpt = best_excerpt(whole, index.spans(passage), words, tokenizer, room)
        if excerpt is not None:
            excerpt = excerpt if roomy else _filled(excerpt, tokenizer, room)
            found.append(excerpt)
            left -= len(tokenizer.encode(shown([excerpt])))
    return sorted(found, key=lambda excerpt: (excerpt.passage.file, excerpt.passage.start))


def _fullest(words: Sequence[str], passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages that have as many of the words as any."""
    scores = scored(words, [passage.text for passage in passages])
    most = max(scores, default=0)
    return [passage for passage, score in zip(passages, scores, strict=True) if score == most]


def best_excerpt(
    whole: Excerpt, spans: Sequence[tuple[int, int]], words: Sequence[str], tokenizer: Tokenizer, room: int
) -> Excerpt | None:
    """Return the sentence with the most of the words, and as many after and before it as fit. Of one that does not fit
    alone, the words around those that were asked for; None where not even one of these does.
    """
    if not spans:
        return None
    scores = scored(words, [whole.text[slice(*span)] for span in spans])
    best = scores.index(max(scores))
    return _widest(whole, spans, (best, best), tokenizer, room) or _best_words(
        whole, spans[best], words, tokenizer, room
    )


def _filled(excerpt: Excerpt, tokenizer: Tokenizer, room: int) -> Excerpt:
    """Add as many words of the next sentence, and of the one before, as fit."""
    spans = [match.span() for match in re.compile(r"\S+").finditer(excerpt.passage.text)]
    inside = [place for place, span in enumerate(spans) if span[1] > excerpt.first and span[0] < excerpt.last]
    return _widest(excerpt, spans, (inside[0], inside[-1]), tokenizer, room) or excerpt


def _best_words(
    whole: Excerpt, sentence: tuple[int, int], words: Sequence[str], tokenizer: Tokenizer, room: int
) -> Excerpt | None:
    """Return the words around as many of those asked for as fit: a line where one has them all, which leaves more room
    for other passages.
    """
    lines = [match.span() for match in re.compile(r"[^\n]+").finditer(whole.text, *sentence)]
    *each, most = scored(words, [whole.text[slice(*span)] for span in (*lines, sentence)])
    if most in each:
        line = each.index(most)
        if found := _widest(whole, lines, (line, line), tokenizer, room):
            return found
    spans = [match.span() for match in re.compile(r"\S+").finditer(whole.text, *sentence)]
    scores = scored(words, [whole.text[slice(*span)] for span in spans])
    asked = [place for place, score in enumerate(scores) if score] or [0]
    asked = asked[:MOST_WORDS]
    for count in range(len(asked), 0, -1):
        runs = [(asked[first], asked[first + count - 1]) for first in range(len(asked) - count + 1)]
        for run in sorted(runs, key=lambda run: run[1] - run[0]):
            if found := _widest(whole, spans, run, tokenizer, room):
                return found
    return None


def _widest(
    whole: Excerpt, spans: Sequence[tuple[int, int]], least: tuple[int, int], tokenizer: Tokenizer, room: int
) -> Excerpt | None:
    """Return the stretch from the first to the last span of `least`, and as many after and before them as fit."""
    start, stop = least

    def cut(start: int, stop: int) -> Excerpt:
        return replace(whole, first=spans[start][0], last=spans[stop][1])

    def fits(start: int, stop: int) -> bool:
        return len(tokenizer.encode(shown([cut(start, stop)]))) <= room

    if not fits(start, stop):
        return None
    while stop + 1 < len(spans) and fits(start, stop + 1):
        stop += 1
    while start and fits(start - 1, stop):
        start -= 1
    return cut(start, stop)


def scored(words: Sequence[str], texts: Sequence[str]) -> list[int]:
    """Count the words that each text has; where none has any, how many as parts of others, as names in code are."""
    whole = [len(found) for found in standing(words, texts)]
    return whole if any(whole) else [sum(word in text.lower() for word in words) for text in texts]


def shown(excerpts: Sequence[Excerpt]) -> str:
    """Return the excerpts as the model reads them: a paragraph each, behind where it stands. What looks like a label in
    the text of one has another bracket: a document is not to speak for another.
    """
    return "".join(f"\n\n{excerpt.label}{_FORGED.sub(_rounded, excerpt.text)}" for excerpt in excerpts)


def _rounded(match: re.Match[str]) -> str:
    return f"{match[1]}("
