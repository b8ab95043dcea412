"""Run `download`."""

from __future__ import annotations

from gemma10m.documents.counts import number_of
from gemma10m.hub.client import download as move_bytes
from gemma10m.hub.client import plan_download
from gemma10m.progress import format_bytes
from gemma10m.terminal import Terminal


def download(
    terminal: Terminal, model: str, revision: str | None, file: str | None, dry_run: bool, offline: bool
) -> None:
    plan = plan_download(model, revision, offline=offline, file=file)
    if plan.choice:
        terminal.note(plan.choice)
    summary = (
        f"{plan.repository} at {plan.commit[:12]}: {number_of(len(plan.files), 'file')}, "
        f"{format_bytes(plan.total_bytes)}, {format_bytes(plan.bytes_to_fetch)} to fetch"
    )
    if dry_run:
        terminal.table(summary, [(file.path, format_bytes(file.bytes)) for file in plan.files])
        return
    terminal.note(summary)
    with terminal.byte_progress("downloading", plan.total_bytes) as bar:
        folder = move_bytes(plan, lambda done, _: bar.update(done))
    terminal.line(str(folder))
