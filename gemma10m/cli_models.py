"""The commands that download, describe and train models. Each parses its options and calls its work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gemma10m import completions
from gemma10m.cli_options import (
    Carry,
    Device,
    Dtype,
    Group,
    KvOption,
    MemoryOption,
    Offline,
    Sinks,
    grouped,
    model_options,
    patterns,
)
from gemma10m.program import app, command_terminal


@app.command(short_help="Download a model's weights.")
def download(
    model: Annotated[
        str,
        typer.Argument(
            metavar="[MODEL]",
            help="Repository on the hub, with safetensors or GGUF files.",
            autocompletion=completions.repositories,
        ),
    ] = "mustafaaljadery/gemma-2B-10M",
    revision: Annotated[
        str | None,
        typer.Option(metavar="REVISION", help="Branch, tag or commit to download. Default: the main branch."),
    ] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="File to download where the repository has several .gguf.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be downloaded, and download nothing.")
    ] = False,
    offline: Offline = False,
) -> None:
    """Download a model's weights. An interrupted download resumes where it stopped."""
    with command_terminal() as terminal:
        from gemma10m.commands.download import download as fetch

        fetch(terminal, model, revision, file, dry_run, offline)


@app.command(short_help="Save a model's weights in 8 or 4 bits.")
def quantize(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Model to pack: a downloaded name, a folder, a GGUF file, small, large, chat or demo.",
            autocompletion=completions.models,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the packed model; new or empty.")],
    dtype: Annotated[
        str,
        typer.Option(
            metavar="DTYPE", help="Number format of the weights: int8 or int4.", autocompletion=completions.packed_dtype
        ),
    ] = "int4",
) -> None:
    """Save a model's weights in 8 or 4 bits, as a folder that loads in seconds and needs less memory.

    No adapter is added, the packaged one neither: name one when you use the packed model.
    """
    with command_terminal() as terminal:
        from gemma10m.library.packing import pack_model

        terminal.line(str(pack_model(model, out, dtype, terminal)))


@app.command(short_help="Describe a model, state or source and what it will need.")
@grouped
def info(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL|STATE|SOURCE]",
            help="Describe this. Default: this program and machine.",
            autocompletion=completions.models,
        ),
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    memory: MemoryOption = None,
    carry: Carry = None,
    sinks: Sinks = None,
    kv: KvOption = None,
    files: Group = patterns,
) -> None:
    """Describe a model, state or source: what it needs, where it will run, and which files are left out and why."""
    with command_terminal() as terminal:
        from gemma10m.commands.info import info as describe

        options = model_options(None, device, dtype, memory, carry, sinks, offline=False, kv=kv)
        describe(terminal, target, options, files())


@app.command(short_help="Teach a model to remember.")
def train(
    data: Annotated[list[str], typer.Option(metavar="PATH", help="Text to train on: a file or a folder; repeatable.")],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the run and its model; a run already in it resumes.")
    ],
    checkpoint: Annotated[
        str | None,
        typer.Argument(
            metavar="[CHECKPOINT]", help="Checkpoint to start from. Default: a new model with a tokenizer of its own."
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSON file of stages, tasks and learning rates. Default: the built-in recipe."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="config.json of a new model. Default: the demo's shape.")
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS", help="Weights to train: gates, attention or all. Default: the recipe's choice."
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Checkpoint whose full attention the model learns to imitate, or same for the model's own weights. "
            "Default: no teacher.",
        ),
    ] = None,
    lora: Annotated[
        int | None,
        typer.Option(
            metavar="RANK", help="Train a LoRA adapter of this rank to answer --questions from passages of --data."
        ),
    ] = None,
    questions: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="JSONL file of questions, answers and sources for --lora or --memory; repeatable."
        ),
    ] = None,
    prose: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Other text for --lora, on which the model is trained to predict as before; repeatable.",
        ),
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(
            metavar="RANK", help="Train a memory with low-rank projections of this rank beside a model left as it is."
        ),
    ] = None,
    share: Annotated[
        int | None,
        typer.Option(
            metavar="FACTOR",
            help="Let groups of so many layers share the keys and values of their first one, and train the model to "
            "give on --data what it gave before.",
        ),
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Adapter that --lora starts from, or that --memory is trained beside. Default: none for --lora, the "
            "packaged one for --memory and small.",
        ),
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
) -> None:
    """Teach a model to remember, on documents that get longer stage by stage. The same command resumes a run."""
    with command_terminal() as terminal:
        from gemma10m.commands.arguments import refuse_options

        if share is not None:
            other = {"--lora": lora, "--memory": memory, "--adapter": adapter, "--questions": questions}
            refuse_options("--share", other | {"--config": config, "--teacher": teacher, "--prose": prose})
            from gemma10m.commands.train_share import ShareOptions, train_share

            train_share(terminal, ShareOptions(checkpoint or "small", data, out, share, recipe, train, device, dtype))
            return
        if lora is not None:
            refuse_options("--lora", {"--config": config, "--train": train, "--teacher": teacher, "--memory": memory})
            from gemma10m.commands.train_adapter import AdapterOptions, train_adapter

            model, files = checkpoint or "small", (questions or [], tuple(prose or ()))
            train_adapter(terminal, AdapterOptions(model, data, *files, out, lora, recipe, device, dtype, adapter))
            return
        refuse_options("training without --lora", {"--prose": prose})
        if memory is not None:
            refuse_options("--memory", {"--config": config, "--train": train, "--teacher": teacher})
            from gemma10m.commands.train_memory import MemoryOptions, train_memory

            model = checkpoint or "small"
            asked = tuple(questions or ())
            train_memory(terminal, MemoryOptions(model, data, out, memory, recipe, adapter, asked, device, dtype))
            return
        refuse_options("training without --lora or --memory", {"--adapter": adapter, "--questions": questions})
        from gemma10m.commands.train import TrainOptions
        from gemma10m.commands.train import train as train_model

        train_model(terminal, TrainOptions(data, out, checkpoint, recipe, config, train, teacher, device, dtype))
