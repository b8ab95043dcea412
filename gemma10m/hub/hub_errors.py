"""Explain failures of the hub or the disk: one message and one next step each."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is httpx's or httpx2's, as installed
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from gemma10m.errors import DiskError, Gemma10MError, ModelError, NetworkError
from gemma10m.weights.downloads import list_downloaded

HUB_FAILURES = (HTTPError, OfflineModeIsEnabled)
_LOG_IN = "run `hf auth login` or set HF_TOKEN"


def cause_text(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def explain(error: Exception, repository: str, revision: str | None) -> Gemma10MError:
    """Return the error to raise instead of one of HUB_FAILURES."""
    match error:
        case GatedRepoError():
            return _gated(repository, error.response.status_code)
        case RepositoryNotFoundError():
            return ModelError(
                f"the hub has no model {repository}, or it is private",
                hint=f"check the spelling at {constants.ENDPOINT}; for a private model, {_LOG_IN} first",
            )
        case RevisionNotFoundError():
            return ModelError(
                f"{repository} has no revision {revision!r}",
                hint=f"see its branches and tags at {constants.ENDPOINT}/{repository}, or leave --revision out",
            )
        case HfHubHTTPError():
            return _refused(repository, error.response.status_code)
        case OfflineModeIsEnabled():
            return offline_error(repository)
    return NetworkError(
        f"cannot reach {constants.ENDPOINT}: {cause_text(error)}",
        hint="check the network connection, the proxy settings and HF_ENDPOINT, then run the same command again",
    )


def _gated(repository: str, status: int) -> NetworkError:
    page = f"{constants.ENDPOINT}/{repository}"
    if status == 401:
        return NetworkError(
            f"{repository} is gated: its licence must be accepted by someone who is logged in",
            hint=f"accept the licence at {page}, then {_LOG_IN}",
        )
    return NetworkError(
        f"{repository} is gated, and the account of your token has no access to it",
        hint=f"accept the licence at {page} with that account and wait to be let in, then run the same command again",
    )


def _refused(repository: str, status: int) -> NetworkError:
    hint = "try again in a few minutes; bytes already here are kept"
    if status == 401:
        hint = f"the token may have expired: {_LOG_IN} again, or unset HF_TOKEN for public models"
    elif status == 403:
        hint = "check that the token may read this repository"
    elif status == 404:
        hint = "the repository may have changed meanwhile: run the same command again"
    return NetworkError(f"{constants.ENDPOINT} answered {status} for {repository}", hint)


def offline_error(repository: str) -> NetworkError:
    names = ", ".join(stored.name for stored in list_downloaded()) or "nothing yet"
    return NetworkError(
        f"offline mode is on, so {repository} cannot be asked for; already downloaded: {names}",
        hint="leave out --offline and unset HF_HUB_OFFLINE, or use a model that is already here",
    )


def not_a_hub(repository: str) -> NetworkError:
    return NetworkError(
        f"{constants.ENDPOINT} answered for {repository}, but not as a model hub does",
        hint="check HF_ENDPOINT, and that no log-in page or proxy answers in the hub's place",
    )


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a DiskError that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskError(
                f"the disk is full: {path} could not be written to its end",
                hint="free some space, then run the same command again: it resumes where it stopped",
            ) from error
        raise DiskError(
            f"cannot use {path}: {error.strerror or error}",
            hint="check the permissions and the state of that disk, then run the same command again",
        ) from error
