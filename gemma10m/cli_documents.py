"""The commands that read documents. Each parses its options; its work is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gemma10m import completions
from gemma10m.cli_options import (
    Documents,
    Group,
    Json,
    MaxNewTokens,
    OutputOption,
    QuestionFile,
    Seed,
    Sources,
    Temperature,
    TopP,
    grouped,
    model_options,
    patterns,
    retrieval_options,
    sampling_options,
)
from gemma10m.program import app, command_terminal


@app.command(short_help="Answer questions about a source.")
@grouped
def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE... [QUESTION]",
            help="Files, folders or archives to read, - for standard input, one saved state, or one folder of states; "
            "then the question to ask. Without a question: hold a conversation, or read questions from a pipe, one a "
            "line.",
        ),
    ],
    question: Annotated[
        list[str] | None,
        typer.Option(
            "--question", "-q", metavar="QUESTION", help="Question to ask; repeatable. Every argument is then a source."
        ),
    ] = None,
    question_file: QuestionFile = None,
    output: OutputOption = None,
    also: Annotated[
        list[str] | None, typer.Option("--with", metavar="SOURCE", help="Read this source, too; repeatable.")
    ] = None,
    files: Group = patterns,
    model: Group = model_options,
    json: Json = False,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = 0,
    max_new_tokens: MaxNewTokens = 512,
    passages: Group = retrieval_options,
) -> None:
    """Answer questions about SOURCE, which is read unless it was read before.

    Without a question, on a terminal, hold a conversation.
    """
    with command_terminal(json) as terminal:
        from gemma10m.commands.arguments import named_states, refuse_options, sources_and_question
        from gemma10m.commands.ask import ask as answer_questions
        from gemma10m.commands.ask_states import ask_states
        from gemma10m.commands.questions import ask_all, refuse_mixed

        chosen = model()
        sampling = sampling_options(temperature, top_p, seed, max_new_tokens)
        retrieval = passages()
        chosen_files = files()
        named, asked = sources_and_question(words, question or [], terminal.warn)
        sources = [*named, *(also or [])]
        refuse_mixed(asked, question_file, output)
        if folder := named_states(sources, chosen_files):
            hint = f"give questions one a line on standard input: gemma10m ask {folder} < {question_file}"
            refuse_options("a folder of states", {"--questions": question_file}, hint)
            ask_states(terminal, folder, asked, chosen, sampling, retrieval)
        elif question_file:
            ask_all(terminal, sources, question_file, output, chosen, sampling, retrieval, chosen_files)
        else:
            answer_questions(terminal, sources, asked, chosen, sampling, retrieval, chosen_files)


@app.command(short_help="Summarize a source.")
@grouped
def summarize(
    sources: Sources,
    words: Annotated[int, typer.Option(metavar="NUMBER", help="Approximate length of the summary, in words.")] = 200,
    focus: Annotated[
        str | None,
        typer.Option(metavar="SUBJECT", help="Subject that the summary is mostly about. Default: the whole text."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="Method: state, sections or refine. Default: state if the model has a memory, else sections.",
            autocompletion=completions.way,
        ),
    ] = None,
    outline: Annotated[
        bool, typer.Option("--outline", help="Write one sentence for each section, with its place.")
    ] = False,
    files: Group = patterns,
    model: Group = model_options,
    json: Json = False,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = 0,
    max_new_tokens: MaxNewTokens = 1024,
) -> None:
    """Summarize SOURCE, from the state that reading it left or section by section."""
    with command_terminal(json) as terminal:
        from gemma10m.commands.summarize import summarize as write_summary
        from gemma10m.library.summarizing import SummaryOptions

        wanted = SummaryOptions(words, focus, by, outline)
        chosen = model()
        sampling = sampling_options(temperature, top_p, seed, max_new_tokens)
        write_summary(terminal, sources, wanted, chosen, sampling, files())


@app.command(short_help="Read a source and save its state.")
@grouped
def read(
    sources: Documents,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="File to save the state to. Default: one in the cache."),
    ] = None,
    files: Group = patterns,
    model: Group = model_options,
    json: Json = False,
) -> None:
    """Read SOURCE, save its state and print the state's path.

    Eight cards read one document together with this command:

    torchrun --nproc-per-node 8 -m gemma10m read book.txt -o book.state
    """
    with command_terminal(json, ranks=True) as terminal:
        from gemma10m.commands.ask import read as read_sources

        chosen = model()
        read_sources(terminal, sources, output, chosen, files())


@app.command(name="read-all", short_help="Read many documents into a folder of states.")
@grouped
def read_all(
    named: Annotated[
        str,
        typer.Argument(
            metavar="LIST|FOLDER",
            help="Folder whose files are documents, or text file with the path of one document a line; - is a list on "
            "standard input.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="STATES", help="Folder for the states and their indexes.")
    ],
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="[ADDRESS]",
            help="Read on the machines of Ray: HOST:PORT, or auto for a Ray that runs on this machine. Without an "
            "address, start Ray here. Default: processes of this machine.",
        ),
    ] = None,
    files: Group = patterns,
    model: Group = model_options,
    json: Json = False,
) -> None:
    """Read each document of LIST or FOLDER into a state in STATES, and index all of them together.

    What was read before is skipped, so that the same command resumes: gemma10m read-all papers/ -o states/
    """
    with command_terminal(json) as terminal:
        from gemma10m.commands.read_all import read_all as read_documents

        chosen = model()
        read_documents(terminal, named, output, ray, chosen, files())


@app.command(short_help="Find passages by their words.")
@grouped
def find(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE... WORDS",
            help="Files, folders or archives to search, - for standard input, one saved state, or one folder of "
            "states; then the words to find.",
        ),
    ],
    query: Annotated[
        list[str] | None,
        typer.Option(
            "--question", "-q", metavar="WORDS", help="Words to find; repeatable. Every argument is then a source."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, metavar="NUMBER", help="Maximum number of passages to show.")
    ] = 10,
    files: Group = patterns,
    json: Json = False,
) -> None:
    """Find the passages of SOURCE that contain the most of WORDS, with file and line. This needs no model."""
    with command_terminal(json) as terminal:
        from gemma10m.commands.arguments import sources_and_words
        from gemma10m.commands.find import find as find_words

        find_words(terminal, *sources_and_words(words, query or []), limit, files())


@app.command(short_help="Print the text of a source.")
@grouped
def text(
    sources: Documents,
    page: Annotated[
        str | None,
        typer.Option(metavar="A[-B]", help="Print only these pages, chapters or cells, or the one of this name."),
    ] = None,
    lines: Annotated[str | None, typer.Option(metavar="A[-B]", help="Print only these lines of one file.")] = None,
    files: Group = patterns,
) -> None:
    """Print the text of SOURCE as a model reads it. Citations count its lines and bytes."""
    with command_terminal() as terminal:
        from gemma10m.commands.extracted_text import text as print_text

        print_text(terminal, sources, page, lines, files())


@app.command(short_help="List or remove what is kept of documents.")
def states(
    remove: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Remove what has this name, or is of this document.", autocompletion=completions.kept
        ),
    ] = None,
    remove_all: Annotated[
        bool, typer.Option("--remove-all", help="Remove all states, all passages and what killed runs left.")
    ] = False,
    json: Json = False,
) -> None:
    """List the states and passages in the cache, with name, document, model, tokens, size and age; or remove some."""
    with command_terminal(json) as terminal:
        from gemma10m.commands.states import states as list_states

        list_states(terminal, remove, remove_all)
