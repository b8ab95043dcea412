"""Read the formulas of RTF: groups whose words are the names of Word's elements (OMML) with an m before them."""

from __future__ import annotations

from gemma10m.documents.formats.docx_formula import VALUES, WordFormula

ROOT = "moMath"
OUTSIDE, STRUCTURE, RUN, VALUE = "", "structure", "run", "value"  # where a group of the file is


class RtfFormula:
    """Receive the groups of one formula."""

    def __init__(self) -> None:
        self._formula = WordFormula()
        self._value: list[str] = []

    @property
    def text(self) -> str:
        return self._formula.text

    def start(self, tag: str) -> str:
        """Begin a group; return where its text is."""
        if tag in VALUES:
            self._value.clear()
            return VALUE
        self._formula.start(tag, {})
        return RUN if tag == "r" else STRUCTURE

    def add(self, text: str, where: str) -> None:
        if where == RUN:
            self._formula.add(text)
        elif where == VALUE:
            self._value.append(text)

    def end(self, tag: str) -> None:
        if tag in VALUES:
            self._formula.start(tag, {"val": "".join(self._value).strip()})
        self._formula.end()
