"""Lay out the documents that the guides ask about."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from fetch_manuals import LARGEST, POLICY
from prose.deb import open_deb
from prose.fetch import fetch_deb

from gemma10m.hub.partial_file import Meter
from gemma10m.terminal import Terminal
from recording.session import ROOT

# A part of this project as it is: small enough that a test with a model that reads every token takes seconds.
PROJECT = ("README.md", "CONTRIBUTING.md", "pyproject.toml", ".gitignore", "gemma10m/*.py", "docs/st*.md")


def lay_out_novel(folder: Path, manual: Path | None) -> None:
    shutil.copyfile(ROOT / "examples" / "persuasion.txt", folder / "persuasion.txt")


def lay_out_mailbox(folder: Path, manual: Path | None) -> None:
    shutil.copyfile(ROOT / "examples" / "mailbox.mbox", folder / "mailbox.mbox")


def lay_out_manual(folder: Path, manual: Path | None) -> None:
    """Copy the Debian Policy Manual. manual: its PDF, if it need not be fetched."""
    path = folder / "policy.pdf"
    if manual:
        shutil.copyfile(manual, path)
    else:
        path.write_bytes(_fetched())


def lay_out_repository(folder: Path, manual: Path | None) -> None:
    """Make a git repository of some files of this project, with a key and a build beside them."""
    project = folder / "project"
    for pattern in PROJECT:
        for path in sorted(ROOT.glob(pattern)):
            copy = project / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    (project / "build").mkdir()
    (project / "build" / "output.log").write_text("built\n")
    (project / ".env").write_text("TOKEN=secret\n")
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)


def _fetched() -> bytes:
    with Terminal().byte_progress("fetching", POLICY.size) as bar:
        meter = Meter(POLICY.size, lambda done, _: bar.update(done))
        package = fetch_deb(POLICY, meter)
        meter.report()
    return POLICY.files(open_deb(package, LARGEST).files)["policy.pdf"]
