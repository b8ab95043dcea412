"""Test what an added memory is trained on: gradients through the writes, prose in between, and what is asked."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from models import tiny_model
from torch import Tensor
from training_runs import SEGMENT, TEXT, gradients, small_recipe, tokenizer

from gemma10m import ops
from gemma10m.adapters.added_memory import PART
from gemma10m.memory.added import CONTEXT, CONTEXT_TOKENS
from gemma10m.memory.state import State
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.models.added_projections import Writes
from gemma10m.models.decoder import Decoder
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.writer import Writer
from gemma10m.training import trainer as trainer_module
from gemma10m.training.addresses import gather
from gemma10m.training.asked_again import AGAIN, ROWS, AskedAgain, Windows, draw_again, read_windows
from gemma10m.training.heard_inputs import added_layers, read_and_hear
from gemma10m.training.memory_trainer import MemoryTrainer
from gemma10m.training.parameters import select_trained
from gemma10m.training.plain_segments import PlainSegments, draw_prose, read_plain
from gemma10m.training.recall_backprop import again_backward, recall_backward
from gemma10m.training.recall_batch import RecallBatch, draw_recall_batch
from gemma10m.training.recipe import Recipe, Stage


def model(dtype: torch.dtype = torch.float64) -> Decoder:
    found = tiny_model("added", segment=SEGMENT, carry=SEGMENT, sinks=2, dtype=dtype, vocabulary=tokenizer().vocabulary)
    select_trained(found, "memory")
    return found


def writer() -> Writer:
    return Writer(tokenizer(), [Prose.of(tokenizer(), TEXT)])


def opening() -> list[int]:
    return writer().prompt.opening()


def recipe(**changes: object) -> Recipe:
    said = {"memory": "added", "train": "memory", "lm_weight": 0.0, "tasks": {"needle": 1}, "lm_stride": 2, "plain": 4}
    return small_recipe(**(said | {"facts": 2, "questions": 2} | changes))


def batch(wanted: Recipe, step: int = 0, virtual: int = 0, length: int = 96) -> RecallBatch:
    return draw_recall_batch(writer(), wanted, Stage(length, 1000, virtual=virtual), step, model().reading)


def answer_loss(read: Decoder, drawn: RecallBatch, state: State | None = None) -> Tensor:
    """Compute the loss of the answers after a state, or after the document read with gradients."""
    ids = drawn.ids
    if state is None:
        _, state = read.hidden(ids[:, : drawn.read], read.empty_state(len(ids)), 0)
    hidden, _ = read.hidden(ids[:, drawn.read : -1], state, ids.shape[1] - drawn.read - 1)
    answers = drawn.answers[:, drawn.read + 1 :]
    return F.cross_entropy(read.head(hidden[answers]), ids[:, drawn.read + 1 :][answers])


def test_gradients_are_those_of_the_whole_document() -> None:
    """The oracle reads with gradients from the first token on."""
    drawn, wanted, mine, oracle = batch(recipe()), recipe(kl_weight=0.0), model(), model()
    losses = recall_backward(mine, drawn, None, wanted, random.Random(0))
    loss = answer_loss(oracle, drawn)
    loss.backward()
    assert losses.answer == pytest.approx(loss.item(), rel=1e-10)
    assert losses.teacher is None
    found, expected = gradients(mine), gradients(oracle)
    assert found.keys() == expected.keys()
    assert all(PART in name for name in found)
    assert any(bool(gradient.any()) for gradient in found.values())
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-8, atol=1e-10)


def written_to(memory: Tensor, writes: Writes) -> Tensor:
    """Write tokens one by one: M <- M + b k (v - k M)."""
    parts = ops.unit(writes.keys).unbind(2), writes.values.unbind(2), writes.gates.unbind(2)
    for unit, value, gate in zip(*parts, strict=True):
        key = unit.unsqueeze(-1)  # (B, K, E, 1)
        memory = memory + gate[..., None, None] * key @ (value.unsqueeze(-2) - key.mT @ memory)
    return memory


@pytest.mark.parametrize("times", [1, 3])
def test_an_interlude_is_what_reading_its_segments_so_often_would_write(times: int) -> None:
    mine, wanted = model(), recipe(kl_weight=0.0, plain_together=1)
    drawn = batch(wanted)
    drawn = replace(drawn, times=torch.full_like(drawn.times, times))
    plain = PlainSegments(next(read_plain(mine, writer().prose, opening(), 1, seed=3))[:, :1])
    losses = recall_backward(mine, drawn, plain, wanted, random.Random(0))
    state, heard = read_and_hear(mine, drawn.ids[:, : drawn.read])
    layers = list(state.layers)
    for place, (number, layer) in enumerate(added_layers(mine).items()):
        memory = torch.zeros_like(state.layers[number]["memory"])
        written = layer.written(heard[place])
        between = layer.written(plain.inputs[place].expand(len(drawn.ids), -1, -1))
        for parts in zip(*(part.split(SEGMENT, dim=2) for part in written), strict=True):
            for writes in (Writes(*parts), *[between] * 2 ** (times - 1)):
                memory = written_to(memory, writes)
        layers[number] = layers[number].replace(memory=memory)
    expected = answer_loss(mine, drawn, State(tuple(layers), state.position))
    assert losses.answer == pytest.approx(expected.item(), rel=1e-9)
    assert losses.answer != pytest.approx(answer_loss(mine, drawn).item(), rel=1e-6)


def test_prose_is_held_to_what_an_empty_memory_says() -> None:
    drawn, wanted, mine = batch(recipe()), recipe(), model()
    losses = recall_backward(mine, drawn, None, wanted, random.Random(0))
    assert losses.teacher is not None
    assert losses.teacher > 0
    shut = model()
    for name, parameter in shut.named_parameters():
        if ".read_gate." in name:
            parameter.data.zero_()
    again = recall_backward(shut, drawn, None, wanted, random.Random(0)).teacher
    assert again == pytest.approx(0, abs=1e-15)  # the empty memory was asked about fewer tokens at once


def test_questions_asked_again_are_answered_from_all_documents_of_their_row() -> None:
    """The oracle writes document after document, token by token, and asks one row at a time."""
    mine, wanted = model(), recipe(kl_weight=0.0, addressed=3, plain_together=1)
    documents = [each for each in gather(mine, writer(), wanted, 3) if each.targets]
    asked = next(
        again
        for again in (draw_again(documents, wanted, Stage(96, 1000, virtual=2), step, SEGMENT) for step in range(99))
        if len(again.documents) == 3 * ROWS
    )
    plain = PlainSegments(next(read_plain(mine, writer().prose, opening(), 1, seed=3))[:, :1])
    windows = read_windows(mine, writer().prose, opening(), seed=0)
    losses = again_backward(mine, asked, windows, plain, wanted, random.Random(0))
    total = 0.0
    for row in range(ROWS):
        state = oracle_state(mine, windows, int(asked.windows[row]))
        for place, (number, layer) in enumerate(added_layers(mine).items()):
            memory = torch.zeros_like(state.layers[number]["memory"])
            for writes in row_writes(layer, asked, row, place, plain):
                memory = written_to(memory, writes)
            state = with_memory(state, number, memory)
        one = replace(asked.batch, ids=asked.batch.ids[row : row + 1], answers=asked.batch.answers[row : row + 1])
        total += answer_loss(mine, one, state).item() * int(one.answers[:, 1:].sum())
    assert losses.answer == pytest.approx(total / int(asked.batch.answers[:, 1:].sum()), rel=1e-9)
    assert losses.right[AGAIN][1] == sum(len(turns) for _, turns in asked.batch.turns) > ROWS


def row_writes(
    layer: AddedMemoryAttention, asked: AskedAgain, row: int, place: int, plain: PlainSegments
) -> Iterator[Writes]:
    """Yield what a row's documents and the prose between their segments write to a layer's memory, in order."""
    between, times = layer.written(plain.inputs[place]), asked.batch.times[row].unflatten(0, (3, -1)).tolist()
    for document, often in zip(asked.documents[3 * row : 3 * row + 3], times, strict=True):
        parts = [part.split(SEGMENT, dim=2) for part in layer.written(document.inputs[place].unsqueeze(0))]
        for segment, count in enumerate(often):  # a short document has fewer segments than the longest
            if segment < len(parts[0]):
                yield Writes(*(part[segment] for part in parts))
            yield from [between] * (2 ** (count - 1) if count else 0)


def oracle_state(read: Decoder, windows: Windows, row: int) -> State:
    """Return one window's state; its context is made of what the layers got of its last tokens."""
    state = windows.state.map(lambda tensor: tensor[row : row + 1])
    for place, (number, layer) in enumerate(added_layers(read).items()):
        context = layer.first_context(windows.heard[place, row : row + 1])[:, :, -CONTEXT_TOKENS:]
        layers = list(state.layers)
        layers[number] = layers[number].replace(**{CONTEXT: context})
        state = State(tuple(layers), state.position)
    return state


