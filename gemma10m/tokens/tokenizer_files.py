"""Find and load the tokenizer of a checkpoint's folder or a GGUF file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gemma10m.errors import ModelError
from gemma10m.folders import demo_folder
from gemma10m.gguf_file import metadata_bytes, read_gguf
from gemma10m.regular_file import read_regular
from gemma10m.tokens import byte_level, sentencepiece_model
from gemma10m.tokens.base import DOWNLOAD, Tokenizer
from gemma10m.tokens.from_gguf import gguf_tokenizer

TOKENIZER_FILES = (
    "tokenizer.model", "tokenizer.json", "tokenizer.gguf", "tokenizer_config.json", "chat_template.jinja",
    "generation_config.json",
)  # fmt: skip
_LARGEST_FILE = 1 << 28  # bytes; Gemma's largest tokenizer.json has 34 MB


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """Load the tokenizer of a checkpoint folder, of "demo", or of a GGUF file, which a folder may hold.

    In a checkpoint folder: `tokenizer.model`, else `tokenizer.json`, else the metadata of a GGUF file in
    `tokenizer.gguf`. Raises `ModelError`.
    """
    path = demo_folder() if folder == "demo" else Path(folder)
    file = _gguf_of(path)
    return _load_folder(path) if file is None else _load_gguf(file)


def files_of_tokenizer(path: Path) -> dict[str, bytes]:
    """Return the files that make the same tokenizer in another folder, by their names there. Raises `ModelError`."""
    file = _gguf_of(path)
    if file is not None:
        return {"tokenizer.gguf": metadata_bytes(file)}
    return {name: _read(path / name) for name in TOKENIZER_FILES if (path / name).is_file()}


def _gguf_of(path: Path) -> Path | None:
    if path.suffix == ".gguf" and not path.is_dir():
        return path
    files = [] if (path / "config.json").exists() else sorted(path.glob("*.gguf"))
    return files[0] if files else None


def _load_gguf(path: Path) -> Tokenizer:
    return gguf_tokenizer(read_gguf(path).metadata)


def _load_folder(folder: Path) -> Tokenizer:
    config = _read_json(folder / "tokenizer_config.json")
    loads: tuple[tuple[str, Callable[..., Tokenizer]], ...] = (
        ("tokenizer.model", _load_model),
        ("tokenizer.json", _load_json),
    )
    for name, load in loads:
        path = folder / name
        if path.is_file():
            content = _read(path)
            template, stops = _template(folder, config), _stops(folder / "generation_config.json")
            try:
                tokenizer = load(content, config, template, stops, hashlib.sha256(content).hexdigest())
            except ModelError:
                raise
            except Exception as error:  # both libraries raise what they please, tokenizers a bare Exception
                raise ModelError(f"{path} cannot be used: {_first_line(error)}", hint=DOWNLOAD) from error
            if stops and not 0 <= min(stops) <= max(stops) < tokenizer.vocabulary:
                raise ModelError(f"{folder}'s generation_config.json names ids that no token has", hint=DOWNLOAD)
            return tokenizer
    if (folder / "tokenizer.gguf").is_file():
        return _load_gguf(folder / "tokenizer.gguf")
    raise ModelError(
        f"{folder} holds no tokenizer.model and no tokenizer.json", hint="name a checkpoint folder, or download one"
    )


def _load_model(
    content: bytes, config: Mapping[str, Any], template: str, stops: frozenset[int], fingerprint: str
) -> Tokenizer:
    return sentencepiece_model.from_model_proto(content, template, stops, fingerprint)


def _load_json(
    content: bytes, config: Mapping[str, Any], template: str, stops: frozenset[int], fingerprint: str
) -> Tokenizer:
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_buffer(content)
    if not isinstance(tokenizer.model, tokenizers.models.BPE):
        raise ValueError(f"its model is {type(tokenizer.model).__name__}, not BPE")
    if tokenizer.model.byte_fallback or tokenizer.pre_tokenizer is None:
        return sentencepiece_model.from_tokenizer_json(tokenizer, template, stops, fingerprint)
    return byte_level.from_tokenizer_json(tokenizer, config, template, stops, fingerprint)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ModelError(f"{path} is larger than any tokenizer", hint=DOWNLOAD)
        content = read_regular(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint="check the folder's permissions") from error
    if content.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path} is a git-lfs pointer, not the file itself", hint="run git lfs pull, or " + DOWNLOAD)
    if not content.strip():
        raise ModelError(f"{path} is empty", hint=DOWNLOAD)
    if content[:1024].lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise ModelError(f"{path} is an HTML page, not a tokenizer", hint=DOWNLOAD)
    return content


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file, an empty one where there is no file or no object in it."""
    if not path.is_file():
        return {}
    try:
        value: Any = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON: {_first_line(error)}", hint=DOWNLOAD) from error
    return value if isinstance(value, dict) else {}


def _template(folder: Path, config: Mapping[str, Any]) -> str:
    """Return the chat template, or all where there are several; a file of its own comes before the configuration."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return _read(path).decode("utf-8", "replace")
    template = config.get("chat_template")
    several = template if isinstance(template, list) else [template]
    texts = (each.get("template") if isinstance(each, dict) else each for each in several)
    return "\n".join(text for text in texts if isinstance(text, str))


def _stops(path: Path) -> frozenset[int]:
    """Return the ids that end an answer, one or a list; tokenizer_config.json names one of them at most."""
    found = _read_json(path).get("eos_token_id")
    ids = found if isinstance(found, list) else [] if found is None else [found]
    if any(type(i) is not int for i in ids) or len(ids) > 64:
        raise ModelError(f"{path} names no usable eos_token_id: {str(found)[:80]}", hint=DOWNLOAD)
    return frozenset(ids)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
