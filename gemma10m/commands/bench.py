"""Run `bench`: measure, print a table and append rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from gemma10m.bench.rows import append_rows
from gemma10m.config import QUANTISED, KeyValueFormat, MemoryKind
from gemma10m.documents import open_source
from gemma10m.errors import UsageError
from gemma10m.library.listening import Listener, Notices
from gemma10m.library.model_choice import ModelOptions, load_reader, model_path, resolve_dtype
from gemma10m.memory import KINDS
from gemma10m.saved_states import Reader
from gemma10m.terminal import Terminal
from gemma10m.tokens import load_tokenizer
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import resolve_device, resolve_model
from gemma10m.weights.packaged import PACKAGED
from gemma10m.weights.tensors import packed_format

if TYPE_CHECKING:
    from gemma10m.models.decoder import Decoder

MeasuredRows = Iterator[tuple[str, Mapping[str, object]]]  # a row's kind and what was measured
QUESTION = "What is the special magic number for amber-lantern?"
SENTENCES = 200  # that are asked for
COMPARED = (32_768, 131_072)  # tokens, of the full set
READ = (32_768, 1_000_000, 10_000_000)


@dataclass(frozen=True)
class BenchOptions:
    name: str
    models: ModelOptions
    shape: str | None = None  # a published one, with random weights
    layers: int | None = None
    tokens: tuple[int, ...] = (1_000_000,)
    against: str | None = None
    full: bool = False
    state: Path | None = None
    plot: Path | None = None
    source: Path | None = None
    simulate: bool = False
    cards: int = 8
    listener: Listener = field(default_factory=Notices)

    def path(self) -> Path:
        return model_path(self.models, self.listener.note)

    def reader(self) -> Reader:
        return load_reader(self.listener, self.models)


def bench(terminal: Terminal, options: BenchOptions, results: Path, command: str) -> None:
    """Run a benchmark. Raises UsageError for an unknown one, and for kernels with wrong results."""
    if options.name not in BENCHES:
        raise UsageError(f"there is no bench {options.name!r}", hint=f"known: {', '.join(BENCHES)}")
    if options.plot and options.name != "read":
        raise UsageError("--plot works only with `bench read`")
    if options.plot and options.against:
        raise UsageError("--plot draws no comparison", hint="leave out --against or --plot")
    measured = []
    for kind, row in BENCHES[options.name](replace(options, listener=terminal)):
        append_rows(results, kind, command, [row])
        measured += [dict(row)] if kind == "bench read" else []
        terminal.table(kind, [(key, str(value)) for key, value in row.items()])
        if terminal.json:
            terminal.json_line({"kind": kind, **row})
    if options.plot:
        from gemma10m.evaluation.plots import speed_plot

        speed_plot(measured, options.plot)


def _read(options: BenchOptions) -> MeasuredRows:
    from gemma10m import ops
    from gemma10m.bench.kernels import check_kernels
    from gemma10m.bench.peer import measure_against
    from gemma10m.bench.read import measure_read

    if options.against and options.shape is None and options.path().is_file():
        yield from _file_against(options)
        return
    model = _model(options)
    if options.full:
        yield from _full(options, model)
        return
    if ops.BACKEND == "triton":
        check_kernels(model.config, model.device.type)
    for tokens in options.tokens:
        if options.against:
            yield "bench against", _named(options, measure_against(model, options.against, tokens, repeats=3))
        else:
            yield "bench read", _named(options, measure_read(model, tokens))


def _full(options: BenchOptions, model: Decoder) -> MeasuredRows:
    """Measure every cell of docs/benchmarks.md that needs a GPU, the cheap ones first."""
    from gemma10m.bench.answer_speed import measure_answer
    from gemma10m.bench.peer import measure_against
    from gemma10m.bench.read import measure_read

    if model.device.type != "cuda":
        raise UsageError("--all needs a GPU: on a CPU it would run for days", hint="use --tokens and --layers instead")
    yield from _kernels(options)
    for tokens in COMPARED:
        yield "bench against", _named(options, measure_against(model, "transformers", tokens, repeats=3))
    yield "bench answer", _named(options, measure_answer(model, COMPARED[0]))
    for tokens in READ:
        yield "bench read", _named(options, measure_read(model, tokens))


def _file_against(options: BenchOptions) -> MeasuredRows:
    """Compare programs on a GGUF file's model and the beginning of a document; nothing is random."""
    from gemma10m.bench.peer import measure_file_against

    for reader, path, ids in _texts(options):
        row = measure_file_against(reader.model, path, cast(str, options.against), ids, repeats=3)
        yield "bench against", _file_named(options, path, row)


def _texts(options: BenchOptions) -> Iterator[tuple[Reader, Path, list[int]]]:
    """Yield the model, its GGUF file, and the ids of the beginning of a document, for each number of tokens."""
    if options.shape is not None or not (path := options.path()).is_file():
        raise UsageError(
            "another program answers from a GGUF file alone", hint="name one with --model, or a packaged model"
        )
    # The other program adds no adapter, so neither do we.
    source, reader = _source(options), load_reader(options.listener, replace(options.models, adapter="none"))
    ids = [reader.tokenizer.first, *reader.tokenizer.encode("".join(open_source(source).texts()))]
    for tokens in options.tokens:
        if len(ids) < tokens:
            raise UsageError(f"{source.name} has {len(ids):,} tokens, not {tokens:,}", hint="read fewer: --tokens N")
        yield reader, path, ids[:tokens]