def with_memory(state: State, number: int, memory: Tensor) -> State:
    layers = list(state.layers)
    layers[number] = layers[number].replace(memory=memory)
    return State(tuple(layers), state.position)


def test_questions_are_asked_just_after_a_segment_about_what_the_window_no_longer_shows() -> None:
    wanted = recipe()
    drawn = [batch(wanted, step, length=256) for step in range(24)]
    seen = 0
    for each in drawn:
        assert each.read == 256
        assert 8 <= each.ids.shape[1] - each.read < 256
        first = min(turn.start for _, turns in each.turns for turn in turns)
        assert first > each.read
        for row, (_, turns) in enumerate(each.turns):
            told = tokenizer().decode(each.ids[row, turns[0]].tolist())
            value = told.split()[-1].strip(".</s>")
            window = tokenizer().decode(each.ids[row, each.read - SEGMENT : turns[0].start].tolist())
            seen += value in window
        assert not bool((each.prose & each.answers).any())
        assert not bool(each.prose[:, : each.read + 1].any())
        assert bool(each.prose.any())
    assert seen < 0.3 * sum(len(each.turns) for each in drawn)
    assert torch.equal(batch(wanted, 5, length=256).ids, drawn[5].ids)
    assert not torch.equal(drawn[4].ids[:, :64], drawn[5].ids[:, :64])


