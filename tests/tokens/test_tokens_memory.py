"""A long line costs no memory: opening, reading and tokenising 64 MB on one line, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tokenizer_fixtures import train_sentencepiece

PROGRAM = """
import resource, sys
from gemma10m.documents import open_source
from gemma10m.tokens.stream import ahead, token_stream
from gemma10m.tokens import load_tokenizer

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

tokenizer = load_tokenizer(sys.argv[1])
before = peak()
document = open_source(sys.argv[2])
assert sum(len(piece.text) for piece in document.pieces()) == document.nbytes
characters = 0
for number, block in enumerate(ahead(token_stream(tokenizer, document.pieces()), 4)):
    characters += len(block.text)
    if number == 1000:
        break
print(document.nbytes, characters, peak() - before)
"""


def test_64_mb_on_one_line(tmp_path: Path) -> None:
    train_sentencepiece(tmp_path)
    line = tmp_path / "line.txt"
    with line.open("wb") as file:
        for _ in range(64):
            file.write(b"truth universally acknowledged, " * 32768)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(line)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    nbytes, characters, growth = map(int, done.stdout.split())
    assert nbytes == 64 << 20
    assert characters > 4_000_000
    assert growth < 16
