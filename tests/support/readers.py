"""A tiny model with every memory and its own tokenizer, small documents, and what was fed to the model."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from checkpoints import gemma_shapes, random_tensors, tiny_config, write_checkpoint
from tokenizer_fixtures import train_sentencepiece

from gemma10m.adapters.about import AboutAnswers
from gemma10m.adapters.added_memory import write_added_memory
from gemma10m.adapters.peft_folder import ABOUT
from gemma10m.config import MEMORY_KINDS, ReadingConfig
from gemma10m.documents import Document, open_source
from gemma10m.library.read_source import ReadSource, read_document
from gemma10m.library.sources import open_document
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.reading import Bookmark, Step, pace, read_steps
from gemma10m.saved_states import Reader, read_and_save
from gemma10m.strict_json import canonical_json
from gemma10m.terminal import Terminal
from gemma10m.tokens import load_tokenizer
from gemma10m.tokens.prompt import Prompt
from gemma10m.training.added_start import untrained_memory
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import load_model

KINDS = MEMORY_KINDS
SEGMENT = 16
SENTENCE = "It is a truth universally acknowledged, that a single man must be in want of 48213 café 汉.\n"
TEXT = SENTENCE * 12


@cache
def workshop() -> Path:
    """Return a folder of this process's own."""
    folder = Path(tempfile.mkdtemp(prefix="gemma10m-tests-"))
    atexit.register(shutil.rmtree, folder)
    return folder


@cache
def checkpoint(seed: int = 0, turns: bool = True, vectors: bool = False, gates: bool = True) -> Path:
    """Random weights, open gates, write gates or state vectors; its vocabulary is padded beyond the tokenizer's."""
    folder = workshop() / f"model-{seed}-{turns}-{vectors}-{gates}"
    train_sentencepiece(folder, turns=turns)
    config = tiny_config(layers=3, vocabulary=1040, segment_size=SEGMENT, memory="gated" if gates else "window")
    shapes = gemma_shapes(config, gates=gates, write_gates=gates and not vectors, state_vectors=vectors)
    tensors = random_tensors(shapes, seed=seed)
    for name, tensor in tensors.items():
        if "o_proj" in name or "down_proj" in name:
            tensor *= 6.0  # weaker layers let the embedding through, and every answer repeats one word
    return write_checkpoint(folder, config, tensors)


@cache
def memory_adapter(base: Path) -> Path:
    """Return an adapter of the checkpoint whose memory holds random numbers."""
    folder = base.with_name(f"{base.name}-memory")
    folder.mkdir()
    return write_memory(base, folder)


def write_memory(base: Path, folder: Path) -> Path:
    """Write an adapter for the checkpoint whose memory holds random numbers, and return the folder."""
    opened = open_checkpoint(base)
    reading = ReadingConfig("added", segment=SEGMENT, carry=SEGMENT, sinks=4)
    memory = untrained_memory(opened.config, reading, 3, seed=0)
    shapes = {name: tuple(tensor.shape) for name, tensor in memory.tensors.items()}
    write_added_memory(folder, replace(memory, tensors=random_tensors(shapes, seed=1)))
    (folder / ABOUT).write_text(canonical_json(AboutAnswers(opened.fingerprint)))
    return folder


@cache
def reader(
    kind: str = "gated", *, carry: int = SEGMENT, seed: int = 0, turns: bool = True, dtype: str = "float32"
) -> Reader:
    folder = checkpoint(seed, turns, kind == "state-vector")
    window = {"carry": 0, "sinks": 0} if kind == "full" else {"carry": carry, "sinks": 4}
    narrow = "float32" if dtype == "float64" else dtype
    adapter = memory_adapter(folder) if kind == "added" else "none"
    model = load_model(folder, dtype=narrow, memory=kind, segment=SEGMENT, adapter=adapter, **window)
    return Reader(model.double() if dtype == "float64" else model, load_tokenizer(folder))


def document(text: str | bytes, name: str = "book.txt") -> Document:
    """Write a file that holds `text`; the next call with the same name overwrites it."""
    path = workshop() / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_source(path)


def opening(reader: Reader) -> list[int]:
    return Prompt(reader.tokenizer).opening()


def document_ids(reader: Reader, text: str) -> list[int]:
    """Return what the model should be fed for a document of one file."""
    return opening(reader) + reader.tokenizer.encode(text)


@contextmanager
def fed_ids(model: Decoder) -> Iterator[list[int]]:
    """Return every id of every call, in order."""
    ids: list[int] = []
    hook = model.register_forward_pre_hook(lambda _, arguments: ids.extend(arguments[0][0].tolist()))
    try:
        yield ids
    finally:
        hook.remove()


@contextmanager
def stretch_of(tokens: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "stretch_tokens", lambda _: tokens)
        yield


def read_all(reader: Reader, document: Document, start: Bookmark | None = None) -> list[Step]:
    """Read every token, also those that no answer depends on."""
    return list(read_steps(reader.model, reader.tokenizer, document, start, read_all=True))


def read_tail(reader: Reader, document: Document, start: Bookmark | None = None) -> list[Step]:
    return list(read_steps(reader.model, reader.tokenizer, document, start))


def read_text(reader: Reader, text: str) -> State:
    return read_all(reader, document(text))[-1].bookmark.state


def read_book(tiny: Reader, book: Path, output: Path | None = None) -> tuple[ReadSource, list[int]]:
    """Return what a command gets, and the ids it had to compute."""
    terminal = Terminal()
    with fed_ids(tiny.model) as fed:
        source = read_document(terminal, tiny, open_document(terminal, [str(book)]), output)
    return source, fed


def read_partly(tiny: Reader, book: Path, path: Path, steps: int = 3) -> Document:
    document, calls = open_source(book), iter(range(1, 1000))
    with stretch_of(SEGMENT):
        for _ in read_and_save(tiny, document, path, None, lambda: next(calls) == steps):
            pass
    return document


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 0x10
    path.write_bytes(content)


def assert_close(found: State, expected: State, tolerance: float = 1e-10) -> None:
    """Same position, names, shapes and dtypes; numbers within `tolerance`, relative for those above 1."""
    assert found.position == expected.position
    for mine, theirs in zip(found.layers, expected.layers, strict=True):
        tensors = dict(mine.tensors())
        assert tensors.keys() == dict(theirs.tensors()).keys()
        for name, tensor in theirs.tensors():
            torch.testing.assert_close(tensors[name], tensor, rtol=tolerance, atol=tolerance, msg=partial(_named, name))


def _named(name: str, message: str) -> str:
    return f"{name}: {message}"
