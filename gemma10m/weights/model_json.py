"""Parse the JSON of a model's files, and report problems as ModelError."""

from __future__ import annotations

from gemma10m.errors import ModelError
from gemma10m.strict_json import strict_json

_HINT = "the file is damaged: restore it or download it again"


def parse_json(data: bytes, source: object) -> object:
    """Return the value in `data`. `source` names the file in the ModelError raised for anything else."""
    try:
        value: object = strict_json(data.decode("utf-8"))
    except ValueError as error:
        raise ModelError(f"{source} is not valid JSON: {error}", _HINT) from None
    return value
