"""Download a checkpoint from the Hugging Face hub: only the files a model needs, and only what is missing."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from gemma10m.errors import DiskError
from gemma10m.hub.hub_errors import HUB_FAILURES, disk_errors, explain, offline_error
from gemma10m.hub.listing import ask_hub, choose_files
from gemma10m.hub.partial_file import Meter, RemoteFile, part_path, verify
from gemma10m.hub.transfer import fetch
from gemma10m.weights import downloads
from gemma10m.weights.downloads import Downloaded, StoredFile, is_wanted

LOCK = ".lock"


@dataclass(frozen=True)
class DownloadPlan:
    """Describe what a download would do. revision: the one asked for. Sizes in bytes, parts of files included.

    `choice` says why these files, where the repository has others that would do.
    """

    repository: str
    revision: str | None
    commit: str
    files: tuple[RemoteFile, ...]
    folder: Path
    bytes_here: int
    choice: str = ""

    @property
    def total_bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def bytes_to_fetch(self) -> int:
        return self.total_bytes - self.bytes_here


def plan_download(
    repository: str, revision: str | None = None, *, offline: bool = False, file: str | None = None
) -> DownloadPlan:
    """Ask the hub what a model consists of, and fetch no file. `file` names one of several .gguf files.

    Raises UsageError (impossible name), NetworkError (offline, unreachable, gated), ModelError (no such model, or not
    one this program can use).
    """
    downloads.check_name(repository, revision)
    if offline or constants.HF_HUB_OFFLINE:
        raise offline_error(repository)
    commit, siblings = ask_hub(repository, revision)
    files, choice = choose_files(repository, siblings, file)
    folder = downloads.folder_for(repository, revision)
    bytes_here = sum(_bytes_here(folder, file) for file in files)
    return DownloadPlan(repository, revision, commit, files, folder, bytes_here, choice)


def download(plan: DownloadPlan, on_progress: Callable[[int, int], None]) -> Path:
    """Carry out the plan and return the finished folder; every file in it has the hash the hub lists.

    `on_progress` gets (bytes done, bytes total) about once a MiB; "done" falls when a damaged file starts over.
    Interrupted at any point, a second call resumes where the first stopped. Raises DiskError, NetworkError, ModelError.
    """
    with disk_errors(plan.folder):
        plan.folder.mkdir(parents=True, exist_ok=True)
    with _alone(plan):
        meter = Meter(plan.total_bytes, on_progress)
        stored = {file: verify(plan.folder, file, meter) for file in plan.files}
        missing = [file for file, here in stored.items() if here is None]
        if missing:
            _check_space(plan, missing)
            with disk_errors(plan.folder):
                (plan.folder / downloads.MANIFEST).unlink(missing_ok=True)
        files = [here or _fetch(plan, file, meter) for file, here in stored.items()]
        _finish(plan, files)
        meter.report()
    return plan.folder


def _bytes_here(folder: Path, file: RemoteFile) -> int:
    final = folder / file.path
    if final.is_file() and final.stat().st_size == file.bytes:
        return file.bytes
    return _bytes_of_part(folder, file)


def _bytes_of_part(folder: Path, file: RemoteFile) -> int:
    part = part_path(folder, file)
    size = part.stat().st_size if part.is_file() else 0
    return size if size <= file.bytes else 0


def _check_space(plan: DownloadPlan, missing: list[RemoteFile]) -> None:
    needed = sum(file.bytes - _bytes_of_part(plan.folder, file) for file in missing)
    with disk_errors(plan.folder):
        free = shutil.disk_usage(plan.folder).free
    if needed > free:
        raise DiskError(
            f"{plan.repository} needs {needed:,} more bytes in {plan.folder}, {free:,} are free",
            hint=f"free at least {needed - free:,} bytes, then run the same command again",
        )


@contextmanager
def _alone(plan: DownloadPlan) -> Iterator[None]:
    """Lock the folder against other processes; the lock ends with the process, however that ends."""
    with disk_errors(plan.folder):
        lock = (plan.folder / LOCK).open("wb")
    with lock:
        with disk_errors(plan.folder):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DiskError(
                    f"another process is downloading {plan.repository} into {plan.folder}",
                    hint="wait until it has finished, then run the same command again",
                ) from error
        yield


def _fetch(plan: DownloadPlan, file: RemoteFile, meter: Meter) -> StoredFile:
    try:
        return fetch(plan.repository, plan.commit, file, plan.folder, meter)
    except HUB_FAILURES as error:
        raise explain(error, plan.repository, plan.revision) from error


def _finish(plan: DownloadPlan, files: list[StoredFile]) -> None:
    """Remove what another version left, then write the manifest."""
    keep = {file.path for file in files}
    revision = None if plan.revision == downloads.DEFAULT_REVISION else plan.revision
    with disk_errors(plan.folder):
        for entry in plan.folder.iterdir():
            if entry.name not in keep and is_wanted(entry.name.removesuffix(".part")):
                entry.unlink()
        downloads.write_manifest(plan.folder, Downloaded(plan.repository, revision, plan.commit, tuple(files)))
