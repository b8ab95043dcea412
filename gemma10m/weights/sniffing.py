"""Recognise, from its first bytes, a file that does not hold the weights or JSON it should."""

from __future__ import annotations

import re
from collections.abc import Callable

from gemma10m.errors import ModelError

SNIFFED_BYTES = 512

_DOWNLOAD_AGAIN = "download the file again, for example with `gemma10m download`"
_CONVERT = "pickles can run code and are never read: look for a safetensors version of the model"

_LFS_START = b"version https://git-lfs.github.com/spec/"
_PICKLE = re.compile(rb"\x80[\x02-\x05]")


def wrong_file(head: bytes, size: int, path: object) -> ModelError | None:
    """Return the error that names a well-known kind of wrong file, else None. `size` in bytes."""
    for recognise, description, hint in _KINDS:
        if recognise(head):
            return ModelError(f"{path} is {description}, found {size:,} bytes{_pointed_at(head)}", hint)
    return None


def _pointed_at(head: bytes) -> str:
    match = re.search(rb"^size ([0-9]{1,19})$", head, re.MULTILINE) if head.startswith(_LFS_START) else None
    return f" in place of {int(match[1]):,}" if match else ""


def _is_html(head: bytes) -> bool:
    return head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


_KINDS: tuple[tuple[Callable[[bytes], object], str, str], ...] = (
    (lambda head: not head, "empty", _DOWNLOAD_AGAIN),
    (
        lambda head: head.startswith(_LFS_START),
        "a git-lfs pointer, not the file itself",
        "run `git lfs pull` in its folder, or fetch the model with `gemma10m download`",
    ),
    (_is_html, "an HTML page (an error or login page saved under this name?)", _DOWNLOAD_AGAIN),
    (lambda head: head.startswith(b"PK\x03\x04"), "a zip archive as torch.save writes it (a pickle)", _CONVERT),
    (_PICKLE.match, "a Python pickle", _CONVERT),
    (lambda head: head.startswith(b"GGUF"), "a GGUF file", "give it a name that ends in .gguf"),
)
