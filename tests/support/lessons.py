"""A text of towns, one a passage, questions about it, and tiny models to teach."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from official_models import OFFICIAL, official_model, save
from readers import workshop
from tokenizer_fixtures import train_sentencepiece

import gemma10m
from gemma10m.documents import open_source
from gemma10m.models.decoder import Decoder
from gemma10m.passages.building import build_index
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.tasks.question_set import AskedQuestion
from gemma10m.tokens import Tokenizer, load_tokenizer
from gemma10m.training.contexts import Context, Contexts
from gemma10m.training.lora_recipe import LoraRecipe

TOWNS = {"Lyme": "a harbour", "Bath": "hot springs", "Kellynch": "a hall", "Uppercross": "two farms", "Winthrop": "mud"}
WALKS = "People walked from there to the next town of the county, and talked about the weather of that season. "


def fact(town: str) -> str:
    return f"The town of {town} is known for {TOWNS[town]}."


TEXT = "\n\n".join(f"# {town}\n\n{fact(town)} {WALKS * 8}" for town in TOWNS)
KNOWN = [AskedQuestion(f"What is {town} known for?", (TOWNS[town],), (fact(town),)) for town in TOWNS]
UNKNOWN = [AskedQuestion(f"Who is the mayor of {town}?", (), (fact(town),)) for town in TOWNS]
JOINING = [
    AskedQuestion(f"Which of {one} and {two} has {TOWNS[one]}?", (one,), (fact(one), fact(two)))
    for one, two in (("Lyme", "Bath"), ("Winthrop", "Kellynch"))
]
QUESTIONS = [*KNOWN, *UNKNOWN, *JOINING]


def lora_recipe(**changes: Any) -> LoraRecipe:
    said: dict[str, Any] = dict(rank=4, alpha=8.0, learning_rate=0.01, warmup=2, prose_tokens=40, prose_positions=6)
    steps: dict[str, Any] = dict(contexts=12, contexts_per_step=2, save_every=2)
    return LoraRecipe(**(said | steps | changes))


@contextmanager
def index_of(folder: Path, text: str = TEXT) -> Iterator[PassageIndex]:
    folder.mkdir(exist_ok=True)
    (folder / "towns.md").write_text(text)
    build_index(open_source(folder / "towns.md"), folder / "index")
    with open_index(folder / "index") as index:
        yield index


def draw(folder: Path, questions: list[AskedQuestion], text: str = TEXT, **changes: Any) -> list[Context]:
    with index_of(folder, text) as index:
        return list(Contexts(index, questions, lora_recipe(**changes)).draw())


@cache
def contexts() -> tuple[Context, ...]:
    return tuple(draw(workshop() / "towns", QUESTIONS))


def question_file(path: Path, questions: list[AskedQuestion] = QUESTIONS) -> Path:
    lines = [
        json.dumps({"question": one.question, "answers": list(one.answers), "sources": list(one.sources)})
        for one in questions
    ]
    path.write_text("\n".join(lines))
    return path


def furnished(folder: Path) -> Path:
    """Write a text, its questions, and a recipe of four steps; returns the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "towns.md").write_text(TEXT)
    question_file(folder / "q.jsonl")
    said = {"alpha": 8, "contexts": 8, "contexts_per_step": 2, "warmup": 1, "save_every": 2}
    (folder / "recipe.json").write_text(json.dumps(said))
    return folder


@cache
def taught_base(name: str = "gemma3_text", turns: bool = False) -> Path:
    """Return a tiny model with the tests' tokenizer; Gemma 3's has local layers of twelve tokens."""
    folder = save(official_model(name, vocab_size=1040), workshop() / f"base {list(OFFICIAL).index(name)} {turns}")
    train_sentencepiece(folder, turns=turns)
    return folder


def load(base: Path, dtype: torch.dtype = torch.float32) -> tuple[Decoder, Tokenizer]:
    return gemma10m.load_model(base, memory="full").to(dtype), load_tokenizer(base)
