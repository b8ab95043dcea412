"""Run `quantize`."""

from __future__ import annotations

from pathlib import Path

from gemma10m.library.packing import pack_model
from gemma10m.terminal import Terminal


def quantize(terminal: Terminal, model: str, folder: Path, number_format: str) -> None:
    terminal.line(str(pack_model(model, folder, number_format, terminal)))
