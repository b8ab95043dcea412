"""Downloads that are interrupted, damaged or run out of disk, against a hub on 127.0.0.1."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import REPOSITORY, FakeHub
from hub_client import (
    FILES,
    FOLDER_NAME,
    MIB,
    OTHER,
    SHARD,
    TOTAL,
    assert_finished,
    assert_unfinished,
    fetch_all,
    ready_client,
)

from gemma10m.errors import DiskError, NetworkError
from gemma10m.folders import models_folder
from gemma10m.hub import client, partial_file, transfer
from gemma10m.weights import downloads

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with ready_client(tmp_path, monkeypatch) as hub_server:
        yield hub_server


# --- interruptions

IN_A_NEW_PROCESS = """
from gemma10m.errors import Gemma10MError
from gemma10m.hub import client, transfer
from gemma10m.weights import downloads
import sys
transfer.BACKOFF_SECONDS = 0
try:
    plan = client.plan_download(downloads.DEFAULT_MODEL)
    print(plan.bytes_here)
    client.download(plan, lambda done, total: None)
except Gemma10MError as error:
    print(type(error).__name__, error.message, error.hint, sep="\\n")
    sys.exit(error.exit_code)
sys.exit(100 if "torch" in sys.modules else 0)
"""


def new_process(fake: FakeHub) -> subprocess.Popen[str]:
    environment = {**os.environ, "HF_ENDPOINT": fake.url, "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-W", "error", "-c", IN_A_NEW_PROCESS]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_a_cut_download_goes_on_in_a_new_process(fake: FakeHub) -> None:
    fake.faults.cut_after[SHARD] = [MIB + 77] + [0] * transfer.TRIES
    first = new_process(fake)
    words = first.communicate()[0].splitlines()
    assert (first.returncode, words[1]) == (8, "NetworkError")
    assert f"{SHARD} stopped at {MIB + 77:,} of {len(FILES[SHARD]):,} bytes" in words[2]
    assert f"resumes from {MIB + 77:,} bytes" in words[3]
    assert_unfinished()
    fake.sent.clear()
    fake.faults.cut_after.clear()
    second = new_process(fake)
    here = int(second.communicate()[0])
    assert second.returncode == 0
    assert fake.sent == {SHARD: len(FILES[SHARD]) - MIB - 77, OTHER: len(FILES[OTHER])}
    assert here == TOTAL - sum(fake.sent.values())
    assert_finished(models_folder() / FOLDER_NAME)


def test_a_killed_download_loses_nothing_and_leaves_no_lock(fake: FakeHub) -> None:
    fake.faults.stall_after[SHARD] = MIB + 5
    part = models_folder() / FOLDER_NAME / f"{SHARD}.part"
    with new_process(fake) as process:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size == MIB + 5) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert_unfinished()
    fake.faults.stall_after.clear()
    fake.sent.clear()
    assert_finished(fetch_all())
    assert fake.sent == {SHARD: len(FILES[SHARD]) - MIB - 5, OTHER: len(FILES[OTHER])}


def test_cut_connections_are_resumed_at_once(fake: FakeHub) -> None:
    fake.faults.cut_after[SHARD] = [1, 100_000, 0, MIB]
    assert_finished(fetch_all())
    assert fake.sent[SHARD] == len(FILES[SHARD])


def test_waits_longer_after_each_failure(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    monkeypatch.setattr(transfer, "BACKOFF_SECONDS", 0.5)
    fake.faults.cut_after[SHARD] = [0] * transfer.TRIES
    with pytest.raises(NetworkError, match="after 5 tries: the connection broke"):
        fetch_all()
    assert waits == [0.5, 1, 2, 4]


def test_any_prefix_on_disk_is_gone_on_from(fake: FakeHub) -> None:
    folder = fetch_all()
    for size in (0, 1, MIB, len(FILES[SHARD]) - 1, len(FILES[SHARD])):
        (folder / SHARD).rename(folder / f"{SHARD}.part")
        os.truncate(folder / f"{SHARD}.part", size)
        fake.sent.clear()
        assert_finished(fetch_all())
        assert fake.sent[SHARD] == len(FILES[SHARD]) - size


def test_a_part_longer_than_the_file_starts_over(fake: FakeHub) -> None:
    folder = fetch_all()
    (folder / SHARD).unlink()
    (folder / f"{SHARD}.part").write_bytes(FILES[SHARD] + b"more")
    assert_finished(fetch_all())


def test_two_processes_do_not_write_into_one_folder(fake: FakeHub) -> None:
    plan = client.plan_download(REPOSITORY)
    refused: list[DiskError] = []

    def meanwhile(done: int, total: int) -> None:
        if not refused:
            with pytest.raises(DiskError, match="another process is downloading") as caught:
                client.download(plan, lambda done, total: None)
            refused.append(caught.value)

    assert_finished(client.download(plan, meanwhile))
    assert "wait until it has finished" in refused[0].hint


# --- damage


def test_a_flipped_bit_is_found_and_the_file_fetched_again(fake: FakeHub) -> None:
    fake.faults.flip.update({SHARD: 1, "config.json": 1})
    assert_finished(fetch_all())
    assert fake.sent[SHARD] == 2 * len(FILES[SHARD])


@pytest.mark.parametrize("name", [SHARD, "config.json"])
def test_a_bit_that_flips_twice_is_an_error_that_names_the_file(fake: FakeHub, name: str) -> None:
    fake.faults.flip[name] = 2
    with pytest.raises(NetworkError, match=f"{name} arrived damaged twice"):
        fetch_all()
    folder = models_folder() / FOLDER_NAME
    assert not list(folder.glob(f"{name}*"))
    assert_unfinished()


def test_a_damaged_part_on_disk_is_thrown_away(fake: FakeHub) -> None:
    folder = fetch_all()
    (folder / SHARD).unlink()
    (folder / f"{SHARD}.part").write_bytes(bytes(MIB))
    assert_finished(fetch_all())


@pytest.mark.parametrize("damage", ["flip", "truncate"])
def test_a_damaged_file_on_disk_is_fetched_again(fake: FakeHub, damage: str) -> None:
    shard = fetch_all() / SHARD
    content = bytearray(FILES[SHARD])
    content[MIB] ^= 1
    shard.write_bytes(content if damage == "flip" else content[:-1])
    assert (downloads.find_downloaded(REPOSITORY) is None) == (damage == "truncate")
    fake.sent.clear()
    assert_finished(fetch_all())
    assert set(fake.sent) == {SHARD}


def test_a_damaged_model_is_not_called_finished_before_it_is_repaired(fake: FakeHub) -> None:
    shard = fetch_all() / SHARD
    shard.write_bytes(bytes(len(FILES[SHARD])))
    fake.faults.cut_after[SHARD] = [0] * transfer.TRIES
    with pytest.raises(NetworkError):
        fetch_all()
    assert_unfinished()


def test_a_server_that_ignores_range_starts_over_from_zero(fake: FakeHub) -> None:
    fake.faults.ignore_range = True
    fake.faults.cut_after[SHARD] = [MIB + 1, 3]
    assert_finished(fetch_all())
    assert fake.asked(SHARD)[1].range == f"bytes={MIB + 1}-"
    assert fake.sent[SHARD] == len(FILES[SHARD]) + MIB + 4


def test_a_server_that_ignores_range_and_always_breaks_off_is_given_up(fake: FakeHub) -> None:
    fake.faults.ignore_range = True
    fake.faults.cut_after[SHARD] = [2 * MIB, 3] * 20
    with pytest.raises(NetworkError, match="stopped at"):
        fetch_all()
    assert len(fake.asked(SHARD)) <= transfer.TRIES + 1


def test_a_wrong_content_range_is_never_written(fake: FakeHub) -> None:
    fake.faults.cut_after[SHARD] = [MIB]
    fake.faults.wrong_range[SHARD] = 1
    assert_finished(fetch_all())
    assert fake.sent[SHARD] < 2 * len(FILES[SHARD])
    (models_folder() / FOLDER_NAME / SHARD).unlink()
    fake.faults.cut_after[SHARD] = [MIB]
    fake.faults.wrong_range[SHARD] = 99
    with pytest.raises(NetworkError, match="the server answered with 'bytes 1048583-"):
        fetch_all()


def test_a_server_that_never_ends_is_cut_off(fake: FakeHub) -> None:
    fake.faults.endless = True
    assert_finished(fetch_all())


def test_a_file_shorter_than_listed_is_an_error(fake: FakeHub) -> None:
    fake.files[SHARD] = FILES[SHARD][:-10]
    with pytest.raises(NetworkError, match="answered 416"):
        fetch_all()
    assert_unfinished()


# --- disks


def test_a_disk_too_small_is_found_before_the_first_byte(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, TOTAL - 1))
    with pytest.raises(DiskError, match=f"needs {TOTAL:,} more bytes in .*, {TOTAL - 1:,} are free") as caught:
        fetch_all()
    assert "free at least 1 bytes" in caught.value.hint
    assert not fake.sent


def test_only_the_missing_bytes_need_space(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fetch_all()
    (folder / SHARD).rename(folder / f"{SHARD}.part")
    os.truncate(folder / f"{SHARD}.part", MIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, len(FILES[SHARD]) - MIB))
    assert_finished(fetch_all())


@pytest.mark.parametrize(("code", "message"), [(errno.ENOSPC, "the disk is full"), (errno.EIO, "cannot use")])
def test_a_disk_that_fails_while_writing(
    fake: FakeHub, monkeypatch: pytest.MonkeyPatch, code: int, message: str
) -> None:
    class Failing(partial_file.FileIO):
        def write(self, data: bytes) -> int:
            if self.tell() >= MIB:
                raise OSError(code, os.strerror(code))
            return super().write(data[:1000])  # a short write, as a filling disk makes them

    with monkeypatch.context() as patch:
        patch.setattr(partial_file, "FileIO", Failing)
        with pytest.raises(DiskError, match=f"{message}.*{SHARD}.part"):
            fetch_all()
    assert_unfinished()
    assert_finished(fetch_all())
    assert fake.asked(SHARD)[-1].range is not None


def test_a_folder_that_cannot_be_made(fake: FakeHub) -> None:
    models_folder().parent.mkdir(parents=True)
    models_folder().write_bytes(b"a file in the way")
    with pytest.raises(DiskError, match="cannot use"):
        fetch_all()
