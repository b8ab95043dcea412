"""Count what is right among the answers to a set of questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from gemma10m.evaluation.journal import ResultRow
from gemma10m.evaluation.report import aligned
from gemma10m.evaluation.squad_score import contains, exact_match, f1, normalised
from gemma10m.library.checking import NO_ANSWER, UNCHECKED, UNVERIFIED, VERIFIED
from gemma10m.passages.statements import REFUSAL
from gemma10m.tasks.question_set import AskedQuestion

RIGHT = 0.5  # F1 from which a verified answer counts as right
VERDICTS = (VERIFIED, UNVERIFIED, NO_ANSWER, UNCHECKED)
HEADINGS = ("questions", "n", "exact", "F1", "contains", "source found", "answered", "verified", "of them right")
SHARES = ("exact", "f1", "contains", "source_found")
KEPT = {"said": str, "verdict": str, "source_found": bool | None, "passages": int, "seconds": float}


@dataclass(frozen=True)
class Outcome:
    """Hold what was said to a question. source_found: None for a question without sources."""

    asked: AskedQuestion
    said: str
    verdict: str
    source_found: bool | None
    passages: int  # given to the model
    seconds: float

    @property
    def prediction(self) -> str:
        """Return what counts as the answer: "" where there is no answer."""
        refused = self.verdict == NO_ANSWER or normalised(self.said) == normalised(REFUSAL)
        return "" if refused or not normalised(self.said) else self.said

    @property
    def answered(self) -> bool:
        return bool(self.prediction)

    @property
    def verified(self) -> bool:
        return self.answered and self.verdict == VERIFIED

    @property
    def exact(self) -> float:
        return exact_match(self.prediction, self.asked.answers)

    @property
    def f1(self) -> float:
        return f1(self.prediction, self.asked.answers)

    @property
    def contains(self) -> bool | None:
        """Tell if what was said, with a verdict or without, has an answer; None for a question that has no answer."""
        return contains(self.said, self.asked.answers) if self.asked.answers else None

    def kept(self) -> ResultRow:
        """Return what `kept_outcome` needs beside the question."""
        return {name: getattr(self, name) for name in KEPT}

    def record(self) -> ResultRow:
        scores = {name: getattr(self, name) for name in ("answered", *SHARES[:3])}
        return {"question": self.asked.question, "answers": list(self.asked.answers), **self.kept(), **scores}


def kept_outcome(asked: AskedQuestion | None, line: ResultRow) -> Outcome | None:
    """Return the outcome that was kept, or None for a line that no outcome of these questions leaves."""
    well_formed = (
        set(line) == set(KEPT)
        and all(isinstance(line[name], kind) for name, kind in KEPT.items())
        and type(line["passages"]) is int
        and line["passages"] >= 0
        and line["verdict"] in VERDICTS
    )
    return Outcome(asked, **line) if asked and well_formed else None


def counted(outcomes: Sequence[Outcome]) -> ResultRow:
    """Return the measured part of a row: over all questions, and over those with and without an answer."""
    answerable = [one for one in outcomes if one.asked.answers]
    others = [one for one in outcomes if not one.asked.answers]
    return {
        "all": _group(outcomes),
        "answerable": _group(answerable),
        "unanswerable": _group(others),
        "false_answers": _mean(one.answered for one in others),
        "refused": _mean(not one.answered for one in answerable),
        "passages": _mean(one.passages for one in outcomes),
        "seconds_per_question": _mean(one.seconds for one in outcomes),
    }


def _group(outcomes: Sequence[Outcome]) -> ResultRow:
    shares = {name: _mean(getattr(one, name) for one in outcomes) for name in SHARES}
    verified = [one for one in outcomes if one.verified]
    return {
        "n": len(outcomes),
        **shares,
        "answered": sum(one.answered for one in outcomes),
        "verified": len(verified),
        "verified_right": sum(one.f1 >= RIGHT for one in verified),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None, or None if all are."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def qa_lines(row: ResultRow) -> Iterator[str]:
    """Yield the row as a table with a line per group of questions, and a sentence."""
    table = [list(HEADINGS)]
    for name in ("all", "answerable", "unanswerable"):
        group = row[name]
        numbers = [f"{group[each]}" for each in ("answered", "verified", "verified_right")]
        table.append([name, f"{group['n']}", *(_percent(group[each]) for each in SHARES), *numbers])
    yield from aligned(table)
    wrong = {"false answers": row["false_answers"], "refused": row["refused"]}
    said = [f"{name} {_percent(share)}" for name, share in wrong.items() if share is not None]
    said += [f"{row['passages']:.1f} passages and {row['seconds_per_question']:.1f} s a question"]
    size = f"{row['bytes']:,} bytes" if row["tokens"] is None else f"{row['tokens']:,} tokens"
    yield "; ".join([*said, f"{size} in the document"])


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
