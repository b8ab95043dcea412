"""Hold the settings of RTF that a group inherits from the one around it."""

from __future__ import annotations

from typing import Any, NamedTuple

from gemma10m.documents.formats.raised import FAR, LOWERED, RAISED
from gemma10m.documents.formats.rtf_math import OUTSIDE

_LEFT_OUT = {"v": "hidden", "strike": "struck", "striked": "struck"}
PROPERTIES = set(
    "ud plain pard intbl itap ls ilvl outlinelevel dropcapli uc deleted super sub up dn nosupersub".split()
)
PROPERTIES |= set(_LEFT_OUT)


class RtfState(NamedTuple):
    """Hold the settings of a group."""

    unread: bool = False
    hidden: bool = False
    struck: bool = False
    script: str = ""  # RAISED, LOWERED or ""
    deleted: bool = False
    font: int = -1
    fallback: int = 1  # characters that follow a \\u for older programs
    in_table: bool = False
    heading: bool = False
    initial: bool = False  # the paragraph is the large first letter of the next one
    list: int = 0  # whose numbers the paragraph has, by its number in the file; 0 for none
    level: int = 0  # in the list
    into: str = ""  # "", "fonttbl", "fldinst" or what is not written where it stands
    math: str = OUTSIDE
    tag: str = ""  # of the group itself: "field", "formfield" or an element of a formula

    @property
    def left_out(self) -> str:
        """Why text is left out, or ""."""
        return "hidden" if self.hidden else "struck" if self.struck else ""

    def changed(self, word: str, number: int | None) -> RtfState:
        """Return the state after a word of `PROPERTIES`."""
        return self._replace(**_changes(word, number))


def _changes(word: str, number: int | None) -> dict[str, Any]:
    is_on, is_far = number != 0, number is None or abs(number) >= FAR
    changes: dict[str, dict[str, Any]] = {
        "ud": {"unread": False},  # the same text as the group around it, which is not read, in Unicode
        "plain": {"hidden": False, "struck": False, "script": "", "deleted": False, "font": -1},
        "pard": {"in_table": False, "heading": False, "initial": False, "list": 0, "level": 0},
        "intbl": {"in_table": True},
        "itap": {"in_table": bool(number)},
        "ls": {"list": number or 0},
        "ilvl": {"level": number or 0},
        "outlinelevel": {"heading": (number or 0) < 3},
        "dropcapli": {"initial": bool(number)},
        "uc": {"fallback": min(max(number or 0, 0), 100)},
        **{word: {why: is_on} for word, why in _LEFT_OUT.items()},
        "deleted": {"deleted": is_on},
        "super": {"script": RAISED if is_on else ""},
        "sub": {"script": LOWERED if is_on else ""},
        "up": {"script": RAISED if is_far else ""},
        "dn": {"script": LOWERED if is_far else ""},
        "nosupersub": {"script": ""},
    }
    return changes[word]
