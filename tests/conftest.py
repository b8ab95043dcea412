"""Tests run in one process a core: more threads in each would only wait for one another."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # which torch reads when it is imported
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # tests are of the CPU; a GPU is tried by `bench`
os.environ.setdefault("TRITON_INTERPRET", "1")  # which Triton reads when a kernel is defined

from collections.abc import Callable, Iterator
from functools import cache as remembered
from pathlib import Path

import pytest
from hypothesis import settings
from published_models import published_file
from readers import TEXT

from gemma10m.folders import states_folder

# Under CI the same examples each time, so that no change is blamed for what chance finds; other runs look further.
# How long an example takes says nothing of its result.
settings.register_profile("tests", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """End with the test what a command sets for its own process, such as being offline."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty folder where states go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return states_folder()


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the file of a packaged model, in a folder that all processes of this run share."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    return remembered(lambda name: published_file(name, folder))
