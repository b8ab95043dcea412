"""Options and arguments that several commands share, alone and in groups.

A group is a function: its parameters are options, and it returns what they say together. Heavy modules are imported
only when a command runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from inspect import isfunction, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from gemma10m import completions
from gemma10m.errors import UsageError

MOST_DIGITS = 9  # of a number of tokens

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...", help="Files, folders or archives to read, - for standard input, or one saved state."
    ),
]
Documents = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE...", help="Files, folders or archives to read, or - for standard input."),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Read only matching files of folders and archives; patterns as in .gitignore; repeatable.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Leave out matching files of folders and archives; repeatable."),
]
Everything = Annotated[
    bool,
    typer.Option(
        "--all",
        help="Read also ignored and generated files, dependencies, lock files and keys of folders and archives.",
    ),
]
QuestionFile = Annotated[
    str | None,
    typer.Option(
        "--questions", metavar="FILE", help="Ask the questions in this file, one a line; - is standard input."
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Append the answers to --questions to this JSONL file; skip questions that it already answers.",
    ),
]
RecallOption = Annotated[
    str, typer.Option(metavar="auto|off|N", help="Tokens of retrieved passages to read again before a question.")
]
SourcesOption = Annotated[bool, typer.Option("--sources", help="Cite the answer's sources, with quotes.")]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Withhold unverified answers; exit with code 10 if a question has no verified one."),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="File or folder of prose that training never saw, or that qa asks about; required by all but passkey.",
    ),
]
Depths = Annotated[
    list[float] | None,
    typer.Option(
        metavar="NUMBER", help="Depth of the fact, from 0 (start) to 1 (end); repeatable. Default: 0, .25, .5, .75, 1."
    ),
]
Facts = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER", help="Facts in each document. Default: 1 for needle, 4 for its multi- forms, 8 for babi."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="Model to use: a downloaded name, a folder, a GGUF file, small, large, chat or demo. "
        "Default: GEMMA10M_MODEL, else the configuration file, else gemma-2B-10M, else large, else small.",
        autocompletion=completions.model_names,
    ),
]
MeasuredModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="Model to measure: a downloaded name, a folder, a GGUF file, small, large, chat or demo. Default: demo.",
        show_default=False,
        autocompletion=completions.model_names,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="DEVICE", help="Device to compute on: cpu, cuda, cuda:N or auto.", autocompletion=completions.device
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        metavar="DTYPE",
        help="Number format of the weights: float32, bfloat16, int8, int4 or auto.",
        autocompletion=completions.dtype,
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Memory kind: linear, delta, gated, added, state-vector, window, heavy, full. Default: the checkpoint's.",
        autocompletion=completions.memory,
    ),
]
Carry = Annotated[
    int | None,
    typer.Option(
        metavar="TOKENS",
        help="Tokens before the segment that stay visible, a multiple of its size. Default: the checkpoint's.",
    ),
]
Sinks = Annotated[
    int | None,
    typer.Option(
        metavar="TOKENS", help="First tokens of the document that stay visible for ever. Default: the checkpoint's."
    ),
]
KvOption = Annotated[
    str | None,
    typer.Option(
        "--kv",
        metavar="FORMAT",
        help="Number format of kept keys and values: float (that of the weights), int8 or int4. Default: float.",
        autocompletion=completions.kv,
    ),
]
ReadAll = Annotated[
    bool,
    typer.Option("--read-all", help="Read also the tokens that a model without a memory forgets by the end."),
]
AdapterOption = Annotated[
    str | None,
    typer.Option(
        "--adapter",
        metavar="FOLDER",
        help="Adapter to add to the model: LoRA in PEFT's layout, a memory, or both; or none. "
        "Default: the packaged one, for small.",
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output, one object a line.")]
Temperature = Annotated[
    float, typer.Option(metavar="NUMBER", help="Sampling temperature; 0 always takes the likeliest token.")
]
TopP = Annotated[
    float, typer.Option("--top-p", metavar="NUMBER", help="Sample from the likeliest tokens up to this probability.")
]
Seed = Annotated[int, typer.Option(metavar="NUMBER", help="Random seed for sampling.")]
MaxNewTokens = Annotated[
    int, typer.Option("--max-new-tokens", metavar="TOKENS", help="Maximum length of an answer, in tokens.")
]


Group = Callable[[], Any]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each group that is the default of a parameter, in the parameter's place.

    The parameter becomes the group with the options that were typed, to be called where an error is reported.
    """
    own = signature(command, eval_str=True)
    groups = {name: each.default for name, each in own.parameters.items() if isfunction(each.default)}
    options = {name: signature(group, eval_str=True).parameters for name, group in groups.items()}

    def run(**typed: Any) -> None:
        for name, group in groups.items():
            typed[name] = partial(group, **{option: typed.pop(option) for option in options[name]})
        command(**typed)

    every = [each for name, one in own.parameters.items() for each in options.get(name, {name: one}).values()]
    run.__signature__ = own.replace(parameters=every)  # type: ignore[attr-defined]  # the parser reads it
    return update_wrapper(run, command)


def model_options(
    model: Model = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    memory: MemoryOption = None,
    carry: Carry = None,
    sinks: Sinks = None,
    kv: KvOption = None,
    read_all: ReadAll = False,
    adapter: AdapterOption = None,
    offline: Offline = False,
) -> Any:
    from gemma10m.library.model_choice import ModelOptions, go_offline

    if offline:
        go_offline()
    return ModelOptions(model, device, dtype, memory, carry, sinks, read_all, adapter, kv)


def patterns(include: Include = None, exclude: Exclude = None, everything: Everything = False) -> Any:
    from gemma10m.library.sources import Patterns

    return Patterns(tuple(include or ()), tuple(exclude or ()), everything)


def retrieval_options(recall: RecallOption = "auto", quoted: SourcesOption = False, strict: Strict = False) -> Any:
    from gemma10m.library.retrieval import RetrievalOptions

    if recall.isdecimal() and len(recall) > MOST_DIGITS:
        raise UsageError(f"--recall must be less than 1,000,000,000 tokens, found a number of {len(recall)} digits")
    return RetrievalOptions(recall, quoted, strict)


def sampling_options(temperature: float, top_p: float, seed: int, max_new_tokens: int) -> Any:
    from gemma10m.answering.sampling import Sampling

    return Sampling(temperature, top_p, seed, max_new_tokens)
