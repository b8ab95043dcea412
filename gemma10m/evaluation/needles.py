"""Read documents side by side and see which answers greedy decoding gets right, the stop after them included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.reading.stretch import stretch_tokens
from gemma10m.tasks.writer import Script

COMPARED = 1 << 16  # tokens of each document that are compared at a time


@dataclass(frozen=True)
class ChunkRead:
    """Count what has just gone through the model."""

    read: int  # tokens
    documents: int  # how many documents each of them is a part of
    state_bytes: int  # of all documents together


Tick = Callable[[ChunkRead], None]
ReadDocuments = Callable[[Decoder, Sequence[Script], int, Tick], tuple[State, int]]


@dataclass(frozen=True)
class Answers:
    right: tuple[bool, ...]
    read: int  # tokens that went through the model
    state_bytes: int  # of one document, at the start of the question's segment


def answer(model: Decoder, scripts: Sequence[Script], tick: Tick, read_documents: ReadDocuments) -> Answers:
    """Answer one question per document; all have one length, and their common beginning is read once.

    Teacher forcing: an answer is right when each of its ids is the likeliest after the ones before it, which is when
    greedy decoding gives it.
    """
    first, asked = questions_begin(model, scripts), min(map(question_begins, scripts))
    with torch.inference_mode():
        closed, read = read_documents(model, scripts, first, tick)
        state = closed
        if asked > first:  # without logits, as `ask` reads a document's end: tokens with logits also read some memories
            _, state = model(_ids(scripts, first, asked), closed, logits="none")
        tail = _ids(scripts, asked, len(scripts[0]))  # (B, S)
        hidden, _ = model.hidden(tail[:, :-1], state, tail.shape[1] - 1)  # (B, S - 1, D)
        right = tuple(_is_right(model, *row, asked) for row in zip(hidden, tail, scripts, strict=True))
    read += len(scripts) * (len(scripts[0]) - first)
    return Answers(right, read, closed.nbytes // len(scripts))


def questions_begin(model: Decoder, scripts: Sequence[Script]) -> int:
    """Return the last start of a segment before any of the questions."""
    segment = model.reading.segment
    return min(map(question_begins, scripts)) // segment * segment


def question_begins(script: Script) -> int:
    """Return the first token that is not the document's."""
    before_answer: int = script.answers[0].start - 1
    return min(len(script) - script.closing, before_answer)


def read_side_by_side(model: Decoder, scripts: Sequence[Script], stop: int, tick: Tick) -> tuple[State, int]:
    """Return all documents' state after `stop` tokens, whole segments, and how many went through the model."""
    shared = common_prefix(scripts, stop) // model.reading.segment * model.reading.segment
    state = _read(model, model.empty_state(), scripts[:1], range(shared), len(scripts), tick)
    state = _read(model, _widened(state, len(scripts)), scripts, range(shared, stop), 1, tick)
    return state, shared + len(scripts) * (stop - shared)


def common_prefix(scripts: Sequence[Script], stop: int) -> int:
    """Return how many ids, up to `stop`, all the documents have in common at their beginning."""
    for start in range(0, stop, COMPARED):
        ids = _ids(scripts, start, min(start + COMPARED, stop))  # (B, S)
        differ = (ids != ids[:1]).any(0).nonzero()
        if differ.numel():
            return start + int(differ[0])
    return stop


def _read(model: Decoder, state: State, scripts: Sequence[Script], span: range, documents: int, tick: Tick) -> State:
    stretch = stretch_tokens(model, len(scripts))
    for start in span[::stretch]:
        ids = _ids(scripts, start, min(start + stretch, span.stop))  # (B, S)
        _, state = model(ids, state, logits="none")
        tick(ChunkRead(ids.numel(), documents, state.nbytes))
    return state


def _ids(scripts: Sequence[Script], first: int, stop: int) -> Tensor:
    return torch.stack([script.cut(first, stop) for script in scripts])  # (B, S)


def _widened(state: State, rows: int) -> State:
    """Repeat one document's state for each of `rows` documents that continue from it."""
    return state.map(lambda tensor: tensor.expand(rows, *tensor.shape[1:]).contiguous())


def _is_right(model: Decoder, hidden: Tensor, ids: Tensor, script: Script, first: int) -> bool:
    """Tell if every answer id is the likeliest. hidden (S - 1, D), ids (S) from the token `first` on."""
    start, stop = script.answers[0].start - first, script.answers[0].stop - first
    guessed = model.head(hidden[start - 1 : stop - 1]).argmax(-1).cpu()  # (answer)
    return torch.equal(guessed, ids[start:stop])
