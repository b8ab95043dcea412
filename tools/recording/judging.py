"""Compare the answers of a recording with those that a reader found, and write down which are right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from gemma10m.evaluation.squad_score import normalised

VERIFIED = "verified"


@dataclass(frozen=True)
class Known:
    """Hold a question of a recording and what a reader of the document answers."""

    question: str
    answers: tuple[str, ...] = ()  # every right one; none if the document does not say
    source: str = ""  # the sentence that says it


@dataclass(frozen=True)
class Judged:
    known: Known
    said: str  # "" for none
    verdict: str  # the program's

    @property
    def right(self) -> bool:
        """Tell if one of the right answers is, word for word, in what was said; with none, if nothing was said."""
        if not self.known.answers:
            return not self.said
        said = f" {normalised(self.said)} "
        return any(f" {normalised(answer)} " in said for answer in self.known.answers)

    @property
    def sentence(self) -> str:
        """Say in a line of a page if the answer is right, and what the document says if it is not."""
        return f"* *{self.known.question}* {self._outcome()}"

    def _outcome(self) -> str:
        marked = "and verified" if self.verdict == VERIFIED else "and marked as unverified"
        if self.right:
            return f"Right, {marked}." if self.said else "The text does not say, and there is no answer."
        if not self.known.answers:
            return f"Wrong, {marked}: the text does not say."
        found = f"Wrong, {marked}" if self.said else "No answer, though the text has one"
        return f"{found}. Right is *{self.known.answers[0]}*: “{self.known.source}”"


def judged(known: Sequence[Known], lines: str) -> list[Judged]:
    """Judge what `ask --json` wrote. Raises KeyError for a question that was not asked."""
    records = {record["question"]: record for record in map(json.loads, lines.splitlines())}
    return [Judged(one, records[one.question]["answer"].strip(), records[one.question]["verdict"]) for one in known]
