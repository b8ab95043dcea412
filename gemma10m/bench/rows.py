"""A measurement is a row: what was measured, by which command, on which machine, commit and versions.

Rows are lines that are only ever added, all those of one measurement at once.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from io import FileIO
from pathlib import Path

import torch

from gemma10m import __version__
from gemma10m.errors import DiskError

PACKAGES = ("torch", "transformers", "sentencepiece", "safetensors", "triton", "llama-cpp-python")


def append_rows(results: Path, kind: str, command: str, measured: Iterable[Mapping[str, object]]) -> None:
    """Append rows. Raises DiskError; the file is then as it was."""
    around = circumstances()
    append_lines(results, [{"kind": kind, "command": command, **row, **around} for row in measured])


def append_lines(path: Path, lines: Iterable[Mapping[str, object]]) -> None:
    """Append lines. Raises DiskError; the file is then as it was."""
    added = "".join(json.dumps(line) + "\n" for line in lines).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b", buffering=0) as file:
            file.seek(0)
            found = file.read()
            whole = whole_lines(found)
            if whole != found:
                file.truncate(len(whole))
            _write(file, added if whole.endswith(b"\n") or not whole else b"\n" + added)
    except OSError as error:
        hint = "make room on that disk and run the same command again"
        raise DiskError(f"{path} cannot be written: {error.strerror}", hint) from error


def whole_lines(data: bytes) -> bytes:
    """Drop a last line that was cut off, by a kill or by the power."""
    start = data.rfind(b"\n") + 1
    return data[:start] if _is_cut_off(data[start:]) else data


def _is_cut_off(line: bytes) -> bool:
    """Tell if the line is the beginning of an object and no object; other files are left as they are."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return line.startswith(b"{")
    return False


def _write(file: FileIO, data: bytes) -> None:
    """Write all of it or, with an OSError, nothing."""
    size = file.seek(0, os.SEEK_END)
    try:
        while data:
            data = data[file.write(data) :]
    except OSError:
        file.truncate(size)
        raise


def circumstances() -> dict[str, object]:
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "gemma10m": __version__,
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "machine": _machine(),
        "driver": _driver(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
    }


def _machine() -> str:
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores"


def _driver() -> str | None:
    """Return the GPU's driver version."""
    if not torch.cuda.is_available():
        return None
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]  # noqa: S603
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def _commit() -> str | None:
    """Return the commit of this file's checkout, with a + when it has changes; None when installed."""
    here = Path(__file__).resolve().parent
    git = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
