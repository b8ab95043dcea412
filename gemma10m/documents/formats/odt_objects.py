"""Read what an OpenDocument text embeds: formulas in MathML, in the text itself or in a part of their own."""

from __future__ import annotations

import posixpath

from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.formats.formula import Formula
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.safe_open import UnreadableError

_CONTENT = "content.xml"


class OdtFormula:
    """Receive the events inside a `math` element."""

    def __init__(self, given: Attributes) -> None:
        self._formula = Formula(given)
        self._depth = 0

    @property
    def text(self) -> str:
        return self._formula.text()

    def start(self, tag: str, given: Attributes) -> None:
        self._depth += 1
        self._formula.start(tag, given)

    def add(self, text: str) -> None:
        self._formula.parts.append(text)

    def end(self) -> bool:
        """End an element; return True where it is the formula itself."""
        if not self._depth:
            return True
        self._depth -= 1
        self._formula.end()
        return False


def formula_in(document: Zip, reference: str) -> str:
    """Return the formula in an object of the document. Raises `UnreadableError` for another object."""
    name = posixpath.normpath(posixpath.join(reference, _CONTENT))
    if name not in document.members:
        raise UnreadableError("it is not there")
    formula: OdtFormula | None = None

    def start(tag: str, given: Attributes) -> None:
        nonlocal formula
        if formula:
            formula.start(tag, given)
        elif tag == "math":
            formula = OdtFormula(given)
        else:
            raise UnreadableError("it is no formula")

    def end(tag: str) -> None:
        if formula:
            formula.end()

    def text(text: str) -> None:
        if formula:
            formula.add(text)

    parse_xml(name, document.blocks(name), start, end, text)
    return formula.text if formula else ""
