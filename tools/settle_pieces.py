"""Give pieces that training hardly saw embeddings like those it saw seldom: `settle_pieces.py MODEL PROSE OUT`.

A piece that no document has is only ever pushed away by the softmax. Its embedding grows to three times the usual
length, and where it does turn up ("Shepherd" is in one novel and not in five others), every head of the first layer
looks at it. OUT gets a checkpoint and nothing of the run that MODEL may be: a run resumes from its own weights.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import gemma10m
from gemma10m.tasks.case import Case
from gemma10m.tasks.passkey import draw_passkey
from gemma10m.tokens import TOKENIZER_FILES
from gemma10m.tokens.prompt import Prompt
from gemma10m.training.mixture import draw_needles, draw_story, with_strays
from gemma10m.training.run_file import RUN

SELDOM = 40  # fewer than so many times in the prose and in DRAWN cases of each kind
DRAWN = 3000
BLOCK = 4000  # characters that are encoded at a time
EMBEDDINGS = "model.embed_tokens.weight"


def texts(prose: Path) -> Iterator[str]:
    for path in sorted(prose.rglob("*.txt")):
        text = path.read_text(encoding="utf-8")
        yield from (text[start : start + BLOCK] for start in range(0, len(text), BLOCK))
    draw = random.Random(1)
    for _ in range(DRAWN):
        for kind in ("number", "word"):
            yield from case_texts(with_strays(draw, draw_needles(draw, kind, 3, 3, draw.random), 6))
        yield from case_texts(draw_story(draw, 6, 3))
        yield from case_texts(draw_passkey(draw, draw.random()))


def case_texts(case: Case) -> Iterator[str]:
    yield from (case.opening, case.haystack or "")
    yield from (f" {fact.text}" for fact in case.facts)
    for turn in case.turns:
        yield from (turn.question, turn.answer)


def main(model: Path, prose: Path, out: Path) -> None:
    if (out / RUN).exists():
        sys.exit(f"{out} holds a training run, which would put its own weights back: name another folder")
    tokenizer = gemma10m.load_tokenizer(model)
    prompt, counts = Prompt(tokenizer), Counter[int]()
    for text in texts(prose):
        counts.update(tokenizer.encode(text))
    kept = {*prompt.opening(), *prompt.question("What?"), prompt.stop, tokenizer.bos}
    weights = load_file(model / "model.safetensors")
    table = weights[EMBEDDINGS]  # (V, D)
    seen = torch.tensor([counts[piece] for piece in range(len(table))])
    hardly = seen < SELDOM
    hardly[list(kept)] = False
    seldom = ((seen >= SELDOM) & (seen < 10 * SELDOM)).nonzero().flatten()
    chosen = seldom[torch.randint(len(seldom), (int(hardly.sum()),), generator=torch.Generator().manual_seed(0))]
    mean = table[seldom].mean(0)  # (D)
    # Nearer to the mean than those are, and yet not all the same.
    table[hardly] = mean + 0.7 * (table[chosen] - mean)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", *TOKENIZER_FILES):
        if (model / name).is_file():
            shutil.copyfile(model / name, out / name)
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    sys.stderr.write(f"{int(hardly.sum())} of {len(table)} pieces settled\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
