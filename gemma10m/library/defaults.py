"""Choose the default model: by an environment variable, or by a line in the user's configuration file."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass

from gemma10m.errors import UsageError
from gemma10m.folders import config_file
from gemma10m.regular_file import read_regular, reason

VARIABLE = "GEMMA10M_MODEL"


@dataclass(frozen=True)
class DefaultModel:
    name: str
    set_by: str  # the variable's or the file's name


def default_model() -> DefaultModel | None:
    """Return the environment's model, else the configuration file's. Raises UsageError for a file that is not TOML."""
    if name := os.environ.get(VARIABLE):
        return DefaultModel(name, VARIABLE)
    path = config_file()
    try:
        settings = tomllib.loads(read_regular(path).decode())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be used: {reason(error)}", hint='write a line such as model = "small"'
        ) from error
    model = settings.get("model")
    if model is None:
        return None
    if not isinstance(model, str) or not model:
        raise UsageError(f"{path}: model must be a name in quotes", hint='write a line such as model = "small"')
    return DefaultModel(model, str(path))
