"""The commands that fetch, describe, train and measure models: words to arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gemma10m import completions
from gemma10m.cli_options import (
    Carry,
    DataOption,
    Depths,
    Device,
    Dtype,
    Everything,
    Exclude,
    Facts,
    Include,
    Json,
    MeasuredModel,
    MemoryOption,
    Offline,
    Sinks,
    model_options,
    patterns,
)
from gemma10m.program import app, command_line, run_command
from gemma10m.terminal import Terminal


@app.command(short_help="Fetch a model's weights.")
def download(
    model: Annotated[str, typer.Argument(help="A repository of safetensors or GGUF.")] = "mustafaaljadery/gemma-2B-10M",
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit.")] = None,
    file: Annotated[str | None, typer.Option(help="One of several .gguf files.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be fetched.")] = False,
    offline: Offline = False,
) -> None:
    """Fetch a model's weights; an interrupted download goes on where it stopped."""

    def run(terminal: Terminal) -> None:
        from gemma10m.commands.download import download as fetch

        fetch(terminal, model, revision, file, dry_run, offline)

    run_command(run)


@app.command(short_help="Say what something is and what it will need.")
def info(
    target: Annotated[
        str | None, typer.Argument(metavar="MODEL|STATE|SOURCE", help="None: this program and machine.")
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    memory: MemoryOption = None,
    carry: Carry = None,
    sinks: Sinks = None,
    include: Include = None,
    exclude: Exclude = None,
    everything: Everything = False,
) -> None:
    """Say what something is, what it will need, and where it will run; of a document, what is left out and why."""

    def run(terminal: Terminal) -> None:
        from gemma10m.commands.info import info as describe

        options = model_options(None, device, dtype, memory, carry, sinks, offline=False)
        describe(terminal, target, options, patterns(include, exclude, everything))

    run_command(run)


@app.command(short_help="Teach a model to remember.")
def train(
    data: Annotated[list[str], typer.Option(help="Text to train on: a file or a folder; repeatable.")],
    out: Annotated[Path, typer.Option(help="Folder of the run and of the model; a run that is there goes on.")],
    checkpoint: Annotated[
        str | None, typer.Argument(metavar="[CHECKPOINT]", help="Default: a new model with a tokenizer of its own.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="JSON: stages, tasks, learning rates.")] = None,
    config: Annotated[Path | None, typer.Option(help="config.json of a new model. Default: the demo's shape.")] = None,
    train: Annotated[str | None, typer.Option(help="gates, attention or all. Default: what the recipe says.")] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="A checkpoint whose full attention is imitated, or same: the student's own weights."),
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
) -> None:
    """Teach a model to remember on documents that grow longer stage by stage. The same command resumes a run."""

    def run(terminal: Terminal) -> None:
        from gemma10m.commands.train import TrainOptions
        from gemma10m.commands.train import train as train_model

        train_model(terminal, TrainOptions(data, out, checkpoint, recipe, config, train, teacher, device, dtype))

    run_command(run)


@app.command(name="eval", short_help="Measure recall and perplexity by length.")
def evaluate(
    tasks: Annotated[list[str], typer.Argument(metavar="TASK...", help="passkey, needle, babi1 to babi5, perplexity.")],
    length: Annotated[list[str], typer.Option(help="Tokens: 32K is 32,768, 1M is 1,048,576; repeatable.")],
    data: DataOption = None,
    model: MeasuredModel = "demo",
    depth: Depths = None,
    n: Annotated[int, typer.Option("-n", help="Documents for each length and depth.")] = 20,
    facts: Facts = None,
    form: Annotated[
        str | None,
        typer.Option(
            help="Needle variant: single, multi-key, multi-value, multi-query, update or absent.",
            autocompletion=completions.form,
        ),
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(help="Needle values: number, word or uuid.  [default: number]", autocompletion=completions.values),
    ] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="Names and sentences that training never drew.")] = False,
    seed: Annotated[int, typer.Option(help="Of the documents.")] = 0,
    controls: Annotated[
        bool,
        typer.Option(" /--no-controls", help="Leave out the same cells with memory window.", show_default=False),
    ] = True,
    recall: Annotated[bool, typer.Option("--recall", help="The same cells with passages recalled too.")] = False,
    batch: Annotated[int, typer.Option(help="Documents read side by side, 1 to 10.")] = 10,
    device: Device = "auto",
    dtype: Dtype = "auto",
    memory: MemoryOption = None,
    carry: Carry = None,
    sinks: Sinks = None,
    results: Annotated[
        Path | None,
        typer.Option(help="Append rows to this JSONL file and skip the cells it has. Default: one in the cache."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw length x depth as this PNG, and lengths beside it; needs matplotlib.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure how often what a document says is answered right, by length and depth, with memory and without."""

    def run(terminal: Terminal) -> None:
        from gemma10m.commands.evaluate import DEPTHS, EvalOptions
        from gemma10m.commands.evaluate import evaluate as measure

        wanted = EvalOptions(
            tasks=tuple(tasks),
            lengths=tuple(length),
            data=data,
            depths=tuple(depth or DEPTHS),
            n=n,
            facts=facts,
            form=form,
            values=values,
            unseen=unseen,
            seed=seed,
            controls=controls,
            recall=recall,
            batch=batch,
            results=results,
            plot=plot,
        )
        measure(
            terminal, model_options(model, device, dtype, memory, carry, sinks, offline=True), wanted, command_line()
        )

    run_command(run, json)


@app.command(short_help="Measure speed and memory on this machine.")
def bench(
    name: Annotated[str, typer.Argument(help="read, answer, documents, index, kernels, load, length or start.")],
    model: MeasuredModel = None,
    shape: Annotated[str | None, typer.Option(help="Random weights of this shape: gemma-2b or gemma-7b.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Of the shape, instead of all.")] = None,
    tokens: Annotated[list[int] | None, typer.Option(min=1, help="To read: 1000000 if none is given.")] = None,
    against: Annotated[str | None, typer.Option(help="For read, beside: transformers, llama.cpp.")] = None,
    full: Annotated[bool, typer.Option("--all", help="Every cell of the table that a GPU fills.")] = False,
    device: Device = "auto",
    dtype: Dtype = "auto",
    memory: MemoryOption = None,
    carry: Carry = None,
    state: Annotated[Path | None, typer.Option(help="A saved state: start times its answer.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw speed and memory by length as this PNG, for read.")] = None,
    source: Annotated[Path | None, typer.Option(help="Text for index, --against; files for documents.")] = None,
    results: Annotated[Path, typer.Option(help="Append rows to this JSONL file.")] = Path("results.jsonl"),
    json: Json = False,
) -> None:
    """Measure speed and memory on this machine, against what it can do at best or against another program."""

    def run(terminal: Terminal) -> None:
        from gemma10m.commands.bench import BenchOptions
        from gemma10m.commands.bench import bench as measure

        named = model or (None if shape else "demo")
        chosen = model_options(named, device, dtype, memory, carry, None, offline=True)
        lengths = tuple(tokens or [1_000_000])
        options = BenchOptions(name, chosen, shape, layers, lengths, against, full, state, plot, source)
        measure(terminal, options, results, command_line())

    run_command(run, json)
