"""Recognise names that are not documents: a URL, a model, a misspelled path."""

from __future__ import annotations

import difflib
import os
import re
from itertools import islice

from gemma10m.documents.detect import kind_of
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.errors import DocumentError

_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://", re.IGNORECASE)
_SAFETENSORS = re.compile(rb'.{6}\0\0\{"', re.DOTALL)  # the length of a header, less than 2 to the 48, and the header
_LOOKED_AT = 10_000  # names of a folder
_SUGGESTED = 3
_LONGEST = 255  # characters of a name that is compared with others


def missing(path: str, name: str) -> DocumentError:
    """Return the error for a path where nothing is; `name` is what the user wrote for it."""
    shown = printable(name) or "the empty path"
    if _URL.match(name):
        return DocumentError(
            f"{shown} is a URL, which is not fetched",
            hint="download it first, for example with curl -O, and name the file",
        )
    if os.path.islink(path):
        target = printable(os.readlink(path))
        return DocumentError(f"{shown} is a link to {target}, which does not exist", hint="name the file itself")
    near = _near(path, name)
    hint = f"did you mean {' or '.join(near)}?" if near else "check the spelling of the path"
    return DocumentError(f"{shown} does not exist", hint=hint)


def refuse_model(head: bytes, shown: str) -> None:
    """Raise `UnreadableError` for a file that begins as a model's weights do."""
    if head.startswith(b"GGUF"):
        raise UnreadableError(
            "a model in a GGUF file, not a document", f"name a document, and give the model as --model {shown}"
        )
    if _SAFETENSORS.match(head) and kind_of(head, shown) != "state":
        raise UnreadableError(
            "a model's weights (safetensors), not a document",
            hint="name a document, and give the folder that the weights lie in as --model",
        )


def _near(path: str, name: str) -> list[str]:
    """Return names like the first part of the path that does not exist, written as the user wrote the path."""
    folder, wanted = os.path.split(path.rstrip("/"))
    shown = os.path.dirname(name.rstrip("/"))
    while folder and not os.path.isdir(folder):
        folder, wanted = os.path.split(folder)
        shown = os.path.dirname(shown)
    if not wanted or len(wanted) > _LONGEST:
        return []
    try:
        with os.scandir(folder or ".") as entries:
            there = [entry.name for entry in islice(entries, _LOOKED_AT)]
    except (OSError, ValueError):
        return []
    by_lower = {each.lower(): each for each in there}
    found = difflib.get_close_matches(wanted.lower(), by_lower, _SUGGESTED)
    return [printable(os.path.join(shown, by_lower[each])) for each in found]
