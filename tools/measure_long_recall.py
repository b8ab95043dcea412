"""Ask what a memory recalls behind millions of tokens: `python tools/measure_long_recall.py ADAPTER BOOK`.

The text is a book again and again. What a layer gets of a document does not depend on the memory, and no window reaches
further back than the book is long. So each segment of the second and every later round changes the memory by the same
linear map as in the second: two rounds are read, and maps are applied for the others. Once a fact has left all windows,
the text behind it has these maps as well: for each document its facts are read, and the segments that see them.
A passkey's text is the paper's sentences again and again, whatever BOOK is.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from memory_reader import reader_with_memory
from torch import Tensor

from gemma10m.bench.rows import append_rows
from gemma10m.evaluation.control import window_tokens
from gemma10m.evaluation.task import Task, make_tasks
from gemma10m.memory.added import CONTEXT_TOKENS
from gemma10m.memory.maps import applied, composed
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.saved_states import Reader
from gemma10m.tasks.case import Case
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.writer import Script, Writer
from gemma10m.terminal import Terminal
from gemma10m.training.heard_inputs import added_layers

SEED = 11
POWERS = 12  # of two: rounds that are applied at once
FORMS = ("single", "multi-key", "update")  # of needles
KINDS = (*FORMS, "passkey", "babi1")

Maps = list[Tensor]  # a layer's [A | B] (1, K, E, 2E): M becomes A M + B


@dataclass(frozen=True)
class Rounds:
    """Hold a text that repeats itself, of which two rounds were read."""

    ids: Tensor  # (S): whole segments, one round
    segments: int  # of a round
    seeing: int  # segments that may be written otherwise if a token in the first of them changes
    behind: int  # segments from a fact's on, of which the windows at their end hold nothing of it
    maps: tuple[Maps, ...]  # of each segment in both rounds
    powers: tuple[Maps, ...]  # of 1, 2, 4, ... rounds from the second on
    states: tuple[State, ...]  # before each segment of the second round

    def at(self, segment: int) -> int:
        """Return which of the segments that were read is like this one."""
        return segment if segment < self.segments else self.segments + segment % self.segments


@dataclass(frozen=True)
class Planted:
    """Hold a fact's place in a round, and how the segments that see it change the memory."""

    place: int  # its segment
    maps: Maps


def read_rounds(model: Decoder, opening: Tensor, book: Tensor) -> Rounds:
    """Read two rounds of a book, whose first tokens of all are the opening. Raises ValueError for a short one."""
    segment = model.reading.segment
    count, seeing, behind = len(book) // segment, _seeing(model), _behind(model)
    if count < 2 * behind:
        raise ValueError(f"the book has {count} segments, and {2 * behind} are needed")
    book = book[: count * segment]
    ids = torch.cat((opening, book[len(opening) :], book))
    state, maps, states = model.empty_state(), list[Maps](), list[State]()
    for part in ids.split(segment):
        if len(maps) >= count:  # of the second round, whose windows are those of every later one
            states.append(state)
        state, found = mapped(model, part, state)
        maps.append(found)
    powers = [_composed(maps[count:])]
    while len(powers) < POWERS:
        powers.append(_composed([powers[-1], powers[-1]]))
    return Rounds(book, count, seeing, behind, tuple(maps), tuple(powers), tuple(states))


def plant(model: Decoder, text: Rounds, place: int, offset: int, fact: Tensor) -> Planted:
    """Read a fact (S) that begins `offset` tokens into a segment, and what sees it."""
    segment = model.reading.segment
    ids = text.ids.repeat(2)[place * segment : (place + text.seeing) * segment].clone()
    ids[offset : offset + len(fact)] = fact
    return Planted(place, mapped(model, ids, text.states[place])[1])


def state_after(model: Decoder, text: Rounds, segments: int, facts: Iterable[tuple[int, Planted]]) -> State:
    """Return the state after so many segments, with facts in the given rounds, apart from one another."""
    memories = [torch.zeros_like(found[..., : found.shape[-2]]) for found in text.maps[0]]
    last = 0
    for number, fact in sorted(facts, key=lambda planted: (planted[0], planted[1].place)):
        first = number * text.segments + fact.place
        memories = _applied(fact.maps, _through(text, last, first, memories))
        last = first + text.seeing
    memories = _through(text, last, segments, memories)
    return _with(model, text.states[segments % text.segments], memories)


