"""The order of system calls, and what is left when one of them fails."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gemma10m.atomic_file import TEMPORARY_PREFIX, TEMPORARY_SUFFIX, atomic_file, sweep
from gemma10m.errors import DiskError


def write(path: Path, data: bytes = b"new") -> None:
    with atomic_file(path) as file:
        file.write(data)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the durable-write calls in order; each still happens."""
    seen: list[str] = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        seen.append("fsync folder" if stat.S_ISDIR(found.st_mode) else f"fsync file of {found.st_size}")
        fsync(descriptor)

    def recorded_replace(old: str, new: Path) -> None:
        seen.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    return seen


def test_data_reach_the_disk_before_the_name_and_the_name_before_the_return(tmp_path: Path, calls: list[str]) -> None:
    write(tmp_path / "state", b"12345")
    assert calls == ["fsync file of 5", "replace", "fsync folder"]


def test_new_folders_are_private_and_reach_the_disk(tmp_path: Path, calls: list[str]) -> None:
    write(tmp_path / "one" / "two" / "state")
    assert calls == ["fsync folder", "fsync folder", "fsync file of 3", "replace", "fsync folder"]
    for folder in (tmp_path / "one", tmp_path / "one" / "two"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_file_is_private_whatever_stood_there(tmp_path: Path) -> None:
    target = tmp_path / "state"
    target.write_bytes(b"old")
    target.chmod(0o644)
    write(target)
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["state"]


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"old")
    (tmp_path / "state").symlink_to("kept")
    write(tmp_path / "state")
    assert (tmp_path / "kept").read_bytes() == b"old"
    assert not (tmp_path / "state").is_symlink()


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "larger than the system lets a file grow"),
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_a_failing_call_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, sentence: str
) -> None:
    target = tmp_path / "state"
    target.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(DiskError, match=sentence) as error:
        write(target)
    assert str(target) in error.value.message
    assert error.value.hint
    assert error.value.exit_code == 7
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """/dev/full answers every write with ENOSPC: the buffered bytes fail at the flush, inside the block's end."""

    def write_to_a_full_disk() -> None:
        with atomic_file(tmp_path / "state") as file:
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, file.fileno())
            os.close(full)
            file.write(b"new")

    with pytest.raises(DiskError, match="the disk is full"):
        write_to_a_full_disk()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("problem", [KeyboardInterrupt, ValueError])
def test_other_exceptions_pass_and_leave_nothing(tmp_path: Path, problem: type[BaseException]) -> None:
    def give_up_half_way() -> None:
        with atomic_file(tmp_path / "state") as file:
            file.write(b"half")
            raise problem

    with pytest.raises(problem):
        give_up_half_way()
    assert os.listdir(tmp_path) == []


def test_a_file_system_that_cannot_sync_a_folder_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_folder_sync(monkeypatch, errno.EINVAL)
    write(tmp_path / "state")
    assert (tmp_path / "state").read_bytes() == b"new"


def test_any_other_failure_to_sync_the_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_folder_sync(monkeypatch, errno.EIO)
    with pytest.raises(DiskError, match=os.strerror(errno.EIO)):
        write(tmp_path / "state")


def fail_folder_sync(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    fsync = os.fsync

    def fail_on_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_on_folders)


def test_what_is_not_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "device").symlink_to("/dev/null")
    for name in ("folder", "fifo", "device"):
        with pytest.raises(DiskError, match="is not a file"):
            write(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["device", "fifo", "folder"]


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "book").write_bytes(b"text")
    for target in (tmp_path / "book" / "state", tmp_path / "book" / "deeper" / "state"):
        with pytest.raises(DiskError, match="a file is in the place of its folder"):
            write(target)


def test_a_name_too_long(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="the name is too long"):
        write(tmp_path / ("n" * 256))
    write(tmp_path / ("n" * 255))


@pytest.fixture
def unswept() -> Iterator[None]:
    """Forget which folders were swept: it is done once a process."""
    sweep.cache_clear()
    yield
    sweep.cache_clear()


def temporary(folder: Path, name: str) -> Path:
    return folder / f"{TEMPORARY_PREFIX}{name}{TEMPORARY_SUFFIX}"


@pytest.mark.usefixtures("unswept")
def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    temporary(tmp_path, "left").write_bytes(b"half")
    temporary(tmp_path, "empty").touch()
    temporary(tmp_path, "folder").mkdir()
    temporary(tmp_path, "link").symlink_to(tmp_path / "mine.tmp")
    os.mkfifo(temporary(tmp_path, "fifo"))
    (tmp_path / "mine.tmp").write_bytes(b"mine")
    kept = [temporary(tmp_path, name).name for name in ("fifo", "folder", "link")]
    write(tmp_path / "state")
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "mine.tmp", "state"])


@pytest.mark.usefixtures("unswept")
def test_a_file_that_is_being_written_is_not_swept(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "state") as file:
        file.write(b"new")
        sweep.cache_clear()
        sweep(tmp_path)
    assert (tmp_path / "state").read_bytes() == b"new"


@pytest.mark.usefixtures("unswept")
def test_a_file_that_is_swept_before_its_lock_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, swept = fcntl.flock, list[str]()

    def late_lock(descriptor: int, how: int) -> None:
        if not swept and how == fcntl.LOCK_EX:
            swept.extend(os.listdir(tmp_path))
            os.unlink(tmp_path / swept[0])
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late_lock)
    write(tmp_path / "state")
    assert swept
    assert os.listdir(tmp_path) == ["state"]
