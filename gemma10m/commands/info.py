"""Run `info`: describe a model, state or source, what it needs and where it will run. Nothing large is loaded."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gemma10m import __version__, ops
from gemma10m.commands.arguments import exists, refuse_states
from gemma10m.commands.cards import fits
from gemma10m.commands.demo import DEMO, KNOWS
from gemma10m.config import OWN, ModelConfig, ReadingConfig
from gemma10m.documents import Document
from gemma10m.documents.skips import named_skips, skipped_kinds
from gemma10m.errors import DocumentError
from gemma10m.folders import config_file, models_folder, states_folder
from gemma10m.library.defaults import DefaultModel, default_model, unknown_settings
from gemma10m.library.model_choice import ModelOptions, installed_default, model_path, resolve_dtype
from gemma10m.library.sources import ALL, Patterns, open_chosen, refuse_patterns
from gemma10m.progress import format_bytes, format_duration
from gemma10m.reading.stretch import process_memory
from gemma10m.saved_states import whereabouts
from gemma10m.state_file import is_state_file, read_header
from gemma10m.terminal import Terminal
from gemma10m.weights.adapting import find_adapter, with_adapter
from gemma10m.weights.checkpoint import Checkpoint, open_checkpoint
from gemma10m.weights.config_file import StatedReading, parse_config
from gemma10m.weights.downloads import DEFAULT_MODEL, find_downloaded, list_downloaded
from gemma10m.weights.gates import read_gates
from gemma10m.weights.loading import resolve_device
from gemma10m.weights.options import Described, closed_gate_warning, resolve_reading
from gemma10m.weights.packaged import PACKAGED, about_weights, find_packaged
from gemma10m.weights.plan import MemoryPlan, memory_plan
from gemma10m.weights.published import Published, find_published
from gemma10m.weights.quantising import NOTHING_STORED
from gemma10m.weights.tensors import packed_format

Rows = list[tuple[str, str]]

_BESIDE = 110_000_000  # bytes that a read takes beside its plan: tokenizer, index, what PyTorch holds back; measured


def info(terminal: Terminal, target: str | None, options: ModelOptions, patterns: Patterns = ALL) -> None:
    if target is None:
        refuse_patterns("none was named", patterns)
        terminal.table("gemma10m", _program(options))
        if warning := unknown_settings():
            terminal.warn(warning)
    elif target != "-" and is_state_file(Path(target)):
        refuse_patterns(f"{target} is a saved state", patterns)
        terminal.table(f"{target}: a saved state", _state(Path(target)))
    elif not exists(target) and not _is_model(target) and (entry := find_published(target)):
        refuse_patterns(f"{target} is a model", patterns)
        what = "a published model, not downloaded" if entry.has_weights else "a configuration without published weights"
        terminal.table(f"{target}: {what}", _published(entry, options))
    elif _is_model(target):
        refuse_patterns(f"{target} is a model", patterns)
        checkpoint = open_checkpoint(model_path(ModelOptions(model=target), terminal.note))
        checkpoint = with_adapter(checkpoint, find_adapter(None, checkpoint))
        reading = _chosen(checkpoint, options)
        terminal.table(f"{target}: a model", _model(target, checkpoint, reading, options))
        for text in filter(None, (*checkpoint.notes, closed_gate_warning(read_gates(checkpoint), reading))):
            terminal.warn(text)
    else:
        refuse_states([target])
        document = _opened(terminal, target, patterns)
        terminal.table(f"{document.name}: a document", _document(document))


def _opened(terminal: Terminal, target: str, patterns: Patterns) -> Document:
    """Open the document. Raises DocumentError, which for a name without a path speaks of models, too."""
    try:
        return open_chosen(terminal, [target], patterns)
    except DocumentError as error:
        if exists(target) or "://" in target:
            raise
        hint = f"{error.hint}; for a model, give the name of a published one, or fetch it: gemma10m download ORG/NAME"
        raise DocumentError(f"{error.message}, and no model that is known has this name", hint) from error


def _is_model(target: str) -> bool:
    if target == "demo" or target in PACKAGED or find_downloaded(target) is not None:
        return True
    return target.endswith(".gguf") or os.path.isfile(os.path.join(target, "config.json"))


def _program(options: ModelOptions) -> Rows:
    default = default_model()
    downloaded = [model.name for model in list_downloaded()]
    return [
        ("version", f"{__version__}, Python {platform.python_version()}, PyTorch {torch.__version__}"),
        *_where(options),
        ("models", f"demo (in the package), {', '.join((*_packaged(), *downloaded)) or 'no others'}"),
        ("default model", _configured(default) if default else _installed_model()),
        ("configuration", f"{config_file()}{'' if config_file().exists() else ' (none)'}"),
        ("models folder", str(models_folder())),
        ("states folder", str(states_folder())),
    ]


def _configured(default: DefaultModel) -> str:
    path = os.path.expanduser(default.name)
    found = default.name == DEMO or find_packaged(default.name) or find_downloaded(default.name) or exists(path)
    return f"{default.name} ({default.set_by}){'' if found else ', not found'}"


def _installed_model() -> str:
    """Return the model that a command uses if none is named and none is configured."""
    if find_downloaded(DEFAULT_MODEL) is not None:
        return DEFAULT_MODEL
    return installed_default() or "none installed; name one with --model"


def _packaged() -> list[str]:
    return [f"{name} ({model.title}, installed)" for name, model in PACKAGED.items() if find_packaged(name)]


def _where(options: ModelOptions) -> Rows:
    device = resolve_device(options.device)
    asked = "asked for" if options.device != "auto" else "a CUDA GPU was found" if device == "cuda" else "no CUDA GPU"
    name = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    return [
        ("device", f"{device} ({name}; {asked})"),
        ("backend", _backend(device)),
    ]


def _backend(device: str) -> str:
    """Describe the backend: kernels compute on a GPU, and on every device where tests interpret them."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if ops.BACKEND != "triton":
        return "reference (plain PyTorch)"
    if device != "cuda" and not interpreted:
        return "reference (plain PyTorch: the kernels need the GPU)"
    return "triton (this program's own kernels, interpreted)" if interpreted else "triton (this program's own kernels)"


