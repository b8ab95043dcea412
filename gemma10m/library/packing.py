"""Save a model packed in 8 or 4 bits, with its tokenizer."""

from __future__ import annotations

import os
from pathlib import Path

from gemma10m.atomic_file import write_bytes
from gemma10m.errors import UsageError
from gemma10m.library.listening import Listener, Notices
from gemma10m.progress import format_bytes
from gemma10m.tokens import files_of_tokenizer
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import resolve_model
from gemma10m.weights.save_packed import save_packed


def pack_model(
    model: str | Path, folder: str | Path, number_format: str = "int4", listener: Listener | None = None
) -> Path:
    """Save a model, named as for `load_model`, with packed weights in a new or empty folder; return the folder.

    number_format: "int8" or "int4". No adapter is added. Raises UsageError for another format and for a folder that
    holds something, ModelError for a model that cannot be packed, and DiskError.
    """
    listener, target = listener or Notices(), Path(folder)
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists and is not an empty folder", hint="name another folder")
    path = resolve_model(model, listener.note)
    checkpoint = open_checkpoint(path)
    listener.note(f"packing {checkpoint.name} in {number_format}")
    written = save_packed(checkpoint, target, number_format)
    for name, content in files_of_tokenizer(path).items():
        write_bytes(target / name, content)
    listener.note(f"{format_bytes(checkpoint.nbytes)} of weights became {format_bytes(written)}")
    return target
