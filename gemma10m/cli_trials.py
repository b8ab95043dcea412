"""The commands that measure models. Each parses its options and calls its work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gemma10m import completions
from gemma10m.cli_options import (
    AdapterOption,
    Carry,
    DataOption,
    Depths,
    Device,
    Dtype,
    Facts,
    Json,
    KvOption,
    MeasuredModel,
    MemoryOption,
    Sinks,
    model_options,
)
from gemma10m.program import app, command_line, command_terminal


@app.command(name="eval", short_help="Measure recall and perplexity by length.")
def evaluate(
    tasks: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK...",
            help="Tasks: passkey, needle, babi1-babi5, perplexity; or qa alone.",
            autocompletion=completions.task,
        ),
    ],
    length: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LENGTH",
            help="Document length in tokens; 32K is 32,768, 1M is 1,048,576; repeatable; required by all but qa.",
        ),
    ] = None,
    data: DataOption = None,
    questions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSONL file of questions for qa, with their answers and the sentences that hold them."
        ),
    ] = None,
    model: MeasuredModel = "demo",
    depth: Depths = None,
    n: Annotated[
        int | None,
        typer.Option(
            "-n",
            metavar="NUMBER",
            help="Number of documents for each length and depth, or of questions. Default: 20, all questions.",
        ),
    ] = None,
    facts: Facts = None,
    form: Annotated[
        str | None,
        typer.Option(
            metavar="FORM",
            help="Needle variant: single, multi-key, multi-value, multi-query, update or absent. Default: by --facts.",
            autocompletion=completions.form,
        ),
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(
            metavar="VALUES",
            help="Needle values: number, word or uuid.  [default: number]",
            autocompletion=completions.values,
        ),
    ] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="Use names and sentences that training never drew.")] = False,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Random seed for the documents.")] = 0,
    no_controls: Annotated[
        bool, typer.Option("--no-controls", help="Do not repeat the cells with the memory off.")
    ] = False,
    recall: Annotated[
        str | None,
        typer.Option(
            metavar="auto|off|N",
            help="Retrieved passages: for qa as in ask, auto by default; for other tasks auto repeats the cells with "
            "them.",
        ),
    ] = None,
    given: Annotated[
        bool,
        typer.Option("--given", help="Read the passages that hold a question's sources instead of retrieved ones."),
    ] = False,
    batch: Annotated[int, typer.Option(metavar="NUMBER", help="Number of documents read side by side, 1 to 10.")] = 10,
    device: Device = "auto",
    dtype: Dtype = "auto",
    memory: MemoryOption = None,
    carry: Carry = None,
    sinks: Sinks = None,
    kv: KvOption = None,
    adapter: AdapterOption = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSONL file to append rows to; cells already in it are skipped. Default: one in the cache.",
        ),
    ] = None,
    details: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="New JSONL file for qa: what was said to each question, and its scores."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="PNG file to plot length by depth in; a second one beside it has lengths. Needs matplotlib.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Measure how often a model answers right: by length and depth of the document, with and without memory; or, as
    qa, questions of your own about a document of your own.
    """
    with command_terminal(json) as terminal:
        from gemma10m.commands.arguments import refuse_options
        from gemma10m.commands.evaluate import DEPTHS, EvalOptions
        from gemma10m.commands.evaluate import evaluate as measure
        from gemma10m.commands.qa_run import QaOptions, measure_qa

        options = model_options(model, device, dtype, memory, carry, sinks, offline=True, adapter=adapter, kv=kv)
        if tasks == ["qa"]:
            drawn: dict[str, object] = {"--length": length, "--depth": depth, "--facts": facts, "--form": form}
            drawn |= {"--values": values, "--unseen": unseen, "--seed": seed, "--no-controls": no_controls}
            drawn |= {"--plot": plot}
            refuse_options("qa, whose document and questions are given", drawn)
            asked = QaOptions(questions, data, n, recall or "auto", given, results, details)
            measure_qa(terminal, options, asked, command_line())
            return
        refuse_options("another task than qa", {"--questions": questions, "--given": given, "--details": details})
        wanted = EvalOptions(
            tasks=tuple(tasks),
            lengths=tuple(length or ()),
            data=data,
            depths=tuple(depth or DEPTHS),
            n=20 if n is None else n,
            facts=facts,
            form=form,
            values=values,
            unseen=unseen,
            seed=seed,
            controls=not no_controls,
            recall=recall,
            batch=batch,
            results=results,
            plot=plot,
        )
        measure(terminal, options, wanted, command_line())


@app.command(short_help="Measure speed and memory on this machine.")
def bench(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Measure this: read, answer, documents, first-minute, index, kernels, load, length, scale or start.",
            autocompletion=completions.bench,
        ),
    ],
    model: MeasuredModel = None,
    shape: Annotated[
        str | None,
        typer.Option(
            metavar="SHAPE", help="Measure random weights of this shape: gemma-2b, gemma-7b or any published one."
        ),
    ] = None,
    layers: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="Number of layers of --shape. Default: all.")
    ] = None,
    tokens: Annotated[
        list[int] | None,
        typer.Option(
            min=1, metavar="NUMBER", help="Number of tokens to read; repeatable. Default: 1000000, for answer 1024."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="PROGRAM",
            help="Measure read or answer with this program, too: transformers, llama.cpp, or every-layer for read.",
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--all", help="Measure every cell of the table for a GPU.")] = False,
    device: Device = "auto",
    dtype: Dtype = "auto",
    memory: MemoryOption = None,
    carry: Carry = None,
    kv: KvOption = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Saved state whose first answer start measures.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PNG file to plot speed and memory by length in, for read.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Text for index and --against, or files for documents.")
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Plan on paper how long H200 cards take, for scale; nothing is run.")
    ] = False,
    cards: Annotated[int, typer.Option(min=1, max=1024, metavar="NUMBER", help="Number of cards, for scale.")] = 8,
    results: Annotated[Path, typer.Option(metavar="FILE", help="JSONL file to append rows to.")] = Path(
        "results.jsonl"
    ),
    json: Json = False,
) -> None:
    """Measure speed and memory on this machine, compared with its limits or with another program."""
    with command_terminal(json) as terminal:
        from gemma10m.commands.bench import BenchOptions
        from gemma10m.commands.bench import bench as measure

        named = model or (None if shape else "demo")
        chosen = model_options(named, device, dtype, memory, carry, None, offline=True, kv=kv)
        lengths = tuple(tokens or [1_024 if name == "answer" else 1_000_000])
        options = BenchOptions(
            name, chosen, shape, layers, lengths, against, full, state, plot, source, simulate, cards
        )
        measure(terminal, options, results, command_line())
