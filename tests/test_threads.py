"""The program computes with cores that are free, and its threads do not spin; who imports the package is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from terminal_runs import clean_environment

from gemma10m.threads import free_cores

NAMES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
IN_A_COMMAND = """
import json, os
from gemma10m.program import command_terminal
with command_terminal(json=True) as terminal:
    import torch
    terminal.json_line({"count": torch.get_num_threads()} | {name: os.environ.get(name) for name in %r})
"""
IMPORTED = """
import json, os
before = dict(os.environ)
import gemma10m
gemma10m.Sampling, gemma10m.load_model, gemma10m.read
import torch
count = torch.get_num_threads()
from gemma10m.program import command_terminal
with command_terminal():
    pass
print(json.dumps({"same": before == dict(os.environ), "count": [count, torch.get_num_threads()]}))
"""


def machine(folder: Path, group: str, running: int = 1) -> tuple[Path, Path]:
    """Make folders that look like /proc and /sys/fs/cgroup."""
    proc, groups = folder / "proc", folder / "groups"
    (proc / "self").mkdir(parents=True)
    groups.mkdir()
    (proc / "self" / "cgroup").write_text(group)
    (proc / "loadavg").write_text(f"9.75 9.50 9.25 {running}/812 4711\n")
    return proc, groups


@pytest.fixture(autouse=True)
def _sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


def run(program: str, **environment: str) -> dict[str, object]:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, object] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize(("running", "free"), [(1, 16), (2, 15), (6, 11), (16, 1), (17, 1), (400, 1)])
def test_cores_that_others_use_now_are_left_to_them(tmp_path: Path, running: int, free: int) -> None:
    """The load average of 9.75 is of what has run before."""
    assert free_cores(*machine(tmp_path, "", running)) == free


def test_what_runs_for_a_moment_takes_no_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc, groups = machine(tmp_path, "", running=12)
    monkeypatch.setattr("time.sleep", lambda _: (proc / "loadavg").write_text("0.00 0.00 0.00 3/80 1\n"))
    assert free_cores(proc, groups) == 14


def test_a_process_that_may_use_some_cores_only_has_no_more_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 8}, raising=False)
    assert free_cores(*machine(tmp_path, "", running=4)) == 3


@pytest.mark.parametrize(
    ("limit", "free"), [("400000 100000", 4), ("250000 100000", 2), ("50000 100000", 1), ("max 100000", 16), ("", 16)]
)
@pytest.mark.parametrize("place", ["user/job", "user", ""])
def test_a_quota_of_version_2_is_kept_wherever_it_is_set(tmp_path: Path, place: str, limit: str, free: int) -> None:
    proc, groups = machine(tmp_path, "0::/user/job\n")
    (groups / "user" / "job").mkdir(parents=True)
    (groups / "user" / "job" / "cpu.max").write_text("max 100000\n")
    (groups / place / "cpu.max").write_text(f"{limit}\n")
    assert free_cores(proc, groups) == free


@pytest.mark.parametrize(("quota", "free"), [("300000", 3), ("-1", 16), ("50000", 1)])
@pytest.mark.parametrize("place", ["docker/ab12", ""])
def test_a_quota_of_version_1_is_kept_also_where_a_container_sees_its_group_as_the_root(
    tmp_path: Path, place: str, quota: str, free: int
) -> None:
    proc, groups = machine(tmp_path, "5:memory:/docker/ab12\n4:cpu,cpuacct:/docker/ab12\n0::/\n")
    folder = groups / "cpu" / place
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert free_cores(proc, groups) == free


def test_a_machine_that_says_nothing_is_taken_as_idle(tmp_path: Path) -> None:
    assert free_cores(tmp_path / "none", tmp_path / "none") == 16
    proc, groups = machine(tmp_path, "what is this\n::\n0::/../../..\n")
    (proc / "loadavg").write_text("")
    assert free_cores(proc, groups) == 16


def test_a_command_computes_with_free_cores_and_does_not_spin() -> None:
    found = run(IN_A_COMMAND % (NAMES,))
    assert found["OMP_NUM_THREADS"] == str(found["count"])
    assert (found["OMP_WAIT_POLICY"], found["GOMP_SPINCOUNT"]) == ("PASSIVE", "1000")


def test_what_the_user_set_is_left_alone() -> None:
    found = run(IN_A_COMMAND % (NAMES,), OMP_NUM_THREADS="2", GOMP_SPINCOUNT="7")
    assert found == {"count": 2, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": None, "GOMP_SPINCOUNT": "7"}
    found = run(IN_A_COMMAND % (NAMES,), MKL_NUM_THREADS="2")
    assert found["OMP_NUM_THREADS"] is None


def test_importing_the_package_changes_no_setting_nor_does_a_command_after_torch() -> None:
    found = run(IMPORTED)
    first, last = found["count"]  # type: ignore[misc]
    assert (found["same"], first) == (True, last)
