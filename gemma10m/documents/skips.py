"""Report on files that were not read: count those that nobody misses, and name those that may be damaged."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from gemma10m.documents.counts import number_of
from gemma10m.documents.document import SkippedFile
from gemma10m.documents.left_out import CACHE, DEPENDENCIES, EDITOR, GENERATED, LOCK, MINIFIED, SECRET
from gemma10m.documents.whereabouts import Whereabouts

BINARY, IMAGE, TOO_LARGE = "binary", "an image", "too large"
_IMAGES = frozenset(".png .jpg .jpeg .gif .webp .ico .bmp .tif .tiff .avif .heic .psd .icns".split())
_LEFT_OUT = (DEPENDENCIES, LOCK, MINIFIED, GENERATED, EDITOR, CACHE, SECRET)
_CHOSEN = ("git's own", "ignored by .gitignore", "excluded", "not included", "replaced by a later member")
_IRREGULAR = ("a link, not followed", "a FIFO", "a socket", "a device")
_COUNTED = frozenset([*_LEFT_OUT, *_CHOSEN, *_IRREGULAR, IMAGE, "an archive: name it to read it"])
_COUNTED_TOO = re.compile(r"an? .*(?:without text|not supported|which needs \w+|which is asked alone)\b")
_NOUN = re.compile(r"an? (.+?)(?=$|[,:]| (?:with|without|that|of) )")
_AFTER_NOUN = re.compile(r"[,:] (?:which (?:is )?)?(.*)")
_TOO_LARGE = re.compile(r"\bof more than [0-9]|\btoo large\b")
_NAMED = 20  # files at most, on a terminal; the record has them all


class SkippedKind(NamedTuple):
    """Count the files that were skipped for one reason."""

    reason: str
    files: int
    first: str  # the path of one of them

    def __str__(self) -> str:
        """Return the number and the kind, as in `2 links (not followed)`."""
        if not (noun := _NOUN.match(self.reason)):
            reason = "dependency" if (self.reason, self.files) == (DEPENDENCIES, 1) else self.reason
            return f"{self.files:,} {reason}"
        after = _AFTER_NOUN.sub(r" (\1)", self.reason[noun.end() :])
        return f"{self.files:,} {noun[1]}{'s' * (self.files > 1)}{after}"


def kind_of_skip(path: str, reason: str) -> str:
    """Return the kind that a skipped file is counted under; "" for one that is named with its reason."""
    if reason.startswith("binary ("):
        return IMAGE if os.path.splitext(path)[1].lower() in _IMAGES else BINARY
    if _TOO_LARGE.search(reason):
        return TOO_LARGE
    return reason if reason in _COUNTED or _COUNTED_TOO.match(reason) else ""


def skipped_kinds(skipped: Iterable[SkippedFile]) -> list[SkippedKind]:
    """Return what is counted, the largest number first."""
    found: dict[str, tuple[int, str]] = {}
    for each in skipped:
        if kind := kind_of_skip(each.path, each.reason):
            count, first = found.get(kind, (0, each.path))
            found[kind] = count + 1, first
    kinds = [SkippedKind(kind, count, first) for kind, (count, first) in found.items()]
    return sorted(kinds, key=lambda kind: -kind.files)


def named_skips(skipped: Iterable[SkippedFile], where: Whereabouts) -> list[str]:
    """Return a line for each skipped file that may be damaged, and one for those that are too many to name."""
    damaged = [each for each in skipped if not kind_of_skip(each.path, each.reason)]
    named = [f"{where.path(each.path)}: {each.reason}" for each in damaged[:_NAMED]]
    more = len(damaged) - _NAMED
    return named + [f"{number_of(more, 'more file')} that cannot be read"] * (more > 0)


def skipped_sentence(skipped: tuple[SkippedFile, ...], files: int) -> str:
    """Return one sentence that counts them; `files` is the number of files that are read."""
    kinds = skipped_kinds(skipped)
    counts = [str(kind) for kind in kinds]
    named = len(skipped) - sum(kind.files for kind in kinds)
    counts += [f"{named:,} that cannot be read"] * (named > 0)
    return f"skipped {len(skipped):,} of {len(skipped) + files:,}: {', '.join(counts)}"
