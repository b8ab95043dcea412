"""Run `train --lora`: teach a model to answer from passages; the same command resumes."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from gemma10m.adapters.lora import LoraConfig, updates_of
from gemma10m.adapters.peft_folder import TENSORS, AboutAdapter, write_adapter
from gemma10m.errors import Interrupted, UsageError
from gemma10m.library.model_choice import ModelOptions, load_reader
from gemma10m.library.signals import stop_on_signals
from gemma10m.library.sources import open_document
from gemma10m.passages.building import build_index
from gemma10m.passages.index import open_index
from gemma10m.progress import format_count, format_duration
from gemma10m.strict_json import canonical_json, strict_json
from gemma10m.tasks.question_set import read_question_set
from gemma10m.terminal import Terminal
from gemma10m.training.contexts import Context, Contexts
from gemma10m.training.log import open_log
from gemma10m.training.lora_recipe import HINT, LoraRecipe, lora_recipe_of
from gemma10m.training.lora_trainer import RUN, LoraReport, LoraTrainer

SECONDS_BETWEEN = 10.0
RECENT = 20  # steps whose mean speed and share of right answers are told


@dataclass(frozen=True)
class AdapterOptions:
    model: str
    data: list[str]
    questions: list[Path]
    out: Path
    rank: int
    recipe: Path | None = None
    device: str = "auto"
    dtype: str = "auto"


def train_adapter(terminal: Terminal, options: AdapterOptions) -> None:
    """Train an adapter. Raises UsageError, ModelError, DocumentError, StateError, DiskError, TrainingError,
    Interrupted.
    """
    if not options.questions:
        raise UsageError("--lora learns from questions, and none are named", hint="name a JSONL file with --questions")
    recipe = replace(_recipe(options.recipe), rank=options.rank)
    contexts, data = _contexts(terminal, options, recipe)
    reader = load_reader(
        terminal, ModelOptions(options.model, options.device, options.dtype, memory="full", adapter="none")
    )
    origin = hashlib.sha256(f"{data} {reader.model.fingerprint} {canonical_json(recipe)}".encode()).hexdigest()
    base, name = reader.model.fingerprint, reader.model.name
    trainer = LoraTrainer(reader.model, reader.tokenizer, contexts, recipe)
    path = options.out / RUN
    options.out.mkdir(parents=True, exist_ok=True)
    if path.exists():
        trainer.resume(path, origin)
        terminal.note(f"resuming after step {trainer.steps_done}")

    def save() -> None:
        trainer.save(path, origin)
        about = AboutAdapter(base, reads_passages=True, data=_named(options))
        write_adapter(options.out, updates_of(trainer.model), LoraConfig(recipe.rank, recipe.alpha), about, name)

    notes = _Notes(terminal, trainer)
    with stop_on_signals() as stop, open_log(options.out, trainer.steps_done) as log:
        while not trainer.done and not stop():
            report = trainer.step()
            log.add(report)
            notes.step(report)
            if trainer.done or stop() or trainer.steps_done % recipe.save_every == 0:
                save()
        if stop():
            raise Interrupted(
                f"stopped after step {trainer.steps_done}; the run is saved in {options.out}",
                hint="run the same command again to resume",
                signal_number=stop.signal_number,
            )
    terminal.line(str(options.out / TENSORS))


def _recipe(path: Path | None) -> LoraRecipe:
    if path is None:
        return LoraRecipe()
    try:
        return lora_recipe_of(strict_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a recipe: {error}", hint=HINT) from error


def _contexts(terminal: Terminal, options: AdapterOptions, recipe: LoraRecipe) -> tuple[list[Context], str]:
    """Return the contexts, and a hash of the text and the questions they come from."""
    questions = [question for path in options.questions for question in read_question_set(path)]
    document = open_document(terminal, options.data)
    terminal.note(f"finding the passages of {len(questions):,} questions")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        build_index(document, path)
        with open_index(path) as index:
            contexts = list(Contexts(index, questions, recipe).draw())
    asked = sum(len(context.asked) for context in contexts)
    terminal.note(f"{len(contexts):,} sets of passages with {asked:,} questions, {recipe.steps:,} steps")
    said = json.dumps([asdict(context) for context in contexts])
    return contexts, hashlib.sha256(f"{document.fingerprint} {said}".encode()).hexdigest()


def _named(options: AdapterOptions) -> str:
    return ", ".join(path.name for path in options.questions)


class _Notes:
    def __init__(self, terminal: Terminal, trainer: LoraTrainer) -> None:
        self._terminal, self._trainer = terminal, trainer
        self._recent: deque[LoraReport] = deque(maxlen=RECENT)
        self._due = time.monotonic()

    def step(self, report: LoraReport) -> None:
        """Print a line at most every ten seconds, and after the last step."""
        self._recent.append(report)
        if time.monotonic() < self._due and not self._trainer.done:
            return
        self._due = time.monotonic() + SECONDS_BETWEEN
        seconds = sum(each.seconds for each in self._recent)
        rate = sum(each.tokens for each in self._recent) / seconds
        right, asked = sum(each.right for each in self._recent), sum(each.asked for each in self._recent)
        left = (self._trainer.recipe.steps - report.step) * seconds / len(self._recent)
        self._terminal.note(
            f"step {report.step} of {self._trainer.recipe.steps}: loss {report.answer_loss:.3f}, "
            f"{right}/{asked} right, {format_count(rate)} tok/s, {format_duration(left)} left"
        )
