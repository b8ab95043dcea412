"""Move one file from the hub to disk: resume where it stopped, and keep nothing unverified.

huggingface_hub finds addresses, headers and the HTTP client. It does not resume an interrupted file in a new process
and does not check sha256, so the moving is done here.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from huggingface_hub import constants, get_session, hf_hub_url, hf_raise_for_status
from huggingface_hub.errors import HfHubHTTPError, HTTPError  # type: ignore[attr-defined]  # httpx's or httpx2's
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # exported lazily

from gemma10m.errors import NetworkError
from gemma10m.hub.hub_errors import cause_text
from gemma10m.hub.partial_file import MIB, Meter, Part, RemoteFile, part_path
from gemma10m.weights.downloads import StoredFile

TRIES = 5  # in a row without a new MiB
BACKOFF_SECONDS = 0.5
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


def fetch(repository: str, commit: str, file: RemoteFile, folder: Path, meter: Meter) -> StoredFile:
    """Fetch one file into `folder`, resuming its part. A damaged one is fetched a second time from zero.

    Raises NetworkError, DiskError, and huggingface_hub's own errors for a refusal.
    """
    url = hf_hub_url(repository, file.path, revision=commit)
    found = ""
    for _ in range(2):
        with Part(part_path(folder, file), file, meter) as part:
            part.resume()
            _fill(part, url)
            if part.digest.matches():
                return part.keep(folder / file.path)
            found = part.digest.as_listed
            part.discard()
    raise NetworkError(
        f"{file.path} arrived damaged twice: its hash is {found}, the hub lists {file.digest}",
        hint="something on the way changes the bytes: try another network or proxy, then run the same command again",
    )


def _fill(part: Part, url: str) -> None:
    failures, best = 0, part.size
    while not part.is_complete():
        reason = _attempt(part, url)
        if part.is_complete():
            return
        failures = 1 if part.size >= best + MIB else failures + 1
        best = max(best, part.size)
        if failures == TRIES:
            raise _gave_up(part, reason)
        time.sleep(BACKOFF_SECONDS * 2 ** (failures - 1))


def _attempt(part: Part, url: str) -> str:
    """Ask once for the rest of the file; if it is not complete, return why."""
    headers = {**build_hf_headers(), "accept-encoding": "identity"}
    if part.size:
        headers["range"] = f"bytes={part.size}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    try:
        with get_session().stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
            hf_raise_for_status(response)
            if response.status_code != 206:
                part.restart()
            elif problem := _range_problem(part, response.headers.get("content-range", "")):
                return problem
            for chunk in response.iter_bytes():
                part.append(chunk)
                if part.is_complete():
                    break
            return "the server ended the file early"
    except HfHubHTTPError as error:
        if error.response.status_code not in _PASSING:
            raise
        return f"the hub answered {error.response.status_code}"
    except HTTPError as error:
        return f"the connection broke ({cause_text(error)})"


def _range_problem(part: Part, content_range: str) -> str:
    match = _CONTENT_RANGE.fullmatch(content_range)
    if match and int(match[1]) == part.size and match[3] in ("*", str(part.file.bytes)):
        return ""
    return f"asked for the bytes from {part.size}, the server answered with {content_range[:80]!r}"


def _gave_up(part: Part, reason: str) -> NetworkError:
    return NetworkError(
        f"{part.file.path} stopped at {part.size:,} of {part.file.bytes:,} bytes after {TRIES} tries: {reason}",
        hint=f"run the same command again: it resumes from {part.size:,} bytes",
    )
