"""Find the top of a git work tree, and the ignore rules for a folder inside of one.

Rules come from the `.gitignore` of every folder down from the top, and from `.git/info/exclude`. A user's own
`core.excludesFile` is not used: what a document holds depends on its folder alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from gemma10m.documents.ignoring import IgnoreRules
from gemma10m.documents.safe_open import UnreadableError, open_regular, read_block
from gemma10m.documents.selection import Parts, Rules

RULES_FILE = ".gitignore"
LARGEST_RULES = 1 << 20  # bytes
_LARGEST_LINK = 1 << 12  # bytes of a `.git` file
_HEAD = re.compile(rb"ref: refs/.+|[0-9a-f]{40,64}\s*", re.DOTALL)


class TooManyRulesError(Exception):
    """Report a file of rules that is larger than `LARGEST_RULES`."""


def read_rules(path: str, depth: int, above: Parts = (), follow_links: bool = False) -> IgnoreRules | None:
    """Return the rules of one file, None where it cannot be read. Raises `TooManyRulesError`."""
    content = _content(path, LARGEST_RULES + 1, follow_links)
    if content is None:
        return None
    if len(content) > LARGEST_RULES:
        raise TooManyRulesError
    return IgnoreRules.parse(os.fsdecode(content), depth, above)


def git_folder(folder: str) -> str | None:
    """Return the `.git` of a folder that is the top of a work tree: the one that all its work trees share."""
    path = os.path.join(folder, ".git")
    link = _content(path, _LARGEST_LINK, follow_links=True)
    if link is not None:
        if not link.startswith(b"gitdir: "):
            return None
        path = os.path.join(folder, os.fsdecode(link.removeprefix(b"gitdir: ").rstrip(b"\r\n")))
    head = _content(os.path.join(path, "HEAD"), _LARGEST_LINK, follow_links=True)
    if head is None or not _HEAD.match(head):
        return None
    common = _content(os.path.join(path, "commondir"), _LARGEST_LINK, follow_links=True)
    if common is not None:
        path = os.path.join(path, os.fsdecode(common.rstrip(b"\r\n")))
    return path if all(os.path.isdir(os.path.join(path, name)) for name in ("objects", "refs")) else None


def repository_rules(git: str, depth: int, above: Parts = ()) -> Iterator[IgnoreRules]:
    """Yield the rules that hold in a whole work tree. Raises `TooManyRulesError`."""
    rules = read_rules(os.path.join(git, "info", "exclude"), depth, above, follow_links=True)
    if rules is not None:
        yield rules


def rules_around(root: str) -> Rules:
    """Return the rules that hold in `root` because of the folders above it and of its repository, the nearest first.

    Return none where the rules leave out `root` itself: whoever names a folder wants what is in it.
    Raises `TooManyRulesError`.
    """
    top, below, git = _top(root)
    if git is None:
        return ()
    rules: Rules = tuple(repository_rules(git, 0, below))
    folder = top
    for number, name in enumerate(below):
        if (found := read_rules(os.path.join(folder, RULES_FILE), 0, below[number:])) is not None:
            rules = (found, *rules)
        if _leaves_out(rules, len(below) - number - 1):
            return ()
        folder = os.path.join(folder, name)
    return rules


def _leaves_out(rules: Rules, levels: int) -> bool:
    """Return whether the folder `levels` above the root, the root itself for 0, is ignored."""
    for each in rules:
        verdict = each.verdict_above(levels)
        if verdict is not None:
            return verdict
    return False


def _top(root: str) -> tuple[str, Parts, str | None]:
    """Return the top of the work tree that holds `root`, the names from there to `root`, and its `.git`."""
    folder = os.path.realpath(root)
    below: Parts = ()
    while (git := git_folder(folder)) is None:
        folder, name = os.path.split(folder)
        if not name:
            return folder, (), None
        below = (name, *below)
    return folder, below, git


def _content(path: str, most: int, follow_links: bool) -> bytes | None:
    try:
        descriptor = open_regular(path, follow_links)
    except UnreadableError:
        return None
    try:
        return read_block(descriptor, 0, most)
    except UnreadableError:
        return None
    finally:
        os.close(descriptor)
