"""Options and arguments that several commands have, and what they become. Imports of weight come when they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gemma10m import completions
from gemma10m.errors import UsageError

Sources = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE", help="Files, folders, archives, - for standard input, or one saved state."),
]
Documents = Annotated[
    list[str], typer.Argument(metavar="SOURCE", help="Files, folders, archives, or - for standard input.")
]
Include = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Of folders and archives, read only this; as in .gitignore; repeatable."),
]
Exclude = Annotated[
    list[str] | None, typer.Option(metavar="GLOB", help="Of folders and archives, leave this out; repeatable.")
]
Everything = Annotated[
    bool,
    typer.Option("--all", help="Of folders and archives, read also what is ignored, generated, a lock file or a key."),
]
QuestionFile = Annotated[
    str | None, typer.Option("--questions", metavar="FILE", help="Ask what this file holds, one question a line.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Of --questions: add answers to this JSONL, unless it has them.")
]
RecallOption = Annotated[
    str, typer.Option(metavar="auto|off|N", help="Tokens of passages read again before a question.")
]
SourcesOption = Annotated[bool, typer.Option("--sources", help="Say where the answer stands, with quotes.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Withhold an answer that is not verified; exit code 10 where there is none.")
]
DataOption = Annotated[
    Path | None, typer.Option(help="Prose that training never saw, a file or a folder; for all but passkey.")
]
Depths = Annotated[
    list[float] | None, typer.Option(help="0 the start, 1 the end; repeatable. Default: 0, .25, .5, .75, 1.")
]
Facts = Annotated[int | None, typer.Option(help="In each document. Default: needle 1, 4 in its multi- forms; babi 8.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="A downloaded name, a folder, a GGUF file, small, chat or demo. "
        "Default: GEMMA10M_MODEL, the configuration file, gemma-2B-10M, else small.",
        autocompletion=completions.model_names,
    ),
]
MeasuredModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="A downloaded name, a checkpoint folder, a GGUF file, small, chat or demo. Default: demo.",
        show_default=False,
        autocompletion=completions.model_names,
    ),
]
Device = Annotated[str, typer.Option(help="cpu, cuda or auto.", autocompletion=completions.device)]
Dtype = Annotated[str, typer.Option(help="float32, bfloat16 or auto.", autocompletion=completions.dtype)]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        help="linear, delta, gated, state-vector, window or full. Default: what the checkpoint says.",
        autocompletion=completions.memory,
    ),
]
Carry = Annotated[int | None, typer.Option(help="Tokens before the segment that stay visible: a multiple of it.")]
Sinks = Annotated[int | None, typer.Option(help="First tokens of the document that stay visible for ever.")]
ReadAll = Annotated[
    bool,
    typer.Option("--read-all", help="Read also what a model without a memory has forgotten by the end."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
Temperature = Annotated[float, typer.Option(help="0 always takes the likeliest token.")]
TopP = Annotated[float, typer.Option("--top-p", help="Sample from the likeliest tokens up to this probability.")]
Seed = Annotated[int, typer.Option(help="Of the sampling.")]
MaxNewTokens = Annotated[int, typer.Option("--max-new-tokens", help="The longest answer.")]


def model_options(
    model: str | None,
    device: str,
    dtype: str,
    memory: str | None,
    carry: int | None,
    sinks: int | None,
    offline: bool,
    read_all: bool = False,
) -> Any:
    from gemma10m.library.model_choice import ModelOptions, go_offline

    if offline:
        go_offline()
    if dtype not in ("auto", "float32", "bfloat16"):
        raise UsageError(f"dtype must be float32, bfloat16 or auto, found {dtype!r}")
    return ModelOptions(model, device, dtype, memory, carry, sinks, read_all)


def patterns(include: list[str] | None, exclude: list[str] | None, everything: bool) -> Any:
    from gemma10m.library.sources import Patterns

    return Patterns(tuple(include or ()), tuple(exclude or ()), everything)


def sampling_options(temperature: float, top_p: float, seed: int, max_new_tokens: int) -> Any:
    from gemma10m.answering.sampling import Sampling

    return Sampling(temperature, top_p, seed, max_new_tokens)
