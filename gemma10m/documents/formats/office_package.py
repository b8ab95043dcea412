"""Find the parts of an Office Open XML document (DOCX, XLSX, PPTX), which name each other by relationships."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from gemma10m.documents.budget import BombError, Budget
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

SUBDOCUMENT = "subDocument"  # the only kind of part that may lie outside of the file
_KINDS = {"document": "docx", "workbook": "xlsx", "presentation": "pptx"}  # by the main part's first element
_FOLDERS = {"word": "docx", "xl": "xlsx", "ppt": "pptx"}
_USUAL = ("word/document.xml", "xl/workbook.xml", "ppt/presentation.xml")


class OfficePackage(Protocol):
    """Describe a `Zip`, or another object that holds a document's parts."""

    budget: Budget

    @property
    def members(self) -> Mapping[str, object]: ...

    def blocks(self, name: str, /) -> Iterator[bytes]: ...


class OfficePart(NamedTuple):
    kind: str  # the last word of its type, which is the same in both namespaces of the standard
    name: str


def main_part(document: OfficePackage) -> tuple[str, str]:
    """Return "docx", "xlsx" or "pptx" and the part that holds its text or lists its parts, or two "" for another file.

    A part that is damaged from its first element on is known by its folder.
    """
    named = (part.name for part in related(document, "").values() if part.kind == "officeDocument")
    usual = (name for name in _USUAL if name in document.members)
    name = next(named, "") or next(usual, "")
    if name not in document.members:
        return "", ""
    root = _root(document, name)
    kind = _KINDS.get(root, "") if root or not name.endswith(".xml") else _FOLDERS.get(name.partition("/")[0], "")
    return (kind, name) if kind else ("", "")


def related(document: OfficePackage, part: str) -> dict[str, OfficePart]:
    """Return the parts that a part ("" for the file itself) names, by their ids, up to damage in the list."""
    folder, name = posixpath.split(part)
    found: dict[str, OfficePart] = {}

    def start(tag: str, given: Attributes) -> None:
        kind = given.get("Type", "").rpartition("/")[2]
        if tag == "Relationship" and (given.get("TargetMode") != "External" or kind == SUBDOCUMENT):
            target = posixpath.normpath(posixpath.join("/", folder, unquote(given.get("Target", "")))).lstrip("/")
            found[given.get("Id", "")] = OfficePart(kind, spelled.get(target.lower(), target))

    listed = posixpath.join(folder, "_rels", f"{name}.rels")
    spelled = {member.lower(): member for member in document.members}
    if spelled.get(listed.lower()):
        try:
            parse_xml(listed, document.blocks(spelled[listed.lower()]), start)
        except BombError:
            raise
        except UnreadableError:
            return found
    return found


def read_guarded(name: str, writer: TextWriter, read: Callable[[], object], is_needed: bool = False) -> str:
    """Read a part, and return what is wrong with it, which is noted; it is an error where nothing else is left."""
    try:
        read()
    except BombError:
        raise
    except UnreadableError as error:
        if is_needed and writer.blank:
            raise
        writer.note(f"part of its {printable(name)} is not read ({error})")
        return str(error)
    return ""


def _root(document: OfficePackage, name: str) -> str:
    """Return the first element's name, or ""."""

    def start(tag: str, given: Attributes) -> None:
        raise _FirstElement(tag)

    try:
        parse_xml(name, document.blocks(name), start)
    except _FirstElement as first:
        return str(first)
    except BombError:
        raise
    except UnreadableError:
        pass
    return ""


class _FirstElement(Exception):
    """End the parsing after the first element."""
