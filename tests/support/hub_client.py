"""Share among tests of downloads a model on the fake hub, and a client that finds it there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_hub import REPOSITORY, FakeHub, running
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from gemma10m.hub import client, transfer
from gemma10m.weights import downloads

SHARD = "model-00001-of-00002.safetensors"
OTHER = "model-00002-of-00002.safetensors"
MIB = 1 << 20
FILES = {
    "README.md": b"# a model\n",
    "config.json": b'{"model_type": "gemma"}',
    "tokenizer.json": random.Random(1).randbytes(70_001),
    SHARD: random.Random(2).randbytes(2 * MIB + 12_345),
    OTHER: random.Random(3).randbytes(100_003),
    "pytorch_model.bin": b"\x80\x04.",
    "modeling_gemma.py": b"import os",
}
WANTED = {"config.json", "tokenizer.json", SHARD, OTHER}
FOLDER_NAME = "mustafaaljadery--gemma-2B-10M"
TOTAL = sum(len(FILES[name]) for name in WANTED)
TOKEN = "hf_notatoken"


@contextmanager
def ready_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Run a hub that the library talks to, with a token, an empty models folder and no wait between tries."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(transfer, "BACKOFF_SECONDS", 0)
    with running(dict(FILES)) as server:
        point_at(monkeypatch, server.url)
        close_session()
        yield server
        close_session()


def point_at(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Do what HF_ENDPOINT does to the library when it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


def fetch_all(revision: str | None = None) -> Path:
    """Plan and download; check on the way that progress never leaves its bounds and ends at the total."""
    reports: list[tuple[int, int]] = []
    folder = client.download(client.plan_download(REPOSITORY, revision), lambda *report: reports.append(report))
    total = reports[-1][1]
    assert reports[-1] == (total, total)
    assert all(0 <= done <= total for done, _ in reports)
    return folder


def assert_finished(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == WANTED | {downloads.MANIFEST, client.LOCK}
    for name in WANTED:
        assert (folder / name).read_bytes() == FILES[name]
    assert downloads.find_downloaded(REPOSITORY) == folder


def assert_unfinished() -> None:
    assert downloads.find_downloaded(REPOSITORY) is None
    assert downloads.list_downloaded() == []
