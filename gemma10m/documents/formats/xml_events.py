"""XML as events, in constant memory. A document type, which is where entities are declared, is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from xml.parsers import expat

from gemma10m.documents.safe_open import UnreadableError

Attributes = dict[str, str]


def parse_xml(
    name: str,
    blocks: Iterable[bytes],
    start: Callable[[str, Attributes], object],
    end: Callable[[str], object] = lambda name: None,
    text: Callable[[str], object] = lambda text: None,
) -> None:
    """Names come without their namespaces. Raises `UnreadableError`, and whatever the three functions raise."""

    def refuse_type(*_: object) -> None:
        raise UnreadableError(f"its {name} declares a document type, which is where XML bombs are hidden")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse_type
    parser.StartElementHandler = lambda tag, given: start(_local(tag), {_local(key): given[key] for key in given})
    parser.EndElementHandler = lambda tag: end(_local(tag))
    parser.CharacterDataHandler = text
    try:
        for block in blocks:
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise UnreadableError(f"damaged: its {name} is not XML") from error


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
