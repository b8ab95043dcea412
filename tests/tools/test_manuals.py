"""`tools/fetch_manuals.py`: two manuals out of Debian packages, and no other version of them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import debs
import fetch_manuals
import pytest
from fake_hub import running
from fetch_manuals import POLICY, POLICY_PATH, PYTHON
from huggingface_hub.utils import close_session
from prose import fetch

from gemma10m.errors import DocumentError, UsageError
from gemma10m.terminal import Terminal

LIBRARY = "./usr/share/doc/python3.11/html/library"
POLICY_DEB = debs.deb(POLICY.name, debs.tar({f"./{POLICY_PATH}": gzip.compress(b"%PDF")}))
PYTHON_DEB = debs.deb(
    PYTHON.name,
    debs.tar(
        {
            f"{LIBRARY}/json.html": b"<p>JSON",
            f"{LIBRARY}/os.path.html": b"<p>paths",
            f"{LIBRARY}/../tutorial/index.html": b"<p>tutorial",
            f"{LIBRARY}/_images/tk.html": b"<p>deeper",
            f"{LIBRARY}/json.rst": b"source",
        }
    ),
)


def known(monkeypatch: pytest.MonkeyPatch, policy: bytes = POLICY_DEB) -> dict[str, bytes]:
    """Make the packages made here the known ones and return them by file name."""
    made = {POLICY: policy, PYTHON: PYTHON_DEB}
    manuals = [replace(one, size=len(data), sha256=hashlib.sha256(data).hexdigest()) for one, data in made.items()]
    monkeypatch.setattr(fetch_manuals, "MEASURED", replace(fetch_manuals.MEASURED, manuals=tuple(manuals)))
    return {one.file_name: data for one, data in made.items()}


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_pages_of_both_manuals_alone_are_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in known(monkeypatch).items():
        (tmp_path / name).write_bytes(data)
    out = tmp_path / "out"
    fetch_manuals.fetch(Terminal(), out, sorted(tmp_path.glob("*.deb")), fetch_manuals.MEASURED)
    files = written(out)
    sources = files.pop("SOURCES.md").decode()
    assert files == {
        "policy.pdf": b"%PDF",
        "python-library/json.html": b"<p>JSON",
        "python-library/os.path.html": b"<p>paths",
    }
    assert hashlib.sha256(PYTHON_DEB).hexdigest() in sources
    assert "GNU GPL" in sources
    assert capsys.readouterr().out.split() == [str(out / "policy.pdf"), str(out / "python-library")]


def test_both_manuals_are_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with running(known(monkeypatch)) as server:
        monkeypatch.setattr(fetch, "MIRROR", f"{server.url}/debian")
        close_session()
        fetch_manuals.fetch(Terminal(), tmp_path, [], fetch_manuals.MEASURED)
        close_session()
    assert len(written(tmp_path)) == 4


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known(monkeypatch)
    (tmp_path / "policy.deb").write_bytes(POLICY_DEB + b"\n")
    with pytest.raises(UsageError, match=r"no file named is debian-policy 4\.6\.2\.0"):
        fetch_manuals.fetch(Terminal(), tmp_path / "out", [tmp_path / "policy.deb"], fetch_manuals.MEASURED)
    assert not (tmp_path / "out").exists()


def test_a_package_without_the_manual_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, data in known(monkeypatch, policy=debs.deb(POLICY.name, debs.tar({}))).items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DocumentError, match=rf"cannot be used: it holds no {POLICY_PATH}"):
        fetch_manuals.fetch(Terminal(), tmp_path / "out", sorted(tmp_path.glob("*.deb")), fetch_manuals.MEASURED)
