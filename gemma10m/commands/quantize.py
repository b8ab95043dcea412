"""Run `quantize`."""

from __future__ import annotations

from pathlib import Path

from gemma10m.atomic_file import atomic_file
from gemma10m.errors import UsageError
from gemma10m.progress import format_bytes
from gemma10m.terminal import Terminal
from gemma10m.tokens import files_of_tokenizer
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import resolve_model
from gemma10m.weights.save_packed import save_packed


def quantize(terminal: Terminal, model: str, folder: Path, number_format: str) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not an empty folder", hint="name another folder")
    path = resolve_model(model, terminal.note)
    checkpoint = open_checkpoint(path)
    terminal.note(f"packing {checkpoint.name} in {number_format}")
    written = save_packed(checkpoint, folder, number_format)
    for name, content in files_of_tokenizer(path).items():
        with atomic_file(folder / name) as file:
            file.write(content)
    terminal.note(f"{format_bytes(checkpoint.nbytes)} of weights became {format_bytes(written)}")
    terminal.line(str(folder))
