"""Translate git's globs (its `wildmatch.c`) into regular expressions over bytes, which take linear time.

Git compares bytes: `?` is one byte of a name. Its `**` crosses folders only between slashes or at an end of the glob.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

_SLASH = ord("/")
_ASCII = range(128)
_CLASSES: dict[bytes, Callable[[str], bool]] = {
    b"alnum": str.isalnum,
    b"alpha": str.isalpha,
    b"blank": lambda character: character in " \t",
    b"cntrl": lambda character: not " " <= character <= "~",
    b"digit": str.isdigit,
    b"graph": lambda character: "!" <= character <= "~",
    b"lower": str.islower,
    b"print": lambda character: " " <= character <= "~",
    b"punct": lambda character: character in string.punctuation,
    b"space": lambda character: character in " \t\n\r",
    b"upper": str.isupper,
    b"xdigit": lambda character: character in string.hexdigits,
}
_ACROSS = b"(?:[^/]*/)*?"  # any number of folders
_NEVER = b"(?!)"

_Segment = list[list[bytes]]  # between two slashes: runs of single bytes, with a star between each two


class _BrokenGlobError(Exception):
    """Report a glob that matches nothing, since it ends within a bracket or an escape."""


def compile_glob(glob: bytes) -> re.Pattern[bytes]:
    """Return what matches all of a path where `glob` does, as git has it with WM_PATHNAME."""
    try:
        groups = _GlobParser(glob).groups()
    except _BrokenGlobError:
        return re.compile(_NEVER)
    # What stands between two `**` is looked for from the left, once: the first place leaves the most for the rest.
    first, *rest = (b"/".join(map(_segment, group)) for group in groups)
    if not rest:
        return re.compile(first + rb"\Z", re.DOTALL)
    middle = b"".join(b"(?>" + _ACROSS + group + b")" for group in rest[:-1])
    return re.compile(first + middle + _ACROSS + rest[-1] + rb"\Z", re.DOTALL)


def _segment(runs: _Segment) -> bytes:
    """Return a regular expression for one name; a run is taken where it first fits, and the last at the end."""
    first, *rest = (b"".join(run) for run in runs)
    if not rest:
        return first
    return first + b"".join(b"(?>[^/]*?" + run + b")" for run in rest[:-1]) + b"[^/]*" + rest[-1]


class _GlobParser:
    """Read a glob from left to right; `at` is the next byte."""

    def __init__(self, glob: bytes) -> None:
        self.glob, self.at = glob, 0

    def groups(self) -> list[list[_Segment]]:
        """Return the glob cut at each `**`. A group that another follows ends with an empty segment: its last slash."""
        groups: list[list[_Segment]] = [[[[]]]]
        while self.at < len(self.glob):
            byte = self.glob[self.at]
            if byte == ord("*"):
                self._star(groups)
                continue
            matcher = self._single(byte)
            if matcher == b"/":
                groups[-1].append([[]])
            else:
                groups[-1][-1][-1].append(matcher)
        return groups

    def _star(self, groups: list[list[_Segment]]) -> None:
        start = self.at
        while self.glob[self.at : self.at + 1] == b"*":
            self.at += 1
        after = self.glob[self.at : self.at + 2]
        opens = start == 0 or self.glob[start - 1] == _SLASH
        if self.at - start < 2 or not opens or not (after in (b"", b"\\/") or after.startswith(b"/")):
            groups[-1][-1].append([])
        elif not after:
            groups[-1][-1][-1].append(b".*")
        elif after == b"\\/":
            self.at += 2
            groups[-1][-1].append([])
            groups[-1].append([[]])
            groups.append([[[]]])
        else:
            self.at += 1
            groups.append([[[]]])

    def _single(self, byte: int) -> bytes:
        """Return what matches one byte, which begins at `at`, and go behind it."""
        if byte == ord("?"):
            self.at += 1
            return b"[^/]"
        if byte == ord("["):
            return self._bracket()
        if byte == ord("\\"):
            self.at += 1
            byte = self._byte()
        self.at += 1
        return re.escape(bytes([byte]))

    def _bracket(self) -> bytes:
        self.at += 1
        if negated := self._byte() in b"!^":
            self.at += 1
        found: set[int] = set()
        before = 0  # the byte that a range may begin with; 0: there is none
        while True:
            before = self._element(found, before)
            self.at += 1
            if self._byte() == ord("]"):
                break
        self.at += 1
        chosen = (set(range(256)) - found if negated else found) - {_SLASH}
        return b"[" + b"".join(re.escape(bytes([each])) for each in sorted(chosen)) + b"]" if chosen else _NEVER

    def _element(self, found: set[int], before: int) -> int:
        """Add what the element of a bracket at `at` stands for, and stop at its last byte."""
        byte = self._byte()
        if byte == ord("-") and before and self.glob[self.at + 1 : self.at + 2] not in (b"", b"]"):
            self.at += 1
            found.update(range(before, self._escaped() + 1))
            return 0
        if byte == ord("[") and self.glob[self.at + 1 : self.at + 2] == b":" and self._named_class(found):
            return 0
        byte = self._escaped()
        found.add(byte)
        return byte

    def _named_class(self, found: set[int]) -> bool:
        """Add a class such as `[:alpha:]`. Return False for anything else: then `[` is an ordinary byte."""
        end = self.glob.find(b"]", self.at + 2)
        if end < 0:
            raise _BrokenGlobError
        name = self.glob[self.at + 2 : end - 1]
        if end - 1 < self.at + 2 or self.glob[end - 1] != ord(":"):
            return False
        if name not in _CLASSES:
            raise _BrokenGlobError
        found.update(code for code in _ASCII if _CLASSES[name](chr(code)))
        self.at = end
        return True

    def _escaped(self) -> int:
        if self._byte() == ord("\\"):
            self.at += 1
        return self._byte()

    def _byte(self) -> int:
        if self.at >= len(self.glob):
            raise _BrokenGlobError
        return self.glob[self.at]