def mapped(model: Decoder, ids: Tensor, state: State) -> tuple[State, Maps]:
    """Read ids (S), whole segments; return the state after them, and how they change each layer's memory.

    Two memories are written in one reading, one that was empty and one that was the identity.
    """
    empty = [torch.zeros_like(memory[:1]) for memory in _memories(model, state)]
    both = [torch.cat((zeros, torch.eye(zeros.shape[-1]).to(zeros).expand_as(zeros))) for zeros in empty]
    _, state = model.hidden(ids.unsqueeze(0), _with(model, state, both), 0)
    found = [torch.cat((memory[1:] - memory[:1], memory[:1]), dim=-1) for memory in _memories(model, state)]
    return state, found


def _behind(model: Decoder) -> int:
    """Count the segments from a fact's on after which no window holds anything of it."""
    return max(_seeing(model), -(-window_tokens(without_memory(model))[1] // model.reading.segment) + 1)


def _seeing(model: Decoder) -> int:
    reading, last = model.reading, max(added_layers(model))
    specs = map(model.config.attention_of, range(last))
    sees = [spec.window or reading.carry + reading.segment for spec in specs]
    return -(-(sum(sees) + CONTEXT_TOKENS) // reading.segment) + 1


def _through(text: Rounds, first: int, stop: int, memories: list[Tensor]) -> list[Tensor]:
    """Return the memories after the segments from `first` to `stop`, without a fact."""
    while first < stop:
        left = (stop - first) // text.segments if first >= text.segments and first % text.segments == 0 else 0
        if left:
            power = min(left.bit_length() - 1, len(text.powers) - 1)
            memories, first = _applied(text.powers[power], memories), first + (text.segments << power)
        else:
            memories, first = _applied(text.maps[text.at(first)], memories), first + 1
    return memories


def _memories(model: Decoder, state: State) -> list[Tensor]:
    return [state.layers[number]["memory"] for number in added_layers(model)]


def _with(model: Decoder, state: State, memories: Sequence[Tensor]) -> State:
    layers = list(state.layers)
    for number, memory in zip(added_layers(model), memories, strict=True):
        layers[number] = layers[number].replace(memory=memory)
    return State(tuple(layers), state.position)


def _applied(maps: Maps, memories: list[Tensor]) -> list[Tensor]:
    return [applied(found, memory) for found, memory in zip(maps, memories, strict=True)]


def _composed(maps: Sequence[Maps]) -> Maps:
    return [composed(torch.stack(layer)) for layer in zip(*maps, strict=True)]


def draw_places(text: Rounds, count: int, draw: random.Random) -> list[int]:
    """Return places in a round, in order: what sees one fact has no other, and no window at a text's end sees one."""
    apart = text.seeing - 1  # segments between two facts, at the least
    free = range(text.seeing, text.segments - text.behind - apart * (count - 1))
    return [place + apart * number for number, place in enumerate(sorted(draw.sample(free, count)))]


def draw_facts(reader: Reader, case: Case, text: Rounds, draw: random.Random) -> list[Planted]:
    """Plant the case's facts anywhere in a round, in the order that their case has them in."""
    found = []
    for place, fact in zip(draw_places(text, len(case.facts), draw), case.facts, strict=True):
        ids = torch.tensor(reader.tokenizer.encode(f" {fact.text}"))
        offset = draw.randrange(reader.model.reading.segment - len(ids))
        found.append(plant(reader.model, text, place, offset, ids))
    return found


def draw_rounds(facts: Sequence[Planted], rounds: int, draw: random.Random) -> list[tuple[int, Planted]]:
    """Return each fact with a round for it; they stay in order, as a value that changes and a story need it."""
    return list(zip(sorted(draw.randrange(rounds) for _ in facts), facts, strict=True))


def is_right(model: Decoder, state: State, script: Script) -> bool:
    """Tell if every token of the script's answer is the likeliest one behind the state and the question."""
    ids = script.cut(len(script) - script.closing, len(script))
    (answer,) = script.answers
    count = answer.stop - answer.start
    hidden, _ = model.hidden(ids[:-1].unsqueeze(0), state, len(ids) - 1)
    return bool((model.head(hidden[0, -count:]).argmax(-1) == ids[-count:].to(hidden.device)).all())


def read_haystack(model: Decoder, opening: Tensor, haystack: Tensor) -> Rounds:
    """Read two rounds of a haystack; one that is shorter than a segment is a round again and again."""
    segment = model.reading.segment
    if len(haystack) < segment:
        period = math.lcm(len(haystack), segment)
        rounds = -(-4 * _behind(model) * segment // period)  # facts are planted between the ends of two windows
        haystack = haystack.repeat(rounds * period // len(haystack))
    return read_rounds(model, opening, haystack)


@torch.inference_mode()
def measured(reader: Reader, book: Prose, wanted: argparse.Namespace, terminal: Terminal) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of question and length; each document's facts are read once for all lengths."""
    segment, writer = reader.model.reading.segment, Writer(reader.tokenizer, [book])
    texts: dict[str | None, Rounds] = {}
    for task in map(task_of, wanted.form, [wanted.unseen] * len(wanted.form)):
        right = dict.fromkeys(wanted.length, 0)
        for number in range(wanted.n):
            draw = random.Random(f"{SEED} {task.label} {number}")
            case = task.draw(draw, 0.5)
            if task.form == "multi-key":  # the fact that is asked for is drawn first
                case = replace(case, facts=tuple(draw.sample(case.facts, len(case.facts))))
            script = writer.script(case, writer.least(case), draw)
            if case.haystack not in texts:
                opening, haystack = script.cut(0, len(script.parts[0])), writer.haystack(case, draw).ids
                texts[case.haystack] = read_haystack(reader.model, opening, haystack)
            text = texts[case.haystack]
            facts = draw_facts(reader, case, text, draw)
            for length in wanted.length:
                segments = length // segment
                placed = draw_rounds(facts, max(1, (segments - text.behind) // text.segments), draw)
                right[length] += is_right(reader.model, state_after(reader.model, text, segments, placed), script)
            terminal.note(f"{task.label}: {right} of {number + 1}")
        for length in wanted.length:
            yield {"label": task.label, "tokens": length, "depth": "any", "n": wanted.n, "right": right[length]}


def task_of(kind: str, unseen: bool) -> Task:
    name, form = ("needle", kind) if kind in FORMS else (kind, None)
    (task,) = make_tasks([name], form, None, None, unseen)
    return task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("adapter", type=Path)
    parser.add_argument("book", type=Path)
    parser.add_argument("-m", "--model", default="small")
    parser.add_argument("--length", nargs="+", type=int, default=[131072, 1048576, 10485760], help="tokens")
    parser.add_argument("--form", nargs="+", choices=KINDS, default=["single"])
    parser.add_argument("--unseen", action="store_true")
    parser.add_argument("-n", type=int, default=20, help="documents")
    parser.add_argument("--results", type=Path)
    wanted = parser.parse_args()
    terminal = Terminal()
    reader = reader_with_memory(terminal, wanted.model, wanted.adapter)
    book = Prose.of(reader.tokenizer, wanted.book.read_text(encoding="utf-8"))
    if (shortest := min(wanted.length)) < len(book.ids) + reader.model.reading.segment:
        parser.error(f"--length {shortest} is less than the book")
    lengths, unseen = " ".join(map(str, wanted.length)), " --unseen" if wanted.unseen else ""
    command = (
        f"tools/measure_long_recall.py {wanted.adapter.name} {wanted.book.name} --length {lengths} "
        f"--form {' '.join(wanted.form)}{unseen} -n {wanted.n}"
    )
    about = {"model": wanted.model, "memory": "added", "model_fingerprint": reader.model.fingerprint}
    for row in measured(reader, book, wanted, terminal):
        terminal.line(json.dumps(row))
        if wanted.results:
            append_rows(wanted.results, "long recall", command, [about | row])


if __name__ == "__main__":
    main()
