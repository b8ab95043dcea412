"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Sources = Annotated[
    list[str], typer.Argument(metavar="SOURCE", help="Files, folders, - for standard input, or one saved state.")
]
Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A downloaded name, a checkpoint folder, or demo. Default: gemma-2B-10M."),
]
Device = Annotated[str, typer.Option(help="cpu, cuda or auto.")]
Dtype = Annotated[str, typer.Option(help="float32, bfloat16 or auto.")]
Memory = Annotated[
    str | None,
    typer.Option(help="linear, delta, gated, state-vector, window or full. Default: what the checkpoint says."),
]
Carry = Annotated[int | None, typer.Option(help="Tokens before the segment that stay visible: a multiple of it.")]
Sinks = Annotated[int | None, typer.Option(help="First tokens of the document that stay visible for ever.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
Temperature = Annotated[float, typer.Option(help="0 always takes the likeliest token.")]
TopP = Annotated[float, typer.Option("--top-p", help="Sample from the likeliest tokens up to this probability.")]
Seed = Annotated[int, typer.Option(help="Of the sampling.")]
MaxNewTokens = Annotated[int, typer.Option("--max-new-tokens", help="The longest answer.")]
