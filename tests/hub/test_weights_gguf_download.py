"""Repositories that hold a model in GGUF: which file is fetched, why, and what its folder is then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import REPOSITORY, FakeHub, sibling
from hub_client import FILES, ready_client
from hypothesis import given
from hypothesis import strategies as st

from gemma10m.commands.download import download as download_command
from gemma10m.errors import ModelError
from gemma10m.hub import client
from gemma10m.hub.gguf_choice import choose_gguf
from gemma10m.terminal import Terminal
from gemma10m.weights import downloads

QUANTISED = {
    "model-Q8_0.gguf": b"GGUF" + b"8" * 900,
    "model-Q4_K_M.gguf": b"GGUF" + b"4" * 500,
    "model-IQ1_S.gguf": b"GGUF" + b"1" * 10,
    "mmproj-model-f16.gguf": b"GGUF" + b"m",
}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Return a hub whose repository holds GGUF files and what such repositories hold beside them."""
    with ready_client(tmp_path, monkeypatch) as server:
        put(server, {"README.md": b"# a model", "config.json": b'{"model_type": "gemma"}', **QUANTISED})
        yield server


def put(server: FakeHub, files: dict[str, bytes]) -> None:
    server.files = files
    server.siblings = [sibling(path, content) for path, content in files.items()]


def fetch(file: str | None = None) -> Path:
    return client.download(client.plan_download(REPOSITORY, file=file), lambda done, total: None)


def weights_in(folder: Path) -> dict[str, bytes]:
    ours = {downloads.MANIFEST, client.LOCK}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ours}


def test_one_file_is_fetched_and_its_folder_is_a_finished_download(fake: FakeHub) -> None:
    folder = fetch()
    assert weights_in(folder) == {"model-Q4_K_M.gguf": QUANTISED["model-Q4_K_M.gguf"]}
    assert set(fake.sent) == {"model-Q4_K_M.gguf"}
    assert downloads.find_downloaded(REPOSITORY) == folder
    assert [file.path for file in downloads.list_downloaded()[0].files] == ["model-Q4_K_M.gguf"]


def test_another_file_takes_the_place_of_the_first(fake: FakeHub) -> None:
    fetch()
    assert weights_in(fetch("model-Q8_0.gguf")) == {"model-Q8_0.gguf": QUANTISED["model-Q8_0.gguf"]}


def test_the_command_says_which_file_it_takes_and_why(fake: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    download_command(Terminal(), REPOSITORY, None, None, dry_run=True, offline=False)
    seen = capsys.readouterr()
    assert "model-Q4_K_M.gguf is chosen of 2 .gguf files, for Q4_K_M; --file chooses another" in seen.err
    assert "1 file, 504 B" in seen.out
    download_command(Terminal(), REPOSITORY, None, "model-Q8_0.gguf", dry_run=True, offline=False)
    assert "model-Q8_0.gguf is downloaded as asked" in capsys.readouterr().err


def test_a_checkpoint_in_safetensors_goes_before_gguf_beside_it(fake: FakeHub) -> None:
    put(fake, FILES | QUANTISED)
    plan = client.plan_download(REPOSITORY)
    assert plan.choice == ""
    assert not [file.path for file in plan.files if file.path.endswith(".gguf")]
    assert [file.path for file in client.plan_download(REPOSITORY, file="model-Q8_0.gguf").files] == ["model-Q8_0.gguf"]


@pytest.mark.parametrize("file", ["model-Q2_K.gguf", "config.json", "sub/model.gguf", "../model.gguf", ""])
def test_a_file_that_is_not_there_is_refused_with_what_there_is(fake: FakeHub, file: str) -> None:
    fake.siblings += [sibling("sub/model.gguf", b"GGUF"), sibling("../model.gguf", b"GGUF")]
    with pytest.raises(ModelError, match=r"has no .gguf file .*; it has 'mmproj-model-f16.gguf', 'model-IQ1_S.gguf'"):
        client.plan_download(REPOSITORY, file=file)


def choose(*names: str, asked: str | None = None) -> tuple[str, str]:
    return choose_gguf("a/b", {name: 100 - number for number, name in enumerate(names)}, asked)


@pytest.mark.parametrize(
    ("names", "expected", "why"),
    [
        (["gemma-3-270m-q4_k_m.gguf"], "gemma-3-270m-q4_k_m.gguf", "is its only .gguf file that is read"),
        (["a.Q8_0.gguf", "a.Q4_K_S.gguf"], "a.Q4_K_S.gguf", "for Q4_K_S"),
        (["a-Q4_0_4_4.gguf", "a-Q5_K_M.gguf", "a-IQ4_NL.gguf"], "a-Q5_K_M.gguf", "for Q5_K_M"),
        (["a_Q4_K_M.gguf", "a-UD-Q4_K_M.gguf"], "a_Q4_K_M.gguf", "for Q4_K_M"),
        (["a-Q3_K_L.gguf", "a-Q2_K.gguf"], "a-Q2_K.gguf", "as the smallest"),
        (["a-IQ4_XS.gguf", "a-bf16.gguf", "a-f16.gguf"], "a-bf16.gguf", "for BF16"),
        (["a-Q4_K_M-00001-of-00002.gguf", "a-Q8_0.gguf"], "a-Q8_0.gguf", "is its only .gguf file that is read"),
        (["model.gguf", "mmproj-a-Q4_K_M.gguf", "a.imatrix.gguf"], "model.gguf", "is its only .gguf file"),
    ],
)
def test_the_preferred_quantisation_is_taken(names: list[str], expected: str, why: str) -> None:
    name, said = choose(*names)
    assert name == expected
    assert name in said
    assert why in said


@pytest.mark.parametrize(
    ("names", "asked", "expected"),
    [
        (["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"], None, "'a-00001-of-00002.gguf' is split into pieces"),
        (["a-00001-of-00002.gguf"], "a-00001-of-00002.gguf", "a-00001-of-00002.gguf of a/b is a piece of a model"),
        (["mmproj-a.gguf"], None, "'mmproj-a.gguf' is not a language model"),
        (["a-IQ2_XXS.gguf", "a-TQ1_0.gguf"], None, "only quantisations that are not read: 'a-IQ2_XXS.gguf', 'a-TQ1_0"),
    ],
)
def test_a_repository_without_a_whole_model_that_is_read_is_refused(
    names: list[str], asked: str | None, expected: str
) -> None:
    with pytest.raises(ModelError, match=expected) as caught:
        choose(*names, asked=asked)
    assert caught.value.hint == "choose a repository that has the model in one .gguf file"


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9._-]{1,30}\.gguf", fullmatch=True), st.integers(0, 9), min_size=1))
def test_whatever_is_chosen_is_one_of_the_files(sizes: dict[str, int]) -> None:
    try:
        name, said = choose_gguf("a/b", sizes, None)
    except ModelError:
        return
    assert name in sizes
    assert said.startswith(name)
