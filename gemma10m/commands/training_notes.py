"""Print notes while `train` trains."""

from __future__ import annotations

import time
from collections import Counter

import torch

from gemma10m.progress import format_bytes, format_count, format_duration
from gemma10m.reading.stretch import process_memory
from gemma10m.terminal import Terminal
from gemma10m.training.trainer import StepReport, Trainer

SECONDS_BETWEEN = 10.0


class Notes:
    def __init__(self, terminal: Terminal, trainer: Trainer) -> None:
        self._terminal, self._trainer = terminal, trainer
        self._stage = -1
        self._due = time.monotonic()
        self._forget()

    def _forget(self) -> None:
        """Reset what is counted from one note to the next."""
        self._tokens, self._seconds = 0, 0.0
        self._right: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()

    def stage(self) -> None:
        """Note once that a stage begins, and before the first one how many tokens and steps are left."""
        here, stages = self._trainer.position.stage, self._trainer.recipe.stages
        if self._stage < 0:
            self._terminal.note(f"{self._tokens_left():,} tokens to train on, in about {self._steps_left():,} steps")
        if here != self._stage:
            self._stage = here
            virtual = stages[here].virtual
            between = f", with prose between segments up to 2^{virtual - 1} times" if virtual else ""
            self._terminal.note(
                f"stage {here + 1} of {len(stages)}: documents of {stages[here].length:,} tokens{between}"
            )

    def step(self, report: StepReport) -> None:
        """Print a line at most every ten seconds, and after the last step."""
        self._tokens += report.rows * report.length
        self._seconds += report.seconds
        self._right.update({task: right for task, (right, _) in report.right.items()})
        self._asked.update({task: asked for task, (_, asked) in report.right.items()})
        if time.monotonic() < self._due and not self._trainer.done:
            return
        self._due = time.monotonic() + SECONDS_BETWEEN
        self._terminal.note(f"step {report.step}: {self._line(report)}")
        self._forget()

    def _line(self, report: StepReport) -> str:
        losses = {"answers": report.answer_loss, "text": report.text_loss}
        losses |= {"teacher": report.teacher_loss, "mixers": report.mixer_loss, "addresses": report.address_loss}
        parts = ["loss " + ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items() if loss is not None)]
        parts += [f"{task} {self._right[task]}/{asked} right" for task, asked in sorted(self._asked.items())]
        for name, values in (("gates", report.gates), ("write gates", report.write_gates)):
            parts += [f"{name} {' '.join(f'{value:.2f}' for value in values)}"] if values else []
        speed = self._tokens / self._seconds
        parts += [f"{format_count(report.tokens)} tokens", f"{format_count(speed)} tok/s", self._memory()]
        if not self._trainer.done:
            parts.append(f"{format_duration(self._tokens_left() / speed)} left{self._at_most()}")
        return "; ".join(parts)

    def _stages_left(self) -> list[tuple[int, int]]:
        """Return the document length and the remaining tokens of each stage."""
        at, stages = self._trainer.position, self._trainer.recipe.stages
        left = [(stage.length, stage.tokens) for stage in stages[at.stage :]]
        return [(length, tokens - (0 if number else at.stage_tokens)) for number, (length, tokens) in enumerate(left)]

    def _tokens_left(self) -> int:
        return sum(tokens for _, tokens in self._stages_left())

    def _steps_left(self) -> int:
        of_a_step = self._trainer.recipe.tokens_per_step
        return sum(-(-tokens // (max(1, of_a_step // length) * length)) for length, tokens in self._stages_left())

    def _at_most(self) -> str:
        """Return " at most" if a stage may end early, when enough answers are right."""
        return " at most" if any(stage.below for stage in self._trainer.recipe.stages) else ""

    def _memory(self) -> str:
        device = self._trainer.model.device
        if device.type == "cuda":
            return f"GPU {format_bytes(torch.cuda.max_memory_allocated(device))} at most"
        return f"RAM {format_bytes(process_memory())}"
