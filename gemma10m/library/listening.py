"""Listeners get the notes, warnings and progress of a read: a terminal, or lists for a script."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from gemma10m.progress import ProgressView

OnProgress = Callable[[ProgressView], None]


class ProgressSink(Protocol):
    def update(self, view: ProgressView) -> None: ...


class CountSink(Protocol):
    def update(self, done: int, total: int | None = None) -> None: ...


class Listener(Protocol):
    """Receive sentences for the user, and the progress of a read."""

    def note(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...

    def warn_once(self, text: str) -> None:
        """Warn unless this was said before: a read and its answers need the same index."""

    def progress(self, label: str) -> AbstractContextManager[ProgressSink]: ...
    def count_progress(self, label: str, unit: str, total: int) -> AbstractContextManager[CountSink]: ...


@dataclass
class Notices:
    """Collect notes and warnings, and print nothing."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def warn_once(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def progress(self, label: str) -> AbstractContextManager[ProgressSink]:
        return nullcontext(_Unseen())

    def count_progress(self, label: str, unit: str, total: int) -> AbstractContextManager[CountSink]:
        return nullcontext(_Unseen())


class _Unseen:
    def update(self, *_: object, **__: object) -> None:
        """Show nothing."""
