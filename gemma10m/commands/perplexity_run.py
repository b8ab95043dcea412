"""Measure the perplexities of `eval`: the same tokens with and without memory, one length at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from gemma10m.errors import Interrupted
from gemma10m.evaluation.journal import Journal, ResultRow
from gemma10m.evaluation.perplexity import buckets, check_perplexity, measure_perplexity
from gemma10m.evaluation.report import checked, model_key, perplexity_lines
from gemma10m.evaluation.task import PERPLEXITY
from gemma10m.library.signals import StopRequest, stop_on_signals
from gemma10m.saved_states import Reader
from gemma10m.terminal import Terminal


class PerplexityRun:
    def __init__(
        self, terminal: Terminal, reader: Reader, text: str, lengths: Sequence[int], seed: int, journal: Journal
    ) -> None:
        """Refuse a length that cannot be measured before measuring any. Raises UsageError."""
        self.terminal, self.reader, self.lengths, self.seed, self.journal = terminal, reader, lengths, seed, journal
        self.ids = torch.tensor(reader.tokenizer.encode(text))  # (T)
        self.text_sha256 = hashlib.sha256(text.encode()).hexdigest()
        for tokens in lengths:
            check_perplexity(reader.model, self.ids.numel(), tokens)

    def measure(self) -> None:
        """Print a table and keep rows for each length. Raises ModelError, and Interrupted after a signal."""
        with stop_on_signals() as stop:
            for tokens in self.lengths:
                rows = self._rows(tokens, stop)
                self.terminal.line(f"perplexity of {tokens:,} tokens")
                for line in perplexity_lines(rows):
                    self.terminal.line(line)
                if self.terminal.json:
                    for row in rows:
                        self.terminal.json_line(row)

    def _rows(self, tokens: int, stop: StopRequest) -> list[ResultRow]:
        reader = self.reader
        key = model_key(reader.model, reader.tokenizer)
        key |= {"task": PERPLEXITY, "tokens": tokens, "seed": self.seed, "text_sha256": self.text_sha256}
        wanted = list(buckets(tokens, reader.model.reading.segment))
        rows = [checked(row) for row in self.journal.finished(PERPLEXITY, key)][-len(wanted) :]
        if [(row["start"], row["stop"]) for row in rows] == wanted:
            return rows
        rows = [{**key, **bucket, "model": reader.model.name} for bucket in self._measured(tokens, stop)]
        self.journal.finish(PERPLEXITY, key, rows)
        return rows

    def _measured(self, tokens: int, stop: StopRequest) -> list[dict[str, object]]:
        done = 0
        label = f"perplexity of {tokens:,} tokens, with memory and without"
        with self.terminal.count_progress(label, "tokens", 2 * tokens) as progress:

            def tick(read: int) -> None:
                nonlocal done
                done += read
                progress.update(done)
                if stop():
                    hint = "run the same command again: finished lengths are kept, and this one starts over"
                    raise Interrupted(f"stopped in the {label}", hint, stop.signal_number)

            model, bos = self.reader.model, self.reader.tokenizer.first
            return measure_perplexity(model, bos, self.ids, tokens, self.seed, tick)
