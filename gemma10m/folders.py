"""Models are kept in the user's data folder, the rest in the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def expanded(name: str | Path) -> Path:
    """Return the path with a home folder for `~`; that of a user who does not exist stays as it is."""
    return Path(os.path.expanduser(name))


def cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("gemma10m"))


def models_folder() -> Path:
    return Path(platformdirs.user_data_dir("gemma10m")) / "models"


def packaged_folder() -> Path:
    """Return the folder for models joined out of packages; they can be joined again."""
    return cache_folder() / "models"


def states_folder() -> Path:
    return cache_folder() / "states"


def summaries_folder() -> Path:
    return cache_folder() / "summaries"


def indexes_folder() -> Path:
    """Return the folder for passages of documents that no model has read."""
    return cache_folder() / "passages"


def config_file() -> Path:
    return Path(platformdirs.user_config_dir("gemma10m")) / "config.toml"


def measurements_file() -> Path:
    """Return the file in which `eval` keeps its rows by default."""
    return cache_folder() / "measurements.jsonl"


def reader_folders() -> tuple[Path, ...]:
    """Return the folders of the adapters that ship inside the package."""
    readers = Path(__file__).parent / "readers"
    return readers / "small", readers / "large"


def demo_folder() -> Path:
    """Return the folder of the model that ships inside the package."""
    return Path(__file__).parent / "demo"
