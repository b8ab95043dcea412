"""Choose and load a model and its tokenizer by the model options of a command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch

from gemma10m.adapters.about import AboutAnswers
from gemma10m.adapters.peft_folder import Adapter
from gemma10m.config import FORMATS, KV_FORMATS, MEMORY_KINDS, ModelConfig, ReadingConfig
from gemma10m.errors import ModelError, UsageError
from gemma10m.folders import config_file
from gemma10m.library.defaults import VARIABLE, default_model, unknown_settings
from gemma10m.library.listening import Listener
from gemma10m.library.number_format import fitting_format, free_memory, machine_memory
from gemma10m.memory import KINDS
from gemma10m.models.decoder import Decoder
from gemma10m.passages.retrieve import default_budget, has_room_for_passages
from gemma10m.ranks.group import Ranks
from gemma10m.saved_states import Reader
from gemma10m.tokens import Tokenizer, gguf_tokenizer, load_tokenizer
from gemma10m.weights.adapting import find_adapter, with_adapter
from gemma10m.weights.checkpoint import Checkpoint, open_checkpoint
from gemma10m.weights.downloads import DEFAULT_MODEL, find_downloaded
from gemma10m.weights.loading import gpu_dtype, load_checkpoint, multiplies_packed, resolve_device, resolve_model
from gemma10m.weights.options import closed_gate_warning, resolve_reading
from gemma10m.weights.packaged import about_weights, find_packaged
from gemma10m.weights.packed_copy import copy_path
from gemma10m.weights.plan import memory_plan
from gemma10m.weights.sources.gguf import GgufSource
from gemma10m.weights.tensors import packed_format

# On a CPU, bytes of float32 weights up to which float32 is worth its memory: always, and where bfloat16 is emulated.
TINY_WEIGHTS = 1 << 28
SMALL_WEIGHTS = 1 << 30

BYTES_A_TOKEN = 3  # fewer than any model's tokens have in prose: a document is not taken for shorter than it is


@dataclass(frozen=True)
class ModelOptions:
    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    memory: str | None = None
    carry: int | None = None
    sinks: int | None = None
    read_all: bool = False
    adapter: str | None = None  # a folder, "none", or None for the one that ships with the model
    kv: str | None = None  # how kept keys and values are stored; None: as they are, or as a saved state has them

    def __post_init__(self) -> None:
        """Refuse unknown formats and kinds. Raises UsageError."""
        if self.dtype not in ("auto", *FORMATS):
            raise UsageError(f"dtype must be {', '.join(FORMATS)} or auto, found {self.dtype!r}")
        for name, value, known in (("memory", self.memory, MEMORY_KINDS), ("kv", self.kv, KV_FORMATS)):
            if value not in (None, *known):
                raise UsageError(f"{name} must be one of {', '.join(known)}, found {value!r}")


def model_path(options: ModelOptions, tell: Callable[[str], None]) -> Path:
    """Return the named model's path, else the user's default, else the default download, else a packaged model.

    `tell` gets a sentence for the user. Raises ModelError if no model can be found.
    """
    if options.model:
        return resolve_model(options.model, tell)
    if default := default_model():
        try:
            return resolve_model(default.name, tell)
        except ModelError as error:
            message = f"{error.message}; {default.set_by} names it as the default model"
            raise ModelError(message, error.hint) from error
    folder = find_downloaded(DEFAULT_MODEL)
    if folder is not None:
        return folder
    if (installed := installed_default()) is None:
        raise ModelError(
            f"no model was named, {DEFAULT_MODEL} is not downloaded and no packaged model is installed",
            hint="run `pip install 'gemma10m[large]'`, or [small] on a small machine, or `gemma10m download`, or name "
            f"one you have: --model, {VARIABLE}, or model in {config_file()}; demo knows only planted sentences",
        )
    return resolve_model(installed, tell)


def installed_default() -> str | None:
    """Return the name of the packaged model that is used where none is named: the largest that is installed."""
    return next((name for name in ("large", "small") if find_packaged(name)), None)


def named_model(options: ModelOptions) -> str | None:
    """Return the model that the user named: for this run, or as the default."""
    default = None if options.model else default_model()
    return default.name if default else options.model


def resolve_dtype(options: ModelOptions, device: str, parameters: int, packed: str | None = None) -> str:
    """Return the user's dtype, else bfloat16; float32 for a small model on a CPU, and on a GPU without bfloat16.

    packed: the format that the file has, which is kept where the CPU has a kernel for it.
    """
    if options.dtype != "auto":
        return options.dtype
    if device == "cuda":
        return gpu_dtype()
    is_fast = has_fast_bfloat16()
    if packed and is_fast and multiplies_packed():
        return packed
    return "float32" if 4 * parameters <= (TINY_WEIGHTS if is_fast else SMALL_WEIGHTS) else "bfloat16"


def has_fast_bfloat16() -> bool:
    """Tell if this CPU multiplies bfloat16 in hardware (AVX512-BF16, AMX, ARM's BF16); others emulate it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    lines = (line for line in text.splitlines() if line.lower().startswith(("flags", "features")))
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(next(lines, "").split())


@dataclass(frozen=True)
class ChosenModel:
    """Describe a model that was found, before its weights are loaded."""

    name: str
    path: Path
    checkpoint: Checkpoint
    device: str
    dtype: str
    adapter: Adapter | None

    @property
    def about(self) -> AboutAnswers:
        """Return how answers come from passages: as the adapter was trained to, or as fits a packaged model."""
        return self.adapter.about if self.adapter else about_weights(self.checkpoint.fingerprint)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer, which is loaded once. Raises ModelError."""
        source = self.checkpoint.source
        return gguf_tokenizer(source.metadata) if isinstance(source, GgufSource) else load_tokenizer(self.path)

    @property
    def is_instructed(self) -> bool:
        """Tell if questions come with an instruction, as they do for a chat model that has no training for passages."""
        return self.tokenizer.turns is not None and not (self.adapter and self.adapter.about.reads_passages)

    def searches(self, nbytes: int) -> bool:
        """Tell if a document of `nbytes` is searched and not read, unless the model has a memory.

        What a chat model without one would read of a document that is longer than its context is its end.
        """
        return self.about.reads_passages or (_is_longer(nbytes, self.checkpoint.config) and self.is_instructed)


def choose_model(listener: Listener, options: ModelOptions, trains: bool = False) -> ChosenModel:
    """Find the model, and a number format that fits the free memory if the user names none and it is not trained.

    Raises ModelError if no model can be found, UsageError for a device that does not exist.
    """
    if options.model is None and (warning := unknown_settings()):
        listener.warn(warning)
    path = model_path(options, listener.note)
    device, checkpoint = resolve_device(options.device), open_checkpoint(path)
    name = named_model(options) or (
        DEFAULT_MODEL if path == find_downloaded(DEFAULT_MODEL) else installed_default() or ""
    )
    adapter = find_adapter(options.adapter, checkpoint)
    checkpoint = with_adapter(checkpoint, adapter)
    packed = None if trains else packed_format(checkpoint)
    dtype = resolve_dtype(options, device, checkpoint.parameters, packed)
    if options.dtype == "auto" and not trains:
        reading = resolve_reading(checkpoint, memory=options.memory, carry=options.carry, sinks=options.sinks)
        dtype = fitting_format(listener, checkpoint, reading, device, dtype, free_memory(device))
    return ChosenModel(name, path, checkpoint, device, dtype, adapter)


def load_chosen(
    listener: Listener, chosen: ChosenModel, reading: ReadingConfig, read_all: bool, trains: bool = False
) -> Reader:
    """Load the weights and the tokenizer. Raises ModelError if they do not belong together."""
    copy = copy_path(chosen.checkpoint, chosen.adapter, chosen.device, chosen.dtype)
    if copy and not copy.exists():
        listener.note(f"{chosen.name}: its weights are packed, and kept in {copy} if the disk has room")
    with ThreadPoolExecutor(1) as beside:  # weights are read outside of Python, which the tokenizer needs
        made = beside.submit(lambda: chosen.tokenizer)
        model = load_checkpoint(chosen.checkpoint, reading, chosen.device, chosen.dtype, chosen.adapter, trains)
    model.name, tokenizer = chosen.name, made.result()
    for warning in (*model.warnings, *tokenizer.warnings):
        listener.warn(warning)
    if tokenizer.vocabulary > model.config.vocabulary:
        raise ModelError(
            f"the tokenizer of {model.name} has {tokenizer.vocabulary} pieces, but its model has a vocabulary of "
            f"{model.config.vocabulary}",
            hint="download the model again: its files belong to different models",
        )
    return Reader(model, tokenizer, read_all, chosen.about, chosen.is_instructed and _has_room(reading))


def given_reader(model: Decoder, tokenizer: Tokenizer, read_all: bool, ranks: Ranks | None) -> Reader:
    """Return a loaded model as it is asked. Of an adapter that was merged into it nothing is known."""
    is_instructed = tokenizer.turns is not None and _has_room(model.reading)
    return Reader(model, tokenizer, read_all, about_weights(model.fingerprint), is_instructed, ranks)


def given_searches(reader: Reader, nbytes: int) -> bool:
    """Tell of a loaded model what `ChosenModel.searches` tells of a chosen one."""
    return reader.about.reads_passages or (reader.is_instructed and _is_longer(nbytes, reader.model.config))


def _has_room(reading: ReadingConfig) -> bool:
    """Tell if an instruction fits. The demo's few sentences leave no room, and it was trained to do without."""
    return has_room_for_passages(default_budget(reading))


def _is_longer(nbytes: int, config: ModelConfig) -> bool:
    return nbytes // BYTES_A_TOKEN > config.context


def load_reader(listener: Listener, options: ModelOptions) -> Reader:
    """Load the model and its tokenizer, for documents of unknown length."""
    chosen = choose_model(listener, options)
    return load_chosen(listener, chosen, choose_reading(listener, options, chosen, 0), options.read_all)


def choose_reading(
    listener: Listener, options: ModelOptions, chosen: ChosenModel, nbytes: int, state_alone: bool = False
) -> ReadingConfig:
    """Return the reading that the user's options ask for, else the checkpoint's, else one by length and memory.

    A model with local layers reads exactly a document that fits its context and the memory; of a longer one a note
    says what it sees. state_alone: answers come from the state alone: an adapter's memory is used where that is longer.
    """
    checkpoint, tokens = chosen.checkpoint, nbytes // BYTES_A_TOKEN
    choose = partial(
        resolve_reading, checkpoint, memory=options.memory, carry=options.carry, sinks=options.sinks, kv=options.kv
    )
    reading, is_local = choose(tokens=tokens), any(spec.window for spec in checkpoint.config.attention)
    has_memory = state_alone and checkpoint.added is not None and options.memory is None
    if options.carry is not None or KINDS[reading.memory].remembers or not (is_local or has_memory):
        return reading
    if not tokens or (why := _why_bounded(chosen, reading, tokens)) is None:
        return reading
    if has_memory:
        listener.note(f"the document {why}: the adapter's memory holds what has left the window")
        return resolve_reading(checkpoint, memory="added", sinks=options.sinks, kv=options.kv)
    reading = choose(tokens=checkpoint.config.context + 1)
    seen = reading.carry + reading.segment
    listener.note(f"the document {why}: global layers see only its first {reading.sinks} and last {seen:,} tokens")
    return reading


def _why_bounded(chosen: ChosenModel, reading: ReadingConfig, tokens: int) -> str | None:
    """Return why a document of so many tokens cannot be seen as a whole, or None."""
    config = chosen.checkpoint.config
    if tokens > config.context:
        return f"is longer than the {config.context:,} tokens of the model's training"
    plan = memory_plan(config, reading, chosen.dtype, 1, tokens, chosen.checkpoint.stored_bits)
    # Of the machine, not what is free just now: the next run must find the state that this one leaves.
    size = memory_size(chosen.device)
    return "needs too much memory" if size is not None and plan.on_device(chosen.device) > 0.8 * size else None


def memory_size(device: str) -> int | None:
    """Return the bytes of the GPU's or the machine's memory, or None if the system does not tell."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[1]
    return machine_memory("MemTotal")


def remembers(model: Decoder) -> bool:
    """Tell if the model can answer about tokens that have left its window."""
    gates = [weight for name, weight in model.named_parameters() if name.endswith("self_attn.gate")]
    return KINDS[model.reading.memory].remembers and closed_gate_warning(gates or None, model.reading) is None


def may_search(reader: Reader) -> bool:
    """Tell if the model answers from passages, and would remember nothing that has left its window."""
    answers = reader.about.reads_passages or reader.is_instructed
    return answers and not reader.read_all and not remembers(reader.model)


def go_offline() -> None:
    """Forbid the hub's library to use the network; it reads its environment when it is imported."""
    os.environ["HF_HUB_OFFLINE"] = "1"
