"""`train`: a small model from scratch, or on from a checkpoint, by a recipe."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors.torch import load_file

from gemma10m.errors import UsageError
from gemma10m.models.gemma import Gemma
from gemma10m.terminal import Terminal
from gemma10m.tokens import Tokenizer, load_tokenizer
from gemma10m.training.checkpoint import save_checkpoint
from gemma10m.training.planted import Prose, make_name, make_number, question, sentence
from gemma10m.training.recipe import Recipe, demo_config
from gemma10m.training.tokenizer import train_tokenizer
from gemma10m.training.train import StepReport, initialise, train
from gemma10m.weights.loading import resolve_device

SAVE_EVERY = 200  # steps
VOCABULARY = 2048


def read_recipe(path: Path | None) -> Recipe:
    """Raises UsageError for a file that is no JSON object of a recipe's fields, ConfigError for its numbers."""
    if path is None:
        return Recipe()
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a recipe: {error}", hint="recipes/ holds examples") from error
    known = {field.name for field in fields(Recipe)}
    unknown = sorted(set(stated) - known) if isinstance(stated, dict) else ["not an object"]
    if unknown:
        raise UsageError(f"{path} has what no recipe has: {', '.join(unknown)}", hint=f"known: {', '.join(known)}")
    return Recipe(**stated)


def train_command(
    terminal: Terminal, texts: list[Path], out: Path, recipe: Recipe, start: Path | None, device: str
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    prose_texts = [path.read_text(encoding="utf-8") for path in texts]
    tokenizer = _tokenizer(out, start, prose_texts, recipe.seed)
    torch.manual_seed(recipe.seed)
    model = Gemma(demo_config(tokenizer.vocabulary), recipe.reading)
    initialise(model)
    if start:
        model.load_state_dict(load_file(start / "model.safetensors"))
    model.to(resolve_device(device))
    prose = [Prose.of(tokenizer, text) for text in prose_texts]
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        for report in train(model, tokenizer, prose, recipe):
            log.write(json.dumps(asdict(report)) + "\n")
            if report.step % 20 == 0:
                terminal.note(_line(report))
                log.flush()
            if report.step % SAVE_EVERY == SAVE_EVERY - 1:
                save_checkpoint(model, out, recipe)
    save_checkpoint(model, out, recipe)
    terminal.line(str(out))


def _tokenizer(out: Path, start: Path | None, texts: list[str], seed: int) -> Tokenizer:
    """The start's tokenizer, else one trained on the prose and the words of planted sentences."""
    if start:
        for name in ("tokenizer.model", "tokenizer_config.json"):
            (out / name).write_bytes((start / name).read_bytes())
        return load_tokenizer(out)
    draw = random.Random(seed)
    lines = [line for text in texts for line in text.split("\n") if line]
    for _ in range(300):
        name = make_name(draw)
        lines += [" " + sentence(name, make_number(draw)), question(name)]
    train_tokenizer([*lines, *["user", "model"] * 50], out, VOCABULARY)
    return load_tokenizer(out)


def _line(report: StepReport) -> str:
    return (
        f"step {report.step}: {report.segments} segments, virtual 2^{report.virtual}, "
        f"answer loss {report.answer_loss:.3f}, all right {report.accuracy:.2f}, prose loss {report.lm_loss:.2f}, "
        f"{report.tokens / report.seconds:,.0f} tok/s"
    )