def _state(path: Path) -> Rows:
    header = read_header(path)
    read = "all of it" if header.complete else "unfinished"
    tokens = sum(source.tokens for source in header.document.sources)
    return [
        ("document", f"{header.document.name} ({format_bytes(header.document.nbytes)}, {tokens:,} tokens, {read})"),
        ("files", f"{len(header.document.sources)} read, {len(header.document.skipped)} skipped"),
        ("position", f"{header.position:,} tokens with the prompt's, {format_duration(header.seconds)} of reading"),
        ("model", f"{header.model} ({header.model_fingerprint[:12]}), {header.dtype}"),
        ("reading", _reading(header.reading)),
        ("size", f"{format_bytes(path.stat().st_size)} now, {_open_segment(header.reading, header.position)}"),
        ("written by", header.created_by),
    ]


def _open_segment(reading: ReadingConfig, position: int) -> str:
    if reading.memory == "full":
        return "and grows with each token: this memory keeps all of them"
    return f"with {position % reading.segment:,} tokens of the open segment; it is largest with {reading.segment - 1:,}"


def _document(document: Document) -> Rows:
    where, kinds = whereabouts(document), skipped_kinds(document.skipped)
    return [
        ("files", f"{len(document.files):,} to read, {len(document.skipped):,} skipped"),
        ("size", format_bytes(document.nbytes)),
        ("fingerprint", document.fingerprint[:16]),
        *(("notice", notice) for notice in document.notices),
        *(("skipped", f"{kind}, such as {where.path(kind.first)}") for kind in kinds),
        *(("skipped", line) for line in named_skips(document.skipped, where)),
    ]


def _model(target: str, checkpoint: Checkpoint, reading: ReadingConfig, options: ModelOptions) -> Rows:
    rows = [*_checkpoint(checkpoint), ("reading", _reading(reading)), *_plan(checkpoint, reading, options)]
    return [*rows, *([("note", KNOWS)] if target == "demo" else []), *_where(options)]


def _published(entry: Published, options: ModelOptions) -> Rows:
    """Describe a model that is not on this machine by the config it was published with."""
    described = parse_config(entry.config)
    config = replace(described.config, has_gates=entry.has_gates)
    without_gates = f", without its {config.layers * config.heads} memory gates" if entry.has_gates else ""
    model = PublishedModel(entry.repository, config, described.reading, entry.parameters)
    reading = _chosen(model, options)
    return [
        ("shape", _shape(config)),
        ("parameters", f"{entry.parameters:,}{without_gates}"),
        ("reading", _reading(reading)),
        *_plan(model, reading, options),
        *_where(options),
    ]


@dataclass(frozen=True)
class PublishedModel:
    name: str
    config: ModelConfig
    reading: StatedReading
    parameters: int
    added: None = None  # an adapter's memory belongs to weights

    @property
    def stored_bits(self) -> Mapping[str, int]:
        """Return nothing: which of its files would be downloaded is not known."""
        return NOTHING_STORED


