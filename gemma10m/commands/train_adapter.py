"""Run `train --lora`: teach a model to answer from passages; the same command resumes."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from gemma10m.adapters.about import AboutAnswers
from gemma10m.adapters.lora import MOST_RANK, updates_of
from gemma10m.adapters.peft_folder import ABOUT, CONFIG, write_adapter
from gemma10m.commands.run_folder import recipe_object
from gemma10m.commands.training_run import holds_run, refuse_data_around, refuse_held
from gemma10m.errors import Interrupted, OutOfMemoryError, TrainingError, UsageError, is_out_of_memory
from gemma10m.library.model_choice import ModelOptions, choose_model, choose_reading, load_chosen
from gemma10m.library.signals import stop_on_signals
from gemma10m.library.sources import open_document
from gemma10m.passages.building import build_index
from gemma10m.passages.index import open_index
from gemma10m.progress import format_count, format_duration
from gemma10m.strict_json import canonical_json
from gemma10m.tasks.question_set import read_question_set
from gemma10m.terminal import Terminal
from gemma10m.training.contexts import Context, Contexts, OtherText
from gemma10m.training.log import Log, open_log
from gemma10m.training.lora_recipe import HINT, LoraRecipe, lora_recipe_of
from gemma10m.training.lora_trainer import LoraReport, LoraTrainer
from gemma10m.training.run_file import RUN
from gemma10m.weights.adapting import NO_ADAPTER, find_adapter, own_updates

SECONDS_BETWEEN = 10.0
RECENT = 20  # steps whose mean speed and share of right answers are told


@dataclass(frozen=True)
class AdapterOptions:
    model: str
    data: list[str]
    questions: list[Path]
    prose: tuple[Path, ...]
    out: Path
    rank: int
    recipe: Path | None = None
    device: str = "auto"
    dtype: str = "auto"
    adapter: str | None = None  # the one that it starts from


def train_adapter(terminal: Terminal, options: AdapterOptions) -> None:
    """Train an adapter.

    Raises UsageError, ModelError, DocumentError, StateError, OutOfMemoryError, DiskError, TrainingError, Interrupted.
    """
    _check(options)
    recipe = replace(_recipe(options.recipe), rank=options.rank)
    examples, data = _examples(terminal, options, recipe)
    wanted = ModelOptions(options.model, options.device, options.dtype, memory="full", adapter=NO_ADAPTER)
    chosen = choose_model(terminal, wanted, trains=True)
    reader = load_chosen(terminal, chosen, choose_reading(terminal, wanted, chosen, 0), read_all=False, trains=True)
    first = find_adapter(options.adapter, chosen.checkpoint) if options.adapter else None
    started = [data, reader.model.fingerprint, canonical_json(recipe), *([first.fingerprint] if first else [])]
    start = own_updates(first, chosen.checkpoint) if first else None
    trainer = LoraTrainer(reader.model, reader.tokenizer, examples, recipe, start)
    run = _AdapterRun(options, trainer, hashlib.sha256(" ".join(started).encode()).hexdigest())
    if holds_run(options.out):
        run.resume(terminal)
    run.go(terminal)


class _AdapterRun:
    """Keep the run and its adapter in a folder."""

    def __init__(self, options: AdapterOptions, trainer: LoraTrainer, origin: str) -> None:
        self.trainer, self._origin, self._out = trainer, origin, options.out
        data = ", ".join(path.name for path in options.questions)
        self._about = AboutAnswers(
            trainer.model.fingerprint, reads_passages=True, passages=len(trainer.recipe.passages), data=data
        )
        self._held = -1  # the step that run.safetensors is of

    def resume(self, terminal: Terminal) -> None:
        """Continue the folder's run, and write its adapter. Raises StateError, DiskError."""
        self.trainer.resume(self._out / RUN, self._origin)
        self._held = self.trainer.steps_done
        self._save_adapter()
        if self.trainer.done:
            terminal.note(f"the run in {self._out} is complete after {self._held:,} steps")
        else:
            terminal.note(f"resuming after step {self._held:,} of the run in {self._out}")

    def go(self, terminal: Terminal) -> None:
        """Train to the last step, and print the folder.

        Raises Interrupted, or the error of a step; the steps before are then saved.
        """
        trainer = self.trainer
        with stop_on_signals() as stop, open_log(self._out, trainer.steps_done) as log:
            notes = _AdapterNotes(terminal, trainer)
            while not trainer.done and not stop():
                notes.step(self._step(log))
                if trainer.done or trainer.steps_done % trainer.recipe.save_every == 0:
                    self._save()
            if stop():
                self._save()
                left = "" if trainer.done else "run the same command again to resume"
                raise Interrupted(
                    f"stopped after step {trainer.steps_done}{'' if left else ', the last one'}; the run is saved in "
                    f"{self._out}",
                    hint=left,
                    signal_number=stop.signal_number,
                )
        terminal.line(str(self._out))

    def _step(self, log: Log) -> LoraReport:
        number = self.trainer.steps_done + 1
        try:
            report = self.trainer.step()
        except (TrainingError, RuntimeError, MemoryError) as error:
            if isinstance(error, TrainingError):
                self._save()
                raise
            if not is_out_of_memory(error):
                raise
            self._save()
            raise OutOfMemoryError(
                f"step {number} needs more memory than is free; {self._out} holds the run of step {self._held}",
                hint="free some and run the same command again, or show fewer passages in the recipe",
            ) from error
        log.add(report)
        return report

    def _save(self) -> None:
        if self._held == self.trainer.steps_done or not self.trainer.whole:
            return
        self.trainer.save(self._out / RUN, self._origin)
        self._held = self.trainer.steps_done
        self._save_adapter()

    def _save_adapter(self) -> None:
        model, recipe = self.trainer.model, self.trainer.recipe
        write_adapter(self._out, updates_of(model), recipe.lora, self._about, Path(model.name).name)


