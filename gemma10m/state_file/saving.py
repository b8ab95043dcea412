"""Write a State and its StateHeader to a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from gemma10m.atomic_file import atomic_file
from gemma10m.config import computed_in
from gemma10m.errors import DocumentError, StateError, UsageError
from gemma10m.state_file.header import FORMAT, DocumentRecord, StateHeader, header_metadata, parse_metadata
from gemma10m.state_file.layout import (
    LENGTH_BYTES,
    MAX_HEADER_BYTES,
    OPEN_IDS,
    UNKNOWN_DIGEST,
    TensorSpec,
    state_layout,
    tensor_table,
)
from gemma10m.strict_json import canonical_json
from gemma10m.tensor_bytes import all_finite, bytes_of

if TYPE_CHECKING:
    from torch import Tensor

    from gemma10m.memory.state import State

_ALIGNMENT = 8


def save_state(path: Path, state: State, header: StateHeader) -> None:
    """Write a state of one document (B = 1); equal states and headers give equal bytes.

    Raises UsageError when state and header do not belong together, StateError for values that are not finite,
    DocumentError for a manifest too long for a header, DiskError when the file cannot be written. After an error the
    file that stood at `path` is as it was.
    """
    tensors = _named_tensors(state, header)
    layout = _checked_layout(tensors, state, header)
    metadata = header_metadata(header) | {"open_ids_sha256": hashlib.sha256(bytes_of(tensors[OPEN_IDS])).hexdigest()}
    with atomic_file(path) as file:
        # The payload's digest is known after the payload: its place in the header has a fixed width.
        file.write(_header_bytes(metadata | {"payload_sha256": UNKNOWN_DIGEST}, layout))
        digest = hashlib.sha256()
        for spec in layout:
            data = bytes_of(_finite(spec.name, tensors[spec.name], header.position))
            digest.update(data)
            file.write(data)
        file.seek(0)
        file.write(_header_bytes(metadata | {"payload_sha256": digest.hexdigest()}, layout))


def _named_tensors(state: State, header: StateHeader) -> dict[str, Tensor]:
    import torch

    if not all(type(token) is int and 0 <= token < 2**31 for token in header.open_ids):
        raise UsageError("the open segment's ids must be whole numbers from 0 to 2**31 - 1")
    tensors = {OPEN_IDS: torch.tensor(header.open_ids, dtype=torch.int32)}
    for number, layer in enumerate(state.layers):
        tensors |= {f"layers.{number}.{name}": tensor for name, tensor in layer.tensors()}
    return tensors


def _checked_layout(tensors: dict[str, Tensor], state: State, header: StateHeader) -> tuple[TensorSpec, ...]:
    """Return the layout, once header and state are known to belong together."""
    _check_header(header)
    if header.position != state.position:
        raise UsageError(f"the state is at token {state.position}, its header at token {header.position}")
    count = header.reading.open_tokens(header.position)
    if len(header.open_ids) != count:
        raise UsageError(f"the header has {len(header.open_ids)} ids of the open segment, expected {count}")
    layout = tuple(state_layout([layer.layout for layer in state.layers], header.reading, header.position))
    dtypes = {computed_in(header.dtype), "float32"} | ({"uint8"} if header.reading.kv != "float" else set())
    for spec in layout[1:]:
        if spec.dtype not in dtypes or spec.shape[:1] != (1,):
            found = f"{list(spec.shape)} in {spec.dtype}"
            raise UsageError(
                f"the state cannot be saved: its tensor {spec.name} is {found}, expected batch 1 in {header.dtype}",
                hint="a state file holds one document (batch 1), read as its header says",
            )
    return layout


def _check_header(header: StateHeader) -> None:
    """Refuse to write what could not be read back."""
    if header.format != FORMAT:
        raise UsageError(f"the state's header has the format {header.format!r}, this version writes {FORMAT!r}")
    try:
        read_back = parse_metadata(header_metadata(header), header.open_ids)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the state's header cannot be saved: {error}") from error
    if read_back != header:
        raise UsageError(f"the state's header cannot be saved: it would read back as {read_back}")


def _finite(name: str, tensor: Tensor, position: int) -> Tensor:
    if not all_finite(tensor):
        raise StateError(
            f"{name} holds values that are not finite after {position} tokens, so the state was not saved",
            hint="read the document again with --dtype float32",
        )
    return tensor


def _header_bytes(metadata: dict[str, str], layout: tuple[TensorSpec, ...]) -> bytes:
    """Return length and header, sealed with the header's digest (its own digits read as zeros)."""
    draft = _padded_json(metadata | {"header_sha256": UNKNOWN_DIGEST}, layout)
    if len(draft) > MAX_HEADER_BYTES:
        raise _too_many_files(len(draft))
    sealed = _padded_json(metadata | {"header_sha256": hashlib.sha256(draft).hexdigest()}, layout)
    return len(sealed).to_bytes(LENGTH_BYTES, "little") + sealed


def refuse_too_many_files(document: DocumentRecord) -> None:
    """Raise DocumentError for a manifest too long for a header, as `save_state` would after the first minute."""
    nbytes = len(canonical_json(canonical_json(document)))
    if nbytes > MAX_HEADER_BYTES:
        raise _too_many_files(nbytes)


def _too_many_files(nbytes: int) -> DocumentError:
    return DocumentError(
        f"the list of the document's files takes {nbytes:,} bytes, a state file has room for {MAX_HEADER_BYTES:,}",
        hint="name folders with fewer files, or leave some out with --exclude",
    )


def _padded_json(metadata: dict[str, str], layout: tuple[TensorSpec, ...]) -> bytes:
    text = canonical_json({"__metadata__": metadata, **tensor_table(layout)}).encode()
    return text + b" " * (-len(text) % _ALIGNMENT)
