"""Choose a .gguf file: repositories offer one model in many quantisations."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gemma10m.errors import ModelError
from gemma10m.strict_json import quote

# Best first: small beside what it loses. After these the smallest file is taken.
PREFERRED = ("Q4_K_M", "Q4_K_S", "Q5_K_M", "Q5_K_S", "Q4_0", "Q4_1", "Q8_0", "Q6_K", "Q5_0", "Q5_1", "BF16", "F16")
_NAMES_SHOWN = 8
_PIECE = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_NO_MODEL = re.compile(r"mmproj|imatrix", re.IGNORECASE)  # an image encoder, a table of statistics
_NOT_READ = re.compile(r"(?<![A-Za-z0-9])(IQ[123]_\w+|IQ4_XS|TQ[12]_0|\w*FP4\w*)(?![A-Za-z0-9])", re.IGNORECASE)
_ONE_FILE = "choose a repository that has the model in one .gguf file"


def choose_gguf(repository: str, sizes: Mapping[str, int], asked: str | None) -> tuple[str, str]:
    """Return a file's name, and why in a sentence. `sizes` in bytes, by name; `asked` is what the user wants.

    Raises ModelError when there is no such file, or none that can be read.
    """
    if asked is not None:
        return _check_asked(repository, sizes, asked), f"{asked} is downloaded as asked"
    whole = {name: size for name, size in sizes.items() if not _PIECE.search(name) and not _NO_MODEL.search(name)}
    if not whole:
        first = min(sizes)
        found = "is split into pieces, which are not read" if _PIECE.search(first) else "is not a language model"
        raise ModelError(f"{repository} has no whole model: {quote(first)} {found}", _ONE_FILE)
    readable = {name: size for name, size in whole.items() if not _NOT_READ.search(name)}
    if not readable:
        raise ModelError(f"{repository} has only quantisations that are not read: {_listed(whole)}", _ONE_FILE)
    if len(readable) == 1:
        return min(readable), f"{min(readable)} is its only .gguf file that is read"
    for kind in PREFERRED:
        if of_kind := [name for name in readable if _is_of(kind, name)]:
            name = min(of_kind, key=lambda name: (len(name), name))
            return name, f"{name} is chosen of {len(readable)} .gguf files, for {kind}; --file chooses another"
    name = min(readable, key=lambda name: (readable[name], name))
    return name, f"{name} is chosen of {len(readable)} .gguf files, as the smallest; --file chooses another"


def _is_of(kind: str, name: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9]){kind}(?![A-Za-z0-9_])", name, re.IGNORECASE) is not None


def _check_asked(repository: str, sizes: Mapping[str, int], asked: str) -> str:
    if asked not in sizes:
        raise ModelError(
            f"{repository} has no .gguf file {quote(asked)}; it has {_listed(sizes) or 'none'}",
            hint="give the name as the repository has it, or leave --file out",
        )
    if _PIECE.search(asked):
        raise ModelError(f"{asked} of {repository} is a piece of a model, which is not read", _ONE_FILE)
    return asked


def _listed(names: Mapping[str, int]) -> str:
    shown = ", ".join(quote(name) for name in sorted(names)[:_NAMES_SHOWN])
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown
