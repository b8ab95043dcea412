"""The command line: one thin function for each command, registered in the order that --help shows."""

from __future__ import annotations

from gemma10m import cli_documents, cli_models, cli_trials
from gemma10m.program import app, main

__all__ = ["app", "cli_documents", "cli_models", "cli_trials", "main"]