def test_interludes_are_drawn_where_a_stage_has_them() -> None:
    wanted = recipe()
    assert not bool(batch(wanted).times.any())
    times = torch.cat([batch(wanted, step, virtual=3).times for step in range(10)])
    assert set(times.unique().tolist()) == {0, 1, 2, 3}


def test_plain_segments_are_as_many_as_wanted_in_a_drawn_order() -> None:
    parts = list(read_plain(model(), writer().prose, opening(), 17, seed=1))
    plain = PlainSegments(torch.cat(parts, dim=1))
    assert len(plain) == 32
    assert plain.some(3, random.Random(0)).shape == (plain.inputs.shape[0], 3, SEGMENT, model().config.hidden_size)
    assert plain.some(99, random.Random(0)).shape[1] == 32
    again = torch.cat(list(read_plain(model(), writer().prose, opening(), 17, seed=1)), dim=1)
    assert torch.equal(again, plain.inputs)


def test_plain_segments_and_windows_are_of_texts_that_begin_as_documents_do() -> None:
    rows = draw_prose(writer().prose, opening(), 5, 40, random.Random(0))
    assert rows.shape == (5, 40)
    assert all(row[: len(opening())].tolist() == opening() for row in rows)
    assert len({tuple(row.tolist()) for row in rows}) > 1


def test_training_moves_the_memory_and_nothing_else() -> None:
    mine = model(torch.float32)
    before = {name: weight.clone() for name, weight in mine.state_dict().items()}
    trainer = MemoryTrainer(mine, writer(), recipe())
    report = trainer.step()
    assert report.answer_loss is not None
    assert report.teacher_loss is not None
    assert sum(asked for _, asked in report.right.values()) >= report.rows
    changed = {name for name, weight in mine.state_dict().items() if not torch.equal(weight, before[name])}
    assert changed
    assert all(PART in name for name in changed)


def test_addresses_are_held_apart_in_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_module, "LONGEST_GRADIENT", math.inf)

    def moved(weight: float) -> tuple[dict[str, Tensor], float | None]:
        wanted = recipe(addressed=3, address_weight=weight)
        trainer = MemoryTrainer(model(torch.float32), writer(), wanted)
        report = trainer.step()
        return gradients(trainer.model), report.address_loss

    without, nothing = moved(0.0)
    (once, one), (twice, two) = moved(1e-3), moved(2e-3)
    assert nothing is None
    assert one is not None
    assert one == two
    for name, gradient in without.items():
        torch.testing.assert_close(twice[name] - once[name], once[name] - gradient, rtol=1e-2, atol=1e-5)
    assert any(not torch.equal(once[name], gradient) for name, gradient in without.items())


def test_a_stage_with_interludes_reads_the_plain_segments_that_it_needs() -> None:
    trainer = MemoryTrainer(model(torch.float32), writer(), recipe(stages=(Stage(96, 1000, virtual=2),)))
    trainer.step()
    assert trainer.plain is not None
    again = MemoryTrainer(model(torch.float32), writer(), trainer.recipe)
    assert list(again.read_plain())[-1] == len(trainer.plain) >= trainer.recipe.plain
    assert again.plain is not None
    assert torch.equal(again.plain.inputs, trainer.plain.inputs)