def _check(options: AdapterOptions) -> None:
    """Refuse options that cannot be meant. Raises UsageError, and DiskError for a folder without permission."""
    if not 1 <= options.rank <= MOST_RANK:
        raise UsageError(f"--lora is {options.rank}, and is from 1 to {MOST_RANK:,}", hint="16 is a good start")
    if not options.questions:
        raise UsageError("--lora learns from questions, and none are named", hint="name a JSONL file with --questions")
    refuse_data_around(options.data, options.out)
    if holds_run(options.out):
        return
    if options.out.exists() and not options.out.is_dir():
        raise UsageError(f"{options.out} is a file, a folder expected", hint="give --out another name")
    held = [name for name in ("config.json", CONFIG, ABOUT) if (options.out / name).exists()]
    weights = sorted(path.name for path in options.out.glob("*") if path.suffix in (".safetensors", ".gguf"))
    refuse_held(options.out, [*held, *weights])


def _recipe(path: Path | None) -> LoraRecipe:
    return lora_recipe_of(recipe_object(path, HINT)) if path else LoraRecipe()


def _examples(terminal: Terminal, options: AdapterOptions, recipe: LoraRecipe) -> tuple[list[Context | OtherText], str]:
    """Return the examples, and a hash of the texts and the questions they come from."""
    questions = [question for path in options.questions for question in read_question_set(path)]
    document, prose = open_document(terminal, options.data), _prose(terminal, options.prose)
    terminal.note(f"finding the passages of {len(questions):,} questions")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        build_index(document, path)
        with open_index(path) as index:
            examples = list(Contexts(index, questions, recipe, prose).draw())
    asked = [len(example.asked) for example in examples if isinstance(example, Context)]
    other = f", {len(examples) - len(asked):,} stretches of other text" if prose else ""
    terminal.note(f"{len(asked):,} sets of passages with {sum(asked):,} questions{other}, {recipe.steps:,} steps")
    said = json.dumps([asdict(example) for example in examples])
    return examples, hashlib.sha256(f"{document.fingerprint} {said}".encode()).hexdigest()


def _prose(terminal: Terminal, paths: Sequence[Path]) -> str:
    return "\n\n".join(open_document(terminal, [str(path) for path in paths]).texts()) if paths else ""


class _AdapterNotes:
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
        loss = "" if report.answer_loss is None else f"loss {report.answer_loss:.3f}, "
        self._terminal.note(
            f"step {report.step} of {self._trainer.recipe.steps}: {loss}"
            f"{right}/{asked} right, {format_count(rate)} tok/s, {format_duration(left)} left"
        )
