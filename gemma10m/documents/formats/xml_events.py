"""Read XML as events, in constant memory. No entity is expanded and no other file is read.

A document type is passed over; one that declares entities made of others, or of other files, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from xml.parsers import expat

from gemma10m.documents.budget import BombError
from gemma10m.documents.safe_open import UnreadableError

Attributes = dict[str, str]


class XmlReceiver:
    """Receive the events of a document; what is not overridden is passed over."""

    def start(self, tag: str, given: Attributes) -> object:
        return None

    def end(self, tag: str) -> object:
        return None

    def text(self, text: str) -> object:
        return None


def parse_to_damage(
    blocks: Iterable[bytes],
    start: Callable[[str, Attributes], object],
    end: Callable[[str], object],
    text: Callable[[str], object],
    is_blank: Callable[[], bool],
    note: Callable[[str], object],
) -> None:
    """Parse a document as `parse_xml` does, up to damage, which is noted.

    Raises `UnreadableError` for damage while it `is_blank`, `BombError`, and whatever the functions raise.
    """
    try:
        parse_xml("text", blocks, start, end, text)
    except BombError:
        raise
    except UnreadableError as error:
        if is_blank():
            raise
        note(f"part of it is not read ({error})")


def parse_xml(
    name: str,
    blocks: Iterable[bytes],
    start: Callable[[str, Attributes], object],
    end: Callable[[str], object] = lambda name: None,
    text: Callable[[str], object] = lambda text: None,
) -> None:
    """Call the three functions for each event; names come without namespaces.

    Raises `UnreadableError`, and whatever the three functions raise.
    """

    def entity(_: str, is_parameter: bool, value: str | None, *__: object) -> None:
        if not is_parameter and (value is None or "&" in value):
            raise UnreadableError(f"its {name} declares a document type in which XML bombs are hidden")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.EntityDeclHandler = entity
    parser.DefaultHandler = lambda _: None  # with one, no entity of the file's own is expanded
    parser.StartElementHandler = lambda tag, given: start(_local(tag), _locals(given))
    parser.EndElementHandler = lambda tag: end(_local(tag))
    parser.CharacterDataHandler = text
    try:
        for number, block in enumerate(blocks):
            parser.Parse(block if number else block.lstrip(), False)
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise UnreadableError(f"damaged: its {name} is not XML") from error


def _locals(given: Attributes) -> Attributes:
    """Return the attributes without namespaces; of two with one name that with a namespace counts: `r:id`, not `id`."""
    found = {_local(key): given[key] for key in given}
    if len(found) < len(given):
        found |= {_local(key): given[key] for key in given if " " in key}
    return found


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
