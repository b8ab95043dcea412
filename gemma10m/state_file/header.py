"""A state file describes itself: frozen records are written to the strings of its header and read back.

Every value but `format` and the digests is the JSON text of a field, so that one strict parser checks them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from reprlib import repr as shortened
from typing import Any, NamedTuple

from gemma10m.config import FORMATS, ReadingConfig
from gemma10m.errors import ConfigError
from gemma10m.strict_json import canonical_json, strict_json

FORMAT_NAME = "gemma10m.state/"
FORMAT = FORMAT_NAME + "1"

_LARGEST_COUNT = 2**53  # what every JSON reader holds exactly


class SourceRecord(NamedTuple):
    path: str
    nbytes: int
    sha256: str
    tokens: int


class SkippedRecord(NamedTuple):
    path: str
    reason: str


class OriginRecord(NamedTuple):
    """Hold what the document was opened by."""

    folder: str  # that relative names start from
    names: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    everything: bool = False  # also what is left out by default; missing in older files


@dataclass(frozen=True)
class DocumentRecord:
    """Hold the manifest of what was read: names and hashes, never text."""

    name: str
    fingerprint: str
    nbytes: int
    sources: tuple[SourceRecord, ...]
    skipped: tuple[SkippedRecord, ...] = ()
    origin: OriginRecord | None = None  # None for standard input, and in files written before it was kept


@dataclass(frozen=True, kw_only=True)
class StateHeader:
    format: str = FORMAT
    model: str  # the name people know it by; the fingerprint decides
    model_fingerprint: str
    tokenizer_fingerprint: str
    reading: ReadingConfig
    dtype: str  # of the weights; keys and values are in the float type that goes with it
    position: int  # tokens read
    complete: bool  # the whole document was read
    document: DocumentRecord
    ids_sha256: str  # of every token id before the open segment
    open_ids: tuple[int, ...]  # the open segment's token ids; none for `full`
    seconds: float  # spent reading so far
    created_by: str
    skipped: int = 0  # tokens of the document that no answer depends on, and that were not read


def header_metadata(header: StateHeader) -> dict[str, str]:
    """Write everything but `open_ids`, which are stored as a tensor."""
    names = [field.name for field in fields(header) if field.name not in ("format", "open_ids")]
    # Written where there are any, so that files of models that read everything are what they always were.
    names = [name for name in names if name != "skipped" or header.skipped]
    values = {name: getattr(header, name) for name in names} | {"reading": header.reading.said()}
    return {"format": header.format} | {name: canonical_json(value) for name, value in values.items()}


def parse_metadata(metadata: Mapping[str, Any], open_ids: tuple[int, ...]) -> StateHeader:
    """Invert `header_metadata`. Raises ValueError that names the field, what was found and what is expected."""
    metadata = {"skipped": "0"} | dict(metadata)
    _expect_keys(metadata, ("format", *_CHECKS))
    values = {name: _checked(name, metadata[name]) for name in _CHECKS}
    return StateHeader(format=metadata["format"], open_ids=open_ids, **values)


def _checked(name: str, text: object) -> Any:
    if not isinstance(text, str):
        raise ValueError(f"{name}: expected JSON text, found {shortened(text)}")
    try:
        return _CHECKS[name](strict_json(text))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _wrong(expected: str, found: object) -> ValueError:
    return ValueError(f"expected {expected}, found {shortened(found)}")


def _expect_keys(found: Iterable[str], expected: Iterable[str]) -> None:
    if missing := sorted(set(expected) - set(found)):
        raise ValueError(f"{missing[0]} is missing")
    if unknown := sorted(set(found) - set(expected)):
        raise ValueError(f"{shortened(unknown[0])} is unknown")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong("text", value)
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _wrong("a list", value)
    return tuple(map(_text, value))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong("true or false", value)
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST_COUNT:
        raise _wrong("a whole number from 0", value)
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST_COUNT:
        raise _wrong("a number of seconds", value)
    return value


def _sha256(value: object) -> str:
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise _wrong("a SHA-256 of 64 hexadecimal digits", value)
    return value


def _dtype(value: object) -> str:
    if value not in FORMATS:
        raise _wrong(" or ".join(FORMATS), value)
    return str(value)


def _object(value: object, record: type) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong("an object", value)
    _expect_keys(value, [field.name for field in fields(record)])
    return value


def _reading(value: object) -> ReadingConfig:
    try:
        found = {"kv": "float"} | value if isinstance(value, dict) else value
        return ReadingConfig(**_object(found, ReadingConfig))
    except ConfigError as error:
        raise ValueError(error.message) from None


def _document(value: object) -> DocumentRecord:
    found = _object({"origin": None} | value if isinstance(value, dict) else value, DocumentRecord)
    return DocumentRecord(
        name=_text(found["name"]),
        fingerprint=_text(found["fingerprint"]),
        nbytes=_count(found["nbytes"]),
        sources=tuple(SourceRecord(*row) for row in _rows(found["sources"], (_text, _count, _text, _count))),
        skipped=tuple(SkippedRecord(*row) for row in _rows(found["skipped"], (_text, _text))),
        origin=None if found["origin"] is None else _origin(found["origin"]),
    )


def _origin(value: object) -> OriginRecord:
    if isinstance(value, list) and len(value) == len(OriginRecord._fields) - 1:
        value = [*value, False]
    (row,) = _rows([value], (_text, _texts, _texts, _texts, _flag))
    return OriginRecord(*row)


def _rows(value: object, columns: tuple[Callable[[object], Any], ...]) -> list[list[Any]]:
    if not isinstance(value, list):
        raise _wrong("a list", value)
    for row in value:
        if not isinstance(row, list) or len(row) != len(columns):
            raise _wrong(f"a row of {len(columns)}", row)
    return [[check(cell) for check, cell in zip(columns, row, strict=True)] for row in value]


_CHECKS: dict[str, Callable[[object], Any]] = {
    "model": _text,
    "model_fingerprint": _text,
    "tokenizer_fingerprint": _text,
    "reading": _reading,
    "dtype": _dtype,
    "position": _count,
    "complete": _flag,
    "document": _document,
    "ids_sha256": _sha256,
    "seconds": _seconds,
    "created_by": _text,
    "skipped": _count,
}
