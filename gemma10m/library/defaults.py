"""Choose the default model: by an environment variable, or by a line in the user's configuration file."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import Any

from gemma10m.errors import UsageError
from gemma10m.folders import config_file
from gemma10m.regular_file import read_regular, reason

VARIABLE, KEY = "GEMMA10M_MODEL", "model"
HINT = 'write a line such as model = "small"'


@dataclass(frozen=True)
class DefaultModel:
    name: str
    set_by: str  # the variable's or the file's name


def default_model() -> DefaultModel | None:
    """Return the environment's model, else the configuration file's. Raises UsageError for a file that is not TOML."""
    if name := os.environ.get(VARIABLE):
        return DefaultModel(name, VARIABLE)
    path, model = config_file(), _settings().get(KEY)
    if model is None:
        return None
    if not isinstance(model, str) or not model:
        raise UsageError(f"{path}: {KEY} must be a name in quotes", HINT)
    return DefaultModel(model, str(path))


def unknown_settings() -> str:
    """Return a sentence about the words of the configuration file that mean nothing, "" if all are known."""
    unknown = sorted(_settings().keys() - {KEY})
    return f"{config_file()} has unknown settings: {', '.join(unknown)}; {HINT}" if unknown else ""


def _settings() -> dict[str, Any]:
    path = config_file()
    try:
        return tomllib.loads(read_regular(path).decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {reason(error)}", "change its permissions, or remove it") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", HINT) from error
    except ValueError as error:
        raise UsageError(f"{path} cannot be used: {reason(error)}", HINT) from error