def _shape(config: ModelConfig) -> str:
    if mega := config.megalodon:
        heads = f"{config.heads} heads of {config.head_size} with values of {mega.value_dim // config.heads:,}"
        averages = f"{mega.cema_ndim} complex averages a channel, {mega.norm_num_groups} norm groups"
        shape = f"{config.layers} layers of {config.hidden_size}, {heads}, {averages}"
        return f"{shape}, vocabulary {config.vocabulary:,}"
    heads = f"{config.heads} query and {config.kv_heads} K/V heads of {config.head_size}"
    windows = [spec.window for spec in config.attention if spec.window]
    local = f", {len(windows)} of them local with a window of {windows[0]:,}" if windows else ""
    return f"{config.layers} layers of {config.hidden_size}{local}, {heads}, vocabulary {config.vocabulary:,}"


def _checkpoint(checkpoint: Checkpoint) -> Rows:
    config = checkpoint.config
    gates = ", with memory gates" if config.has_gates else "" if config.megalodon else ", without memory gates"
    return [
        ("path", str(checkpoint.source.path)),
        ("architecture", config.architecture),
        ("shape", _shape(config)),
        ("parameters", f"{checkpoint.parameters:,} ({', '.join(checkpoint.dtypes)}{gates})"),
        ("fingerprint", checkpoint.fingerprint[:16]),
        *_answers(checkpoint),
    ]


def _answers(checkpoint: Checkpoint) -> Rows:
    """Tell how the model answers from passages: with its packaged adapter, or as it is instructed to."""
    adapter = find_adapter(None, checkpoint)
    if adapter is None:
        if not about_weights(checkpoint.fingerprint).reads_passages:
            return []
        return [("answers", "from searched passages, by an instruction (--read-all reads the document)")]
    rows = [
        ("adapter", f"reader: answers from passages; trained on {adapter.about.data} (--adapter none leaves it out)")
    ]
    if adapter.memory:
        rows.append(("memory", "of the adapter, used with --recall off: holds single planted facts, little else"))
    return rows


def _chosen(model: Described, options: ModelOptions) -> ReadingConfig:
    return resolve_reading(model, memory=options.memory, carry=options.carry, sinks=options.sinks, kv=options.kv)


def _reading(reading: ReadingConfig) -> str:
    if reading.memory == OWN:
        return f"a state of its own, chunks of {reading.segment:,}; it goes back to a chunk's beginning, not inside one"
    said = f"{reading.memory} memory, segment {reading.segment}, carry {reading.carry}, sinks {reading.sinks}"
    return said if reading.kv == "float" else f"{said}, keys and values in {reading.kv}"


def _plan(checkpoint: Checkpoint | PublishedModel, reading: ReadingConfig, options: ModelOptions) -> Rows:
    device = resolve_device(options.device)
    packed = packed_format(checkpoint) if isinstance(checkpoint, Checkpoint) else None
    dtype = resolve_dtype(options, device, checkpoint.parameters, packed)
    plan = memory_plan(checkpoint.config, reading, dtype, segments=1, stored=checkpoint.stored_bits)
    return [
        ("weights", _weights(plan, dtype)),
        ("state", _state_size(plan)),
        ("memory needed", _needed(plan, device)),
        ("process", _process(plan, device)),
        *fits(checkpoint.config, reading, checkpoint.stored_bits),
    ]


def _weights(plan: MemoryPlan, dtype: str) -> str:
    size = f"{format_bytes(plan.weights)} in {dtype}"
    if not plan.on_host:
        return size
    return f"{size}, {format_bytes(plan.on_host)} of it a table in main memory, of which a few rows are read at a time"


def _needed(plan: MemoryPlan, device: str) -> str:
    needed = f"about {format_bytes(plan.on_device(device))} for weights, state and one segment at a time"
    if device == "cpu" and plan.on_host:
        return f"{needed}; a GPU needs {format_bytes(plan.on_device('cuda'))} of it"
    return needed


def _state_size(plan: MemoryPlan) -> str:
    memory = plan.state - plan.keys
    if plan.state_per_token:
        return f"{format_bytes(plan.state_per_token)} a token of keys and values, without a limit"
    made_of = f"{format_bytes(plan.keys)} of keys and values"
    made_of += f", {format_bytes(memory)} of memory" if memory else ""
    return f"at most {format_bytes(plan.state)} at any length, right before a segment closes: {made_of}"


def _process(plan: MemoryPlan, device: str) -> str:
    """Return what the system will show for a command that reads; this process has loaded all but the model."""
    program = process_memory() + _BESIDE
    if device == "cuda":
        return f"about {format_bytes(program + plan.on_host)} of main memory in addition"
    return f"about {format_bytes(plan.total + program)} at its peak, {format_bytes(program)} of it the program itself"
