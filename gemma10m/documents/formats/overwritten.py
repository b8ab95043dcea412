"""Show text that was written to a terminal as the terminal shows it: progress that is written over itself, colours."""

from __future__ import annotations

import re

TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\))")  # colours, links
_ERASED = re.compile(r"\r\x1b\[[02]?K|\x1b\[2K")  # what is before it in the line
_MOVED = re.compile("([\r\b])")
_BACK = re.compile("\r[^\r\n]")
_COUNT = re.compile(r"\d\s?(?:%|/\s?\d)")
_WORD = re.compile(r"[^\W\d_]{3,}")


def as_shown(text: str) -> str:
    """Return a program's output without a terminal's sequences: CR and BS move back, and what follows overwrites."""
    if "\r" in text or "\b" in text:
        text = "\n".join(_overwritten(line) for line in text.split("\n"))
    return TERMINAL.sub("", text)


def has_progress(text: str) -> bool:
    """Tell if `without_progress` changes the text."""
    return bool(_BACK.search(text)) and any(_is_progress(line) for line in text.split("\n"))


def without_progress(text: str) -> str:
    """Return a text with the last state of each progress that is written over itself; another CR may end a line."""
    if not _BACK.search(text):
        return text
    return "\n".join(_overwritten(line) if _is_progress(line) else line for line in text.split("\n"))


def _is_progress(line: str) -> bool:
    """Tell if a line is erased, or if each state in it has a percentage or a fraction, and the words of the last."""
    *states, last = [state for state in line.split("\r") if state.strip()] or [""]
    words = _WORD.findall(last)
    return bool(_ERASED.search(line)) or (bool(states) and all(_is_state(state, words) for state in states))


def _is_state(text: str, words: list[str]) -> bool:
    own = _WORD.findall(text)
    return bool(_COUNT.search(text)) and own == words[: len(own)]


def _overwritten(line: str) -> str:
    shown, at = list[str](), 0
    for part in _MOVED.split(TERMINAL.sub("", _ERASED.split(line)[-1]).rstrip("\r")):
        if part == "\r":
            at = 0
        elif part == "\b":
            at = max(0, at - 1)
        else:
            shown[at : at + len(part)] = part
            at += len(part)
    return "".join(shown)
