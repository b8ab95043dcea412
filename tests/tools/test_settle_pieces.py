"""The repair of embeddings that training hardly saw."""

from __future__ import annotations

import runpy
from pathlib import Path

import torch
from safetensors.torch import load_file

import gemma10m
from gemma10m.folders import demo_folder
from gemma10m.tokens.prompt import Prompt


def test_pieces_that_hardly_come_are_settled_and_nothing_else_changes(tmp_path: Path) -> None:
    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "settle_pieces.py"))
    tool["main"].__globals__["DRAWN"] = 30
    prose = tmp_path / "prose"
    prose.mkdir()
    (prose / "book.txt").write_text("It was a fine day, and they walked on.\n" * 100)
    tool["main"](demo_folder(), prose, tmp_path / "out")
    before, after = (load_file(folder / "model.safetensors") for folder in (demo_folder(), tmp_path / "out"))
    table, settled = before.pop(tool["EMBEDDINGS"]), after.pop(tool["EMBEDDINGS"])
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    changed = (table != settled).any(1)
    tokenizer = gemma10m.load_tokenizer("demo")
    prompt = Prompt(tokenizer)
    often = [*prompt.opening(), *prompt.question("What?"), prompt.stop, *tokenizer.encode(" day, and they walked")]
    assert not changed[often].any()
    assert changed[tokenizer.encode("pherd")[-1]]
    lengths = settled.norm(dim=1)
    assert lengths[changed].max() < 2 * lengths[often].median()
    assert gemma10m.load_model(tmp_path / "out").config == gemma10m.load_model("demo").config
