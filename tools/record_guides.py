"""Record the sessions of the guides: `python tools/record_guides.py [GUIDE ...] [--manual policy.pdf]`.

Run the commands of `tools/recording/guides.py` with the default model on a pseudo-terminal, in a temporary home folder.
Write docs/guides/transcripts/GUIDE.txt and GUIDE.svg, and the part of docs/guides/GUIDE.md between the marks. The
manual is fetched from a Debian mirror unless its PDF is named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recording.guides import GUIDES, Guide
from recording.judging import Judged, judged
from recording.pages import filled, picture, transcript
from recording.session import ROOT, Desk, Ran

from gemma10m.errors import Gemma10MError, NoAnswer
from gemma10m.terminal import Terminal

PAGES = ROOT / "docs" / "guides"
# The packages of the default model are joined once a machine: users see that before their first answer alone.
FIRST = f'echo "The first text." | gemma10m ask - "What is it?" || test $? -eq {NoAnswer.exit_code}'


@dataclass(frozen=True)
class Recording:
    session: tuple[Ran, ...]
    answers: tuple[Judged, ...]


def record(guide: Guide, manual: Path | None = None) -> Recording:
    """Run the commands of a guide, and its questions a second time as JSON, to judge the answers.

    Raises Gemma10MError if a command fails or does not show an answer that it gives as JSON.
    """
    with tempfile.TemporaryDirectory(prefix="guide-") as home:
        desk = Desk(Path(home))
        desk.prepare()
        guide.lay_out(desk.folder, manual)
        desk.output(FIRST)
        session = tuple(_successful(desk.show(step.command)) for step in guide.steps)
        answers: list[Judged] = []
        for step, ran in zip(guide.steps, session, strict=True):
            if step.known:
                answers += _shown(judged(step.known, desk.output(step.asked_again)), ran)
    return Recording(session, tuple(answers))


def write(guide: Guide, recording: Recording, pages: Path) -> None:
    text, page = transcript(recording.session), pages / f"{guide.name}.md"
    (pages / "transcripts").mkdir(exist_ok=True)
    (pages / "transcripts" / f"{guide.name}.txt").write_text(text, encoding="utf-8")
    (pages / "transcripts" / f"{guide.name}.svg").write_text(picture(guide.name, recording.session), encoding="utf-8")
    page.write_text(filled(page.read_text(encoding="utf-8"), guide.name, text, recording.answers), encoding="utf-8")


def _successful(ran: Ran) -> Ran:
    if ran.status not in (0, NoAnswer.exit_code):
        raise Gemma10MError(f"`{ran.command}` ended with status {ran.status}:\n{transcript([ran])}")
    return ran


def _shown(answers: list[Judged], ran: Ran) -> list[Judged]:
    """Refuse answers that differ from those in the recording."""
    written = " ".join(ran.written.split())
    for answer in answers:
        if " ".join(answer.said.split()) not in written:
            raise Gemma10MError(f"`{ran.command}` did not answer {answer.said!r} when it was recorded")
    return answers


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("guides", nargs="*", metavar="GUIDE", help=f"of {', '.join(GUIDES)}; default: all")
    parser.add_argument("--manual", type=Path, metavar="PDF", help="the Debian Policy Manual, if it is here already")
    chosen = parser.parse_args(words)
    if unknown := set(chosen.guides) - set(GUIDES):
        parser.error(f"no such guide: {', '.join(sorted(unknown))}")
    terminal = Terminal()
    for name in chosen.guides or GUIDES:
        recording = record(GUIDES[name], chosen.manual)
        write(GUIDES[name], recording, PAGES)
        right = sum(answer.right for answer in recording.answers)
        terminal.line(f"{name}: {len(recording.session)} commands, {right} of {len(recording.answers)} answers right")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Gemma10MError as error:
        sys.exit(Terminal().error(error))
