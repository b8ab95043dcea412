"""The commands of the quick start and of the guides run as they are written, with the demo as the default model.

A block of `sh` holds commands; one of `console` has its commands after `$ ` and, below each, what it writes to standard
output. A comment in front of a block keeps it from being run: `<!-- not run: REASON -->`. The sessions on
the pages were recorded with the default model (`tools/record_guides.py`); here their commands run with the demo.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from formats import pdf, zipped
from record_guides import record
from recording.guides import GUIDES, Guide
from recording.pages import BEGIN, END, commands

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "docs" / "quick-start.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
TRANSCRIPTS = ROOT / "docs" / "guides" / "transcripts"
BLOCK = re.compile(r"(?:<!-- (?P<why>[^>]*) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
PROSE = "Anne lived by the sea in Lyme, and walked there. "
# The demo takes the place of the default model, and summaries are short: it would take minutes a page otherwise.
# Nor is it the page's fault where the demo has no answer, or the desk's file has no passage.
PROGRAM = f"""#!{sys.executable}
import sys
from gemma10m.cli import main
words = sys.argv[1:]
if words[:1] in (["ask"], ["read"], ["read-all"], ["summarize"]) and not {{"-m", "--model"}} & set(words):
    words += ["-m", "demo"]
if words[:1] == ["summarize"]:
    words += ["--max-new-tokens", "4"]
sys.argv[1:] = words
if __name__ == "__main__":  # as installed programs have it: workers import this file
    try:
        main()
    except SystemExit as end:
        sys.exit(0 if end.code == 10 and "--strict" not in words else end.code)
"""


@dataclass(frozen=True)
class Block:
    kind: str
    text: str
    skipped: bool

    @property
    def script(self) -> str:
        if self.kind == "sh":
            return self.text
        return "".join(line[2:] + "\n" for line in self.text.splitlines() if line.startswith("$ "))

    @property
    def output(self) -> str | None:
        if self.kind == "sh":
            return None
        return "".join(line + "\n" for line in self.text.splitlines() if not line.startswith("$ "))


def blocks(page: str) -> list[Block]:
    found = [
        Block(match["kind"], match["text"], (match["why"] or "").startswith("not run: "))
        for match in BLOCK.finditer(page)
    ]
    return [block for block in found if block.kind in ("sh", "console")]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return a folder with what the guides speak of, and the program on its path."""
    novel = (ROOT / "examples" / "persuasion.txt").read_text(encoding="utf-8")
    fact = novel.index("One of the special magic numbers")
    (tmp_path / "book.txt").write_text(novel[fact - 1_500 : fact + 1_500], encoding="utf-8")
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "persuasion.txt").write_text(novel, encoding="utf-8")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("def main() -> None:\n    print('hello')\n")
    (tmp_path / "src" / "README.md").write_text("# A program\n\nIt greets.\n")
    (tmp_path / "src.zip").write_bytes(zipped({"src/main.py": "print('hello')\n"}))
    (tmp_path / "thesis.pdf").write_bytes(pdf("The trust paid for it.", "It was late."))
    (tmp_path / "page.html").write_text("<h1>A page</h1><p>Nothing is on it.</p>")
    (tmp_path / "notes.txt.gz").write_bytes(gzip.compress(PROSE.encode()))
    (tmp_path / "questions.txt").write_text("What is this?\nWhich function greets?\n")
    shutil.copyfile(ROOT / "examples" / "mailbox.mbox", tmp_path / "events.mbox")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gemma10m").write_text(PROGRAM)
    (tmp_path / "bin" / "gemma10m").chmod(0o700)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    return tmp_path


def run(script: str, desk: Path) -> subprocess.CompletedProcess[str]:
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    own = {"PATH": f"{desk / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": search, "XDG_CACHE_HOME": str(desk / "cache")}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=desk,
        env=os.environ | own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_guide_run_as_they_are_written(page: Path, desk: Path) -> None:
    found = blocks(page.read_text(encoding="utf-8"))
    assert any(not block.skipped for block in found)
    for block in found:
        if block.skipped:
            continue
        done = run(block.script, desk)
        assert done.returncode == 0, f"{block.script}\n{done.stderr}"
        assert block.output in (None, done.stdout), block.script


def test_every_block_with_commands_is_run_or_says_why_not() -> None:
    for page in PAGES:
        found = list(BLOCK.finditer(page.read_text(encoding="utf-8")))
        assert found, page.name
        plain = [match["text"] for match in found if not match["kind"]]
        assert not [text for text in plain if text.startswith(("gemma10m", "pip"))], page.name


def test_a_block_of_console_has_commands_and_their_output() -> None:
    text = "Text.\n\n```console\n$ echo one\none\n$ echo two\ntwo\n```\n\n<!-- not run: slow -->\n```sh\nsleep 9\n```\n"
    first, second = blocks(text)
    assert (first.script, first.output, first.skipped) == ("echo one\necho two\n", "one\ntwo\n", False)
    assert (second.script, second.output, second.skipped) == ("sleep 9\n", None, True)


def committed(guide: Guide) -> str:
    """Return a guide's transcript."""
    return (TRANSCRIPTS / f"{guide.name}.txt").read_text(encoding="utf-8")


@pytest.fixture(params=GUIDES.values(), ids=lambda guide: guide.name)
def guide(request: pytest.FixtureRequest) -> Guide:
    found: Guide = request.param
    return found


def test_a_page_shows_its_recording(guide: Guide) -> None:
    page = (ROOT / "docs" / "guides" / f"{guide.name}.md").read_text(encoding="utf-8")
    shown = page.partition(BEGIN)[2].partition(END)[0]
    assert f"text\n{committed(guide)}```" in shown
    asked = [known.question for step in guide.steps for known in step.known]
    assert re.findall(r"^\* \*(.*?)\*", shown, re.MULTILINE) == asked
    assert (
        (ROOT / "docs" / "guides" / "transcripts" / f"{guide.name}.svg")
        .read_text(encoding="utf-8")
        .endswith("</svg>\n")
    )


def test_a_recording_has_the_commands_of_its_guide_and_no_path_of_a_machine(guide: Guide) -> None:
    assert commands(committed(guide)) == [step.command for step in guide.steps]
    assert not re.search(r"(?<!\S)/(?:tmp|home|root|Users)/", committed(guide))


def test_recorded_commands_run(guide: Guide, desk: Path) -> None:
    manual = desk / "manual.pdf"
    manual.write_bytes(pdf(*(f"On page {page} /run is cleared at boot, and a reboot required." for page in range(99))))
    guide.lay_out(desk, manual)
    for step in guide.steps:
        if "| jq " in step.command and not shutil.which("jq"):
            continue  # which no package of Python brings
        done = run(step.command, desk)
        assert done.returncode == 0, f"{step.command}\n{done.stderr}"
    several = max(guide.steps, key=lambda step: len(step.known))
    asked = [json.loads(line)["question"] for line in run(several.asked_again, desk).stdout.splitlines()]
    assert asked == [known.question for known in several.known]


@pytest.mark.real_weights
def test_a_fresh_recording_of_the_novel_has_the_same_commands() -> None:
    """Compare no answers: they may differ from one processor to another."""
    found = record(GUIDES["books"])
    assert [ran.command for ran in found.session] == commands(committed(GUIDES["books"]))
    assert {ran.status for ran in found.session} <= {0, 10}
    assert all("\n" in ran.written for ran in found.session)
