"""Check the hub's list of a model's files before use: names, sizes and hashes are hostile input."""

from __future__ import annotations

import re

from huggingface_hub import HfApi, constants
from huggingface_hub.hf_api import RepoSibling

from gemma10m.errors import ModelError
from gemma10m.hub.gguf_choice import choose_gguf
from gemma10m.hub.hub_errors import HUB_FAILURES, explain, not_a_hub
from gemma10m.hub.partial_file import RemoteFile
from gemma10m.strict_json import quote
from gemma10m.weights.downloads import is_wanted

_NAMES_SHOWN = 8
_HEX = re.compile(r"[0-9a-f]+")


def ask_hub(repository: str, revision: str | None) -> tuple[str, list[RepoSibling]]:
    """Return the commit of a revision and all of its files, in one answer, so that they belong together.

    Raises NetworkError, or ModelError where there is no such repository or revision.
    """
    timeout = constants.HF_HUB_ETAG_TIMEOUT
    try:
        info = HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=timeout)
    except HUB_FAILURES as error:
        raise explain(error, repository, revision) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise not_a_hub(repository) from error
    if info.sha is None or not _is_hash(info.sha, 40):
        raise not_a_hub(repository)
    return info.sha, info.siblings or []


def choose_files(
    repository: str, siblings: list[RepoSibling], file: str | None = None
) -> tuple[tuple[RemoteFile, ...], str]:
    """Return the files a model needs, and a sentence about the choice if there was one.

    A checkpoint's files, small ones first: a refusal comes before gigabytes do. Else one .gguf file, or `file`.
    Only plain names in the repository's root are taken. Raises ModelError where config or weights are missing.
    """
    wanted = {sibling.rfilename: _listed(repository, sibling) for sibling in siblings if is_wanted(sibling.rfilename)}
    in_gguf = {path: remote.bytes for path, remote in wanted.items() if path.endswith(".gguf")}
    chosen = [remote for path, remote in wanted.items() if path not in in_gguf]
    lacking = _lacking({remote.path for remote in chosen})
    if file is not None or (lacking and in_gguf):
        name, why = choose_gguf(repository, in_gguf, file)
        return (wanted[name],), why
    if lacking:
        raise _unusable(repository, lacking, [quote(sibling.rfilename) for sibling in siblings])
    return tuple(sorted(chosen, key=lambda remote: (remote.path.endswith(".safetensors"), remote.path))), ""


def _lacking(paths: set[str]) -> str:
    if "config.json" not in paths:
        return "config.json"
    return "" if any(path.endswith(".safetensors") for path in paths) else "safetensors weights"


def _listed(repository: str, sibling: RepoSibling) -> RemoteFile:
    size = sibling.lfs.size if sibling.lfs else sibling.size
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    git_sha1 = None if sibling.lfs else sibling.blob_id
    if type(size) is not int or size < 0 or not (_is_hash(sha256, 64) or _is_hash(git_sha1, 40)):
        raise not_a_hub(repository)
    return RemoteFile(sibling.rfilename, size, sha256, git_sha1)


def _is_hash(value: object, length: int) -> bool:
    return isinstance(value, str) and len(value) == length and _HEX.fullmatch(value) is not None


def _unusable(repository: str, lacking: str, has: list[str]) -> ModelError:
    names = ", ".join(has[:_NAMES_SHOWN]) or "no file"
    more = f" and {len(has) - _NAMES_SHOWN} more" if len(has) > _NAMES_SHOWN else ""
    return ModelError(
        f"{repository} has no {lacking}; it has {names}{more}",
        hint="choose a repository with config.json and .safetensors files, or with a .gguf file; "
        "pickled weights are never loaded",
    )
