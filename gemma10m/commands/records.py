"""Build the records of `--json` about a document, a read and a model, with tokens, seconds and bytes."""

from __future__ import annotations

import torch

from gemma10m.documents.names import original
from gemma10m.library.reading import Reading
from gemma10m.reading.stretch import peak_memory
from gemma10m.saved_states import Reader, whereabouts
from gemma10m.state_file import DocumentRecord


def facts(reading: Reading) -> dict[str, object]:
    """Return the facts beside every answer, with the number of files and not their names."""
    source, device = reading.source, reading.reader.model.device
    return {
        **document_facts(source.record),
        "tokens_read": source.tokens_read,
        "tokens_searched_only": source.skipped,
        "tokens_in_document": source.tokens_in_document if source.is_read else None,
        "tokens_read_now": source.tokens_now,
        "complete": source.complete,
        "seconds": source.seconds,
        "seconds_ever": source.seconds_ever,
        "tokens_per_second": source.tokens_now / source.seconds if source.seconds > 0 else None,
        "peak_memory_bytes": peak_memory(),
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
        "state_bytes": source.state.nbytes,
        **model_facts(reading.reader),
    }


def document_facts(record: DocumentRecord) -> dict[str, object]:
    return {
        "document": original(record.name),
        "fingerprint": record.fingerprint,
        "files_in_document": len(record.sources),
        "files_skipped": len(record.skipped),
        "bytes_in_document": record.nbytes,
    }


def model_facts(reader: Reader) -> dict[str, object]:
    return {"model": reader.model.name, "memory": reader.model.reading.memory}


def manifest(record: DocumentRecord) -> dict[str, object]:
    """Return every file by name; only `read --json` prints it."""
    where = whereabouts(record)
    return {
        "files": [entry._asdict() | {"path": original(where.path(entry.path))} for entry in record.sources],
        "skipped": [entry._asdict() | {"path": original(where.path(entry.path))} for entry in record.skipped],
    }
