"""Read the paragraphs and comments of an OpenDocument spreadsheet or presentation."""

from __future__ import annotations

import re
from collections import Counter

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.counts import counted
from gemma10m.documents.formats.odt_line import Line
from gemma10m.documents.formats.odt_numbers import NUMBERED, OdtNumbers
from gemma10m.documents.formats.odt_styles import OdtStyles
from gemma10m.documents.formats.odt_tables import repeats
from gemma10m.documents.formats.xml_events import Attributes
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_UNREAD = {"tracked-changes", "content-validations", "ruby-text", "binary-data", "script", "forms"}
_TEXTS = {"p", "h", "title", "desc", "creator"}  # paragraphs, the texts of a drawing, the author of a comment
_WHITE = {"s": " ", "tab": " ", "line-break": "\n"}
_SPACES = re.compile(r"[ \t\r\n]+")
_COUNTED = {
    "object": "embedded object",
    "object-ole": "embedded object",
    "image": "picture",
    "plugin": "video or sound",
}


class OdfParagraphs:
    """Receive elements; hold the paragraphs of what is open, and comments as lines."""

    def __init__(self, budget: Budget) -> None:
        self.comments: list[str] = []
        self.left_out = Counter[tuple[str, str]]()  # what is not read, and why
        self._kept: list[list[str]] = [[]]  # paragraphs, of what is open in one another
        self._line, self._styles, self._spans = Line(), OdtStyles(), list[str]()
        self._numbers, self._number = OdtNumbers(budget), ""  # the number of the open paragraph
        self._open = 0  # paragraphs
        self._unread = 0  # elements that are open from the one on that is not read
        self._author = ""
        self._commented = 0  # characters of all comments
        self._has_picture = False  # the open frame shows something
        self._sizes = [0]  # characters of these

    def start(self, tag: str, given: Attributes) -> bool:
        """Receive the start of an element; return False where it is not read."""
        if self._unread or tag in _UNREAD:
            self._unread += 1
            return False
        if tag in _TEXTS or tag == "span":
            if tag in ("p", "h") and not self._open:
                self._number = self._numbers.next(None, given)
            self._open += tag != "span"
            self._spans.append(given.get("style-name", ""))
        elif tag in _WHITE and self._open:
            self._line.white(_WHITE[tag] * (repeats(given, "c") if tag == "s" else 1))
        elif tag == "annotation":
            self._author = ""
            self.begin()
        elif tag in NUMBERED:
            self._numbers.start(tag, given)
        elif tag == "style":
            self._styles.begin(given)
        elif tag == "text-properties":
            self._styles.set(given)
        else:
            self._see_drawing(tag)
        return True

    def text(self, text: str) -> None:
        if self._unread or not self._open:
            return
        look = self._styles.of(self._spans)
        if look.left_out:
            self.left_out["character", f" of {look.left_out} text"] += len(text)
            return
        self._sizes[-1] += len(text)
        if self._sizes[-1] > limits.LARGEST_WHOLE:
            raise UnreadableError(f"a text of more than {limits.LARGEST_WHOLE >> 20} MiB")
        self._line.write(_SPACES.sub(" ", text), look.script)

    def end(self, tag: str, place: str = "") -> bool:
        """Receive the end of an element; return False where it is not read. place: the cell of a comment."""
        if self._unread:
            self._unread -= 1
            return False
        if tag in _TEXTS or tag == "span":
            del self._spans[-1:]
        if tag in _TEXTS:
            self._open = max(0, self._open - 1)
            self._end_text(tag)
        elif tag == "annotation":
            text = " ".join(self.take()).strip()
            of = f" on {place}" if place else ""
            self._comment(f"[comment by {self._author or 'somebody'}{of}] {text}" if text else "")
        elif tag == "list":
            self._numbers.end_list()
        elif tag == "style":
            self._styles.end()
        return True

    def begin(self) -> None:
        """Begin a cell, a box or a comment."""
        self._kept.append([])
        self._sizes.append(0)

    def take(self) -> list[str]:
        """Return the paragraphs of what ends here, or those that are outside of all."""
        kept = self._kept.pop()
        self._sizes.pop()
        if not self._kept:
            self.begin()
        return kept

    def take_comments(self) -> list[str]:
        comments, self.comments = self.comments, []
        return comments

    def tell(self, writer: TextWriter) -> None:
        """Note what is not read."""
        for (what, why), number in (+self.left_out).items():
            writer.note(f"{counted(number, what, why)} not read")

    def _comment(self, line: str) -> None:
        self._commented += len(line)
        if self._commented > limits.LARGEST_WHOLE:
            raise UnreadableError(f"comments of more than {limits.LARGEST_WHOLE >> 20} MiB")
        self.comments += [line] if line else []

    def _see_drawing(self, tag: str) -> None:
        """Count what is not read; the picture after an object or a table in a frame shows that again."""
        if tag in _COUNTED and not self._has_picture:
            self.left_out[_COUNTED[tag], ""] += 1
        if tag in ("frame", "table") or tag in _COUNTED:
            self._has_picture = tag != "frame"

    def _end_text(self, tag: str) -> None:
        if self._open:  # a field in a paragraph
            return
        text, number, self._number = self._line.take().strip(" "), self._number, ""
        if tag == "creator":
            self._author = " ".join(text.split())
        elif text:
            self._kept[-1].append(f"{number} {text}" if number else text)
