"""Safetensors reads what is written without numpy."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load

from gemma10m.tensor_bytes import safetensors_bytes

KINDS = (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool)


def test_safetensors_reads_every_kind_and_shape() -> None:
    tensors = {str(kind): torch.randint(0, 2, (3, 5)).to(kind).T for kind in KINDS}
    tensors |= {"none": torch.zeros(0, 4), "one": torch.tensor(7.0)}
    found = load(safetensors_bytes(tensors, {"format": "pt"}))
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_equal_tensors_are_equal_bytes() -> None:
    a, b = torch.ones(3), torch.zeros(2, dtype=torch.int64)
    words = {"x": "1", "y": "2"}
    assert safetensors_bytes({"a": a, "b": b}, words) == safetensors_bytes(
        {"b": b, "a": a}, dict(reversed(words.items()))
    )


@pytest.mark.parametrize(
    "code",
    [
        "from gemma10m.commands.ask import read; read(t, [sys.argv[1]], Path(sys.argv[2]), demo)",
        "from gemma10m.weights.save_model import save_model; from gemma10m import load_model;"
        "Path(sys.argv[2]).mkdir(); save_model(load_model('demo'), Path(sys.argv[2]))",
    ],
)
def test_nothing_that_is_written_needs_numpy(code: str, tmp_path: object) -> None:
    book = f"{tmp_path}/book.txt"
    with open(book, "w", encoding="utf-8") as file:
        file.write("They walked on along the shore.\n" * 99)
    start = (
        "import sys; sys.modules['numpy'] = None; from pathlib import Path; from gemma10m.terminal import Terminal;"
        "from gemma10m.library.model_choice import ModelOptions; t = Terminal(); demo = ModelOptions('demo', 'cpu');"
    )
    command = [sys.executable, "-W", "ignore", "-c", start + code, book, f"{tmp_path}/written"]
    subprocess.run(command, check=True, timeout=120)
