"""Take what a model writes sentence by sentence: only what is new, up to a number of words, and no loop."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Sequence
from itertools import pairwise, zip_longest

from gemma10m.passages.cutting import NUMERAL, sentences
from gemma10m.passages.folding import fold

LEAST, MOST = 0.75, 1.25  # of the words that were asked for
RUN = 10  # words in a row that were said before, in it too, make a sentence a repetition
LONGEST = 80  # words: the end of a longer sentence is not waited for
PASSED_OVER = 2  # sentences in a row: as many that repeat, or do not fit, end a text
TIMES, LOOP = 3, 9  # the same words so often in a row, and as many words in all, are a loop

_OWN_QUESTION = re.compile(r"\b(?:Question|Answer):")
_NUMBER = re.compile(r"(\s*)\d{1,3}[.)]\s+")
_ITEM = re.compile(r"#|[-*•+] |\d+[.)] |[|`]")  # begins a line of its own

Spoken = Generator[str, None, bool]  # pieces of text; True in the end if it was cut off


class Written:
    """Hold what was taken of a text of about `words` words; one sentence is taken whatever its length.

    A model without turns imitates lists and the questions that it was asked: numbers before its lines are left out, and
    a question of its own ends what it has to say.
    """

    def __init__(self, words: int, has_turns: bool = True) -> None:
        self.words, self.count, self.text, self.has_turns = words, 0, "", has_turns
        self._said, self._without_numbers = set[tuple[str, ...]](), Counter[tuple[str, ...]]()
        self._runs = set[tuple[str, ...]]()

    @property
    def is_enough(self) -> bool:
        return self.count >= self.words

    @property
    def is_short(self) -> bool:
        return self.count < LEAST * self.words

    def takes(self, sentence: str) -> bool:
        """Add a sentence, and return True, if it has words, says something new and fits."""
        said, count = _words(NUMERAL.sub("", sentence, 1)), len(sentence.split())
        fits = not self.text or self.count + count <= MOST * self.words
        if not said or not fits or self._repeats(said):
            return False
        self.count, self.text = self.count + count, self.text + sentence
        self._said.add(said)
        self._without_numbers[_without_numbers(said)] += 1
        self._runs |= _runs(said)
        return True

    def before_own_question(self, text: str) -> str:
        """Return the text up to a question that a model without turns asks itself."""
        own = None if self.has_turns else _OWN_QUESTION.search(text)
        return text[: own.start()] if own else text

    def shown(self, sentence: str) -> str:
        """Return the sentence in one line, as it is to be shown if it is taken."""
        line = _on_one_line(sentence if self.text else sentence.lstrip())
        number = None if self.has_turns else _NUMBER.match(line)
        return number[1] + line[number.end() :] if number else line

    def _repeats(self, said: tuple[str, ...]) -> bool:
        """Tell if it was said before, or twice with other numbers, or if a long run of its words was."""
        counted, runs = self._without_numbers[_without_numbers(said)] >= TIMES - 1, _runs(said)
        within = len(runs) < len(said) - RUN + 1
        return said in self._said or counted or within or not self._runs.isdisjoint(runs)


def new_sentences(spoken: Spoken, written: Written) -> Spoken:
    """Yield the sentences that `written` takes, each when the next begins, until it has enough or they repeat.

    A last sentence that was cut off is left out, unless it is all there is.
    """
    waiting, passed_over, finished = " " if written.text else "", 0, True
    while finished:
        try:
            waiting += next(spoken)
        except StopIteration as end:
            cut_off = bool(end.value)
            break
        before = written.before_own_question(waiting)
        finished = before == waiting
        *whole, waiting = _cut(before)
        for sentence in map(written.shown, whole):
            announces = not written.text and sentence.endswith(":")  # "Here is a summary:"
            taken = not announces and written.takes(sentence)
            passed_over = 0 if taken else passed_over + 1
            if taken:
                yield sentence
            if written.is_enough or passed_over >= PASSED_OVER:
                spoken.close()
                return False
        if len(waiting.split()) > LONGEST or _loops(_words(waiting)[:-1]):
            spoken.close()
            return False
    else:
        spoken.close()
        cut_off = False
    last = written.shown(waiting)
    if ((finished and not cut_off) or not written.text) and written.takes(last):
        yield last
    return cut_off


def joined(texts: Sequence[str], words: int) -> str:
    """Join the texts, a paragraph each, to about `words` words: first sentences before second ones, none twice."""
    written, taken = Written(words), [""] * len(texts)
    cut = [[sentence for sentence in _cut(text.strip()) if not sentence.endswith(":")] for text in texts]  # no titles
    for level in zip_longest(*cut, fillvalue=""):
        for at, sentence in enumerate(level):
            if not written.is_enough and written.takes(sentence):
                taken[at] += sentence
    return "\n\n".join(text.strip() for text in taken if text)


def _cut(text: str) -> list[str]:
    """Return the sentences, each with the space before it; more may follow the last, which has the space after it."""
    spans = list(sentences(text, by_line=True))
    ends = [
        last
        for (first, last), (start, stop) in pairwise(spans)
        if not _goes_on(text[first:last], text[last:start], text[start:stop])
    ]
    return [text[first:last] for first, last in zip([0, *ends], [*ends, len(text)], strict=True)]


def _goes_on(line: str, between: str, following: str) -> bool:
    """Tell if a line was only full: models imitate the lines of what they read."""
    ended = line.rstrip("\"'”’)*").endswith((*".!?:。！？",)) or line.startswith("#")
    return between.strip(" \t\r") == "\n" and not ended and not _ITEM.match(following)


def _on_one_line(sentence: str) -> str:
    """Return the sentence in one line, with the space before it."""
    space = sentence[: len(sentence) - len(sentence.lstrip())]
    return (space if "\n" in space else space[:1]) + " ".join(sentence.split())


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", fold(text).casefold()))


def _without_numbers(said: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("0" if word.isdecimal() else word for word in said)


def _runs(said: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {said[at : at + RUN] for at in range(len(said) - RUN + 1)}


def _loops(said: tuple[str, ...]) -> bool:
    """Tell if the text ends in the same words again and again."""
    for size in range(1, len(said) // TIMES + 1):
        times = max(TIMES, -(-LOOP // size))
        if len(said) >= size * times and said[-size * times :] == said[-size:] * times:
            return True
    return False