def _file_named(options: BenchOptions, path: Path, row: Mapping[str, object]) -> dict[str, object]:
    name = options.models.model if options.models.model in PACKAGED else path.name
    return {"model": name, "source": _source(options).name, **row}


def _kernels(options: BenchOptions) -> MeasuredRows:
    import torch

    from gemma10m.bench.kernels import measure_kernels
    from gemma10m.bench.shape import READING, published

    device = resolve_device(options.models.device)
    config, segments = published(options.shape or "gemma-2b", options.layers), 8 if device == "cuda" else 1
    dtype = torch.float32 if options.models.dtype == "float32" else torch.bfloat16
    for row in measure_kernels(config, dtype, device, READING.segment, segments):
        yield "bench kernels", row


def _answer(options: BenchOptions) -> MeasuredRows:
    from gemma10m.bench.answer_speed import measure_answer, measure_answer_against

    if options.against:
        for reader, path, ids in _texts(options):
            row = measure_answer_against(reader.model, path, options.against, ids)
            yield "bench answer against", _file_named(options, path, row)
        return
    model = _model(options)
    for tokens in options.tokens:
        yield "bench answer", _named(options, measure_answer(model, tokens))


def _load(options: BenchOptions) -> MeasuredRows:
    from gemma10m.bench.load import measure_load

    folder, device = options.path(), resolve_device(options.models.device)
    checkpoint = open_checkpoint(folder)
    dtype = resolve_dtype(options.models, device, checkpoint.parameters, packed_format(checkpoint))
    yield "bench load", _named(options, measure_load(folder, device, dtype))


def _length(options: BenchOptions) -> MeasuredRows:
    from gemma10m.bench.length import measure_length

    yield "bench length", measure_length(options.reader().model, short=32_000, repeats=5)


def _start(options: BenchOptions) -> MeasuredRows:
    """Measure the time to a saved state's answer, or without one the time to the first progress line."""
    from gemma10m.bench.start_time import measure_first_progress, measure_start, write_checkpoint

    if options.state is not None:
        yield "bench start", measure_start(options.state, QUESTION, options.models.model or "demo", 5)
        return
    device = resolve_device(options.models.device)
    with TemporaryDirectory() as folder:
        name = str(options.path()) if options.shape is None else folder
        if options.shape is not None:
            write_checkpoint(_model(options), Path(folder))
        layers = {"layers": open_checkpoint(Path(name)).config.layers}
        row = measure_first_progress(name, device, Path(folder), 5)
        yield "bench first progress", _named(options, layers | row)


def _index(options: BenchOptions) -> MeasuredRows:
    from gemma10m.bench.index_search import measure_index

    tokenizer = load_tokenizer(resolve_model(options.models.model or "demo"))
    yield "bench index", measure_index(_source(options), tokenizer, SENTENCES, seed=0)


def _documents(options: BenchOptions) -> MeasuredRows:
    from gemma10m.bench.documents import measure_documents

    for row in measure_documents(_source(options)):
        yield "bench documents", row


def _first_minute(options: BenchOptions) -> MeasuredRows:
    from gemma10m.bench.first_minute import measure_first_minute

    yield "bench first minute", _named(options, measure_first_minute(_model(options)))


def _scale(options: BenchOptions) -> MeasuredRows:
    """Plan on paper how fast several cards read together; nothing measures it yet."""
    from gemma10m.bench.scale import planned
    from gemma10m.bench.shape import published, reading_with

    if not options.simulate:
        raise UsageError("bench scale has no measurement yet, only a plan on paper", hint="add --simulate")
    shape = options.shape or "gemma-2b"
    config = published(shape, options.layers)
    reading = reading_with(config, cast("MemoryKind | None", options.models.memory), options.models.carry)
    config = replace(config, has_write_gates=KINDS[reading.memory].needs_write_gates)
    for tokens in options.tokens:
        yield "bench scale, on paper", {"model": shape, **planned(config, reading, options.cards, tokens)}


BENCHES = {
    "answer": _answer,
    "documents": _documents,
    "first-minute": _first_minute,
    "index": _index,
    "kernels": _kernels,
    "length": _length,
    "load": _load,
    "read": _read,
    "scale": _scale,
    "start": _start,
}


def _source(options: BenchOptions) -> Path:
    if options.source is None:
        raise UsageError(f"bench {options.name} needs a document", hint="--source BOOK.txt, or a folder")
    return options.source


def _model(options: BenchOptions) -> Decoder:
    """Return the named model, or random weights of a published shape."""
    if options.shape is None:
        return options.reader().model
    import torch

    from gemma10m.bench.shape import published, random_model, reading_with

    dtype = torch.float32 if options.models.dtype == "float32" else torch.bfloat16
    config = published(options.shape, options.layers)
    memory, kv = cast("MemoryKind | None", options.models.memory), cast("KeyValueFormat | None", options.models.kv)
    reading = reading_with(config, memory, options.models.carry, kv)
    number_format = options.models.dtype if options.models.dtype in QUANTISED else ""
    return random_model(config, reading, resolve_device(options.models.device), dtype, number_format)


def _named(options: BenchOptions, row: Mapping[str, object]) -> dict[str, object]:
    return {"model": options.shape or options.models.model or "demo", **row}
