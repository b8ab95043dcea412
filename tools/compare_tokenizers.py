"""Compare this program's tokenizer of a GGUF file with the one that transformers makes of it, on five megabytes.

    python tools/compare_tokenizers.py MODEL.gguf

Say for prose, code, Chinese and Japanese, emoji, and white space how many texts and ids were compared, how many texts
differ, and whether the blocks of a stream join up to the ids of the whole, with the speed, and that of cutting the
text into blocks alone. Where texts differ, show the first.
"""

from __future__ import annotations

import random
import re
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gguf import GGUFReader
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

from gemma10m.documents import Piece
from gemma10m.tokens import Tokenizer, tokenizer_from_gguf
from gemma10m.tokens.stream import text_blocks, token_stream

ROOT = Path(__file__).parent.parent
SHARE = 1_250_000  # bytes of each big kind
TEXT = 2000  # characters
IDEOGRAPHS = (
    "".join(map(chr, range(0x4E00, 0x9FA6))) + "的一是不了人我在有他这中大来上国" * 1500 + "，。、！？「」" * 500
)
KANA = "".join(map(chr, [*range(0x3041, 0x3097), *range(0x30A1, 0x30FB)]))
FACES = [chr(i) for i in (*range(0x1F300, 0x1F650), *range(0x1F900, 0x1FA00), *range(0x2600, 0x27C0))]
JOINED = ["\U0001f469\u200d\U0001f4bb", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea", "❤\ufe0f", "é", "e\u0301", "İ"]


def prose() -> str:
    return (ROOT / "examples" / "persuasion.txt").read_text(encoding="utf-8")


def code() -> str:
    texts, size = [], 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        if size < 2 * SHARE:
            texts.append(path.read_text(encoding="utf-8"))
            size += len(texts[-1])
    return "\n".join(texts)


def east_asian(draw: random.Random) -> str:
    words = ("".join(draw.choices(draw.choice((IDEOGRAPHS, KANA)), k=draw.randint(1, 30))) for _ in range(SHARE // 48))
    return "".join(word + draw.choice(("", "", " ", "\n", "。\n", "2024", "GPT")) for word in words)


def emoji(draw: random.Random) -> str:
    runs = ("".join(draw.choices(FACES + JOINED, k=draw.randint(1, 4))) for _ in range(SHARE // 24))
    return "".join(run + draw.choice((" ", "", "\n", " yes ", "!!", "'s ", "\u200b")) for run in runs)


def spaces(draw: random.Random) -> str:
    kinds = [" ", "\n", "\t", "\r\n", "\u3000", "\xa0", "a", "1", "'ll", ".", "—", "Ünï", "<b>", "x = 3"]
    return "".join(draw.choice(kinds) * int(1 + draw.expovariate(0.3)) for _ in range(SHARE // 10))


def texts_of(text: str) -> Iterator[str]:
    """Yield pieces of a few thousand characters, cut anywhere."""
    return (text[start : start + TEXT] for start in range(0, len(text), TEXT))


def as_transformers_can(text: str) -> str:
    """Shorten runs of more than 31 spaces.

    SentencePiece, llama.cpp and this program take the longest run that is a piece and then the rest. What transformers
    5.23 makes of Gemma's GGUF files puts such runs together by merges.
    """
    return re.sub(" {32,}", " " * 31, text)


def compare(kind: str, text: str, ours: Tokenizer, theirs: Any) -> bool:
    """Write a line, and return whether all ids are the same."""
    count, different = 0, []
    for piece in texts_of(text):
        mine, other = ours.encode(piece), theirs.encode(piece, add_special_tokens=False)
        count += len(mine)
        if mine != other:
            different.append((mine, other))
    started = time.perf_counter()
    blocks = list(token_stream(ours, [Piece(text, 0, 0, 1)]))
    middle = time.perf_counter()
    cut = sum(1 for _ in text_blocks(ours, [Piece(text, 0, 0, 1)]))
    speed, cutting = count / (middle - started), count / (time.perf_counter() - middle)
    exact = cut == len(blocks) and [i for block in blocks for i in block.ids] == ours.encode(text)
    sys.stdout.write(
        f"{kind:<6} {len(text.encode()):>9,} bytes, {count:>9,} ids; texts that differ: {len(different)} of "
        f"{-(-len(text) // TEXT):,}; {len(blocks)} blocks {'are' if exact else 'ARE NOT'} the whole; "
        f"{speed:,.0f} ids/s, {cutting:,.0f} only cut\n"
    )
    for mine, other in different[:1]:
        place = next((i for i, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b), 0)
        here = slice(max(0, place - 2), place + 6)
        sys.stdout.write(f"    here:         {[ours.decode([i]) for i in mine[here]]}\n")
        sys.stdout.write(f"    transformers: {[theirs.decode([i]) for i in other[here]]}\n")
    return exact and not different


def main(path: Path) -> int:
    metadata = {key: field.contents() for key, field in GGUFReader(path).fields.items()}
    ours = tokenizer_from_gguf(metadata, "")
    theirs: Any = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    if metadata.get("tokenizer.ggml.pre") == "smollm":  # transformers 5.23 forgets that this rule sets digits apart
        backend = theirs.backend_tokenizer
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), backend.pre_tokenizer]
        )
    clean = as_transformers_can if metadata["tokenizer.ggml.model"] == "llama" else str
    draw = random.Random(7)
    texts = {"prose": prose(), "code": code(), "cjk": east_asian(draw), "emoji": emoji(draw), "spaces": spaces(draw)}
    return sum(not compare(kind, clean(text), ours, theirs) for kind, text in texts.items())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) > 0)
