"""Test what a download plans, takes, refuses and leaves behind, against a hub on 127.0.0.1."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from fake_hub import COMMIT, REPOSITORY, FakeHub, running, sibling
from hub_client import (
    FILES,
    FOLDER_NAME,
    MIB,
    OTHER,
    SHARD,
    TOKEN,
    TOTAL,
    WANTED,
    assert_finished,
    assert_unfinished,
    fetch_all,
    point_at,
    ready_client,
)
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st

from gemma10m.errors import ModelError, NetworkError, UsageError
from gemma10m.folders import models_folder
from gemma10m.hub import client
from gemma10m.weights import downloads


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with ready_client(tmp_path, monkeypatch) as hub_server:
        yield hub_server


# --- the plain way


def test_clean_download_takes_what_a_model_needs_and_nothing_else(fake: FakeHub) -> None:
    plan = client.plan_download(REPOSITORY)
    assert (plan.commit, plan.total_bytes, plan.bytes_here, plan.bytes_to_fetch) == (COMMIT, TOTAL, 0, TOTAL)
    reports: list[tuple[int, int]] = []
    folder = client.download(plan, lambda done, total: reports.append((done, total)))
    assert folder == models_folder() / FOLDER_NAME
    assert_finished(folder)
    assert fake.sent == {name: len(FILES[name]) for name in WANTED}
    assert reports[-1] == (TOTAL, TOTAL)
    assert len(reports) == TOTAL // MIB + 1
    assert all(after[0] - before[0] >= MIB for before, after in pairwise(reports[:-1]))


def test_manifest_names_the_commit_and_every_hash(fake: FakeHub) -> None:
    folder = fetch_all()
    manifest = json.loads((folder / "download.json").read_bytes())
    assert (manifest["repository"], manifest["revision"], manifest["commit"]) == (REPOSITORY, None, COMMIT)
    found = {file["path"]: (file["bytes"], file["sha256"]) for file in manifest["files"]}
    assert found == {name: (len(FILES[name]), hashlib.sha256(FILES[name]).hexdigest()) for name in WANTED}
    (stored,) = downloads.list_downloaded()
    assert (stored.name, stored.commit, stored.folder) == (REPOSITORY, COMMIT, folder)
    assert sum(file.bytes for file in stored.files) == TOTAL


def test_a_plan_fetches_no_file_and_makes_no_folder(fake: FakeHub) -> None:
    client.plan_download(REPOSITORY)
    assert [seen.path for seen in fake.seen] == [f"/api/models/{REPOSITORY}"]
    assert not models_folder().exists()
    assert downloads.list_downloaded() == []


def test_a_complete_model_is_verified_without_fetching_a_byte(fake: FakeHub) -> None:
    fetch_all()
    fake.sent.clear()
    plan = client.plan_download(REPOSITORY)
    assert plan.bytes_to_fetch == 0
    assert_finished(client.download(plan, lambda done, total: None))
    assert not fake.sent


def test_another_revision_gets_its_own_folder(fake: FakeHub) -> None:
    fake.revisions |= {"refs/pr/1", "refs-pr-1"}
    folders = {fetch_all(revision) for revision in ("refs/pr/1", "refs-pr-1", "main")}
    assert len(folders) == 3
    assert {folder.parent for folder in folders} == {models_folder()}
    assert downloads.find_downloaded(f"{REPOSITORY}@refs/pr/1") in folders
    assert downloads.find_downloaded(f"{REPOSITORY}@main") == downloads.find_downloaded(REPOSITORY)
    assert downloads.find_downloaded(f"{REPOSITORY}@v2") is None
    assert {stored.revision for stored in downloads.list_downloaded()} == {None, "refs/pr/1", "refs-pr-1"}


def test_a_new_commit_replaces_what_changed_and_removes_what_is_gone(fake: FakeHub) -> None:
    folder = fetch_all()
    fake.commit = "d" * 40
    fake.siblings = [entry for entry in fake.siblings if entry["rfilename"] != OTHER]
    fake.sent.clear()
    fetch_all()
    assert not fake.sent
    assert not (folder / OTHER).exists()
    assert downloads.list_downloaded()[0].commit == "d" * 40


def test_an_empty_file_is_fetched_without_a_request(fake: FakeHub) -> None:
    fake.siblings.append(sibling("special_tokens_map.json", b""))
    folder = fetch_all()
    assert (folder / "special_tokens_map.json").read_bytes() == b""


# --- refusals

REFUSALS = [
    ((401, "GatedRepo"), NetworkError, "is gated: its licence must be accepted", "then run `hf auth login`"),
    ((403, "GatedRepo"), NetworkError, "account of your token has no access", "accept the licence at http://127"),
    ((401, "RepoNotFound"), ModelError, "the hub has no model", "check the spelling"),
    ((404, "RevisionNotFound"), ModelError, "has no revision", "branches and tags"),
    ((401, ""), NetworkError, "answered 401", "the token may have expired"),
    ((403, ""), NetworkError, "answered 403", "the token may read"),
    ((418, ""), NetworkError, "answered 418", "try again in a few minutes"),
]


@pytest.mark.parametrize(("answer", "kind", "message", "hint"), REFUSALS)
@pytest.mark.parametrize("where", ["api", "file"])
def test_each_refusal_says_what_to_do(
    fake: FakeHub, where: str, answer: tuple[int, str], kind: type[Exception], message: str, hint: str
) -> None:
    if where == "api":
        fake.faults.api = answer
    else:
        fake.faults.status["config.json"] = [answer]
    with pytest.raises(kind, match=message) as caught:
        fetch_all()
    assert hint in getattr(caught.value, "hint", "")
    assert len(fake.seen) == (
        1 if where == "api" else 2
    )  # a refusal is not asked for again, and comes before the shards


def test_a_missing_repository_and_a_missing_revision(fake: FakeHub) -> None:
    with pytest.raises(ModelError, match="no model google/gemma-2c"):
        client.plan_download("google/gemma-2c")
    with pytest.raises(ModelError, match="no revision 'v9'"):
        client.plan_download(REPOSITORY, "v9")


def test_503_is_waited_out_for_a_file_and_told_for_the_listing(fake: FakeHub) -> None:
    fake.faults.status[SHARD] = [(503, ""), (429, "")]
    assert_finished(fetch_all())
    fake.faults.api = (503, "")
    with pytest.raises(NetworkError, match="answered 503") as caught:
        client.plan_download(REPOSITORY)
    assert "try again in a few minutes" in caught.value.hint


def test_503_without_end_is_given_up(fake: FakeHub) -> None:
    fake.faults.status[SHARD] = [(503, "")] * 99
    with pytest.raises(NetworkError, match=r"stopped at 0 of .* after 5 tries: the hub answered 503"):
        fetch_all()


def test_no_network(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    with running({}) as closed:
        pass
    point_at(monkeypatch, closed.url)
    with pytest.raises(NetworkError, match=f"cannot reach {closed.url}: .*refused") as caught:
        client.plan_download(REPOSITORY)
    assert "check the network connection" in caught.value.hint


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_offline_asks_nobody_and_says_what_is_here(fake: FakeHub, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    fetch_all()
    fake.seen.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", way == "environment")
    with pytest.raises(NetworkError, match=f"offline mode is on.*already downloaded: {REPOSITORY}"):
        client.plan_download("google/gemma-2b", offline=way == "argument")
    assert not fake.seen


@pytest.mark.parametrize(
    "body", [b"<html>log in</html>", b"[]", b"{}", b"null", b'{"id": 1, "sha": "../x"}', b"[" * 9999]
)
def test_an_answer_that_is_no_hubs(fake: FakeHub, body: bytes) -> None:
    fake.faults.api_body = body
    with pytest.raises(NetworkError, match="not as a model hub does"):
        client.plan_download(REPOSITORY)


# --- hostile hubs and names


def test_the_token_does_not_follow_a_redirect_to_another_host(fake: FakeHub) -> None:
    fake.faults.redirect_to = "localhost"
    assert_finished(fetch_all())
    tokens = {seen.host.partition(":")[0]: seen.authorization for seen in fake.seen}
    assert tokens == {"127.0.0.1": f"Bearer {TOKEN}", "localhost": None}


HOSTILE_NAMES = [
    "../evil.safetensors",
    "a/../../evil.safetensors",
    "/tmp/evil.safetensors",
    "C:evil.safetensors",
    "C:\\evil.safetensors",
    "..\\evil.safetensors",
    "\\\\host\\share\\evil.safetensors",
    "sub/model.safetensors",
    "sub/config.json",
    ".hidden.safetensors",
    ".safetensors",
    "..safetensors",
    "%2e%2e%2fevil.safetensors",
    "evil\x00.safetensors",
    "evil.safetensors\n",
    "evil\u2215.safetensors",
    "evil.safetensors.exe",
    "x" * 300 + ".safetensors",
    "config.json/../../evil",
    "download.json",
    ".lock",
    "evil.bin",
    "evil.pt",
    "evil.gguf",
    "evil.py",
    7,
    None,
]


def test_hostile_file_names_are_not_taken(fake: FakeHub, tmp_path: Path) -> None:
    fake.siblings += [{**sibling("evil", b""), "rfilename": name} for name in HOSTILE_NAMES]
    assert {file.path for file in client.plan_download(REPOSITORY).files} == WANTED
    assert_finished(fetch_all())
    assert {path.name for path in (tmp_path / "data").rglob("*") if path.is_file()} == WANTED | {
        "download.json",
        ".lock",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": None},
        {"size": True},
        {"size": 1.5},
        {"blobId": None},
        {"blobId": "g" * 40},
        {"lfs": {}, "blobId": 3},
    ],
)
def test_a_listing_with_strange_sizes_or_hashes_is_refused(fake: FakeHub, change: dict[str, object]) -> None:
    next(entry for entry in fake.siblings if entry["rfilename"] == "config.json").update(change)
    with pytest.raises(NetworkError, match="not as a model hub does"):
        client.plan_download(REPOSITORY)


@pytest.mark.parametrize(("lost", "lacking"), [("config.json", "config.json"), (".safetensors", "safetensors weights")])
def test_a_repository_this_program_cannot_use_says_what_it_has(fake: FakeHub, lost: str, lacking: str) -> None:
    fake.siblings = [entry for entry in fake.siblings if not entry["rfilename"].endswith(lost)]
    with pytest.raises(ModelError, match=f"has no {lacking}; it has 'README.md', .*'pytorch_model.bin'") as caught:
        client.plan_download(REPOSITORY)
    assert "pickled weights are never loaded" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["", "a/b/c", "../x", "org/..", "org/a--b", "/etc", "org/a b", "org/é", "org/a\n", "-a/b"]
)
def test_impossible_names(fake: FakeHub, name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a model"):
        client.plan_download(name)
    assert downloads.find_downloaded(name) is None
    assert not fake.seen


@pytest.mark.parametrize("revision", ["", "a b", "x" * 101, "a\x00", "\ud800"])
def test_impossible_revisions(fake: FakeHub, revision: str) -> None:
    with pytest.raises(UsageError, match="is not a revision"):
        client.plan_download(REPOSITORY, revision)
    assert downloads.find_downloaded(f"{REPOSITORY}@{revision}") is None


@given(revision=st.from_regex(r"[!-~]{1,100}", fullmatch=True))
def test_no_revision_leaves_the_models_folder(revision: str) -> None:
    folder = downloads.folder_for(REPOSITORY, revision)
    assert folder.resolve().parent == models_folder().resolve()


MANIFEST_CHANGES = [
    {"format": "gemma10m.download/2"},
    {"files": []},
    {"files": [{"path": "../../secret", "bytes": 1, "sha256": "0" * 64}]},
    {"files": [{"path": "config.json", "bytes": True, "sha256": "0" * 64}]},
    {"files": [{"path": "config.json", "bytes": 23, "sha256": "x"}]},
    {"files": [3]},
    {"repository": 3},
    {"repository": "someone/else"},
    {"revision": 3},
    {"commit": None},
]


@pytest.mark.parametrize("change", MANIFEST_CHANGES)
def test_a_strange_manifest_makes_a_folder_unfinished(fake: FakeHub, change: dict[str, object]) -> None:
    manifest = fetch_all() / "download.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **change}))
    assert_unfinished()


@pytest.mark.parametrize("content", [b"", b"[" * 99999, b"\xff", b"3", b'{"format": 1, "format": 2}'])
def test_a_manifest_that_is_no_json_makes_a_folder_unfinished(fake: FakeHub, content: bytes) -> None:
    (fetch_all() / "download.json").write_bytes(content)
    assert_unfinished()
