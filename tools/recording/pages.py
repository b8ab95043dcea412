"""Write a recording: as text, as a picture, and into the page of its guide."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

from recording.judging import Judged
from recording.screen import Screen
from recording.session import COLUMNS, Ran

BEGIN, END = "<!-- recording -->", "<!-- end recording -->"
FONTS = re.compile(r"@font-face \{\{.*?\}\}\n", re.DOTALL)  # which a browser would fetch over the network
PROMPT, CONTINUED = "$ ", "> "


def transcript(session: Sequence[Ran]) -> str:
    """Return the commands behind `$`, and what a terminal shows below each."""
    return "\n".join("".join(f"{line}\n" for line in _shown(ran, coloured=False)) for ran in session)


def commands(text: str) -> list[str]:
    """Return the commands of a transcript."""
    found: list[str] = []
    continued = False
    for line in text.splitlines():
        if continued and line.startswith(CONTINUED):
            found[-1] += "\n" + line.removeprefix(CONTINUED)
        elif line.startswith(PROMPT):
            found.append(line.removeprefix(PROMPT))
        else:
            continue
        continued = line.endswith("\\")
    return found


def picture(name: str, session: Sequence[Ran]) -> str:
    """Return the transcript as SVG, in the colours of a terminal."""
    console = Console(file=io.StringIO(), width=COLUMNS, record=True, force_terminal=True, highlight=False)
    for number, ran in enumerate(session):
        for line in ["", *_shown(ran, coloured=True)][not number :]:
            console.print(Text.from_ansi(line))
    template = FONTS.sub("", CONSOLE_SVG_FORMAT)
    found = console.export_svg(title=f"gemma10m: {name}", code_format=template, unique_id=f"recording-{name}")
    return "".join(f"{line.rstrip()}\n" for line in found.splitlines())


def filled(page: str, name: str, text: str, answers: Sequence[Judged]) -> str:
    """Return the page with a recording between its marks. Raises ValueError for a page without marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{_block(name, text, answers)}{END}{after}"


def _block(name: str, text: str, answers: Sequence[Judged]) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    right = sum(one.right for one in answers)
    lines = [f"{fence}text", *text.splitlines(), fence, ""]
    lines += [f"The same [in colour](transcripts/{name}.svg) and [as text](transcripts/{name}.txt).", ""]
    lines += [f"Right answers: {right} of {len(answers)}.", ""]
    lines += [one.sentence for one in answers]
    return "".join(f"{line}\n" for line in lines)


def _shown(ran: Ran, coloured: bool) -> list[str]:
    """Return the lines of a command and of what it wrote."""
    first, *more = ran.command.split("\n")
    prompt = "\x1b[0;1;32m$\x1b[0m " if coloured else PROMPT
    screen = Screen(COLUMNS)
    screen.feed(ran.written)
    lines = [*(screen.coloured_lines() if coloured else screen.lines())]
    while lines and not lines[-1].strip():
        lines.pop()
    return [prompt + first, *(CONTINUED + line for line in more), *lines]
