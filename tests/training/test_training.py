"""Gradients, truncated back-propagation, precision and a few real steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from models import tiny_model
from rounding import assert_exact, rounding_error
from torch import Tensor
from training_runs import SEGMENT, gradients, random_batch, small_model, small_recipe, tokenizer, writer

from gemma10m.config import ReadingConfig
from gemma10m.errors import TrainingError
from gemma10m.models.decoder import Decoder
from gemma10m.training.backprop import backward, chunks, recompute_layers
from gemma10m.training.batch import Batch
from gemma10m.training.parameters import make_optimizer, reading_as, select_trained, trained, working_copy
from gemma10m.training.recipe import Recipe, Stage
from gemma10m.training.teacher import Teacher, distillation_loss
from gemma10m.training.trainer import Trainer


def memory_model() -> Decoder:
    return tiny_model("gated", segment=5, carry=5, sinks=2, layers=3)


def plain_loss(model: Decoder, batch: Batch, recipe: Recipe, segments: int) -> Tensor:
    """Compute both losses in one expression; the state is cut off every `segments` segments from the document's end."""
    length, step = batch.ids.shape[1] - 1, segments * model.reading.segment
    whole = -(-length // model.reading.segment) * model.reading.segment
    cuts = [cut for cut in range(whole - step, 0, -step)][::-1]
    state, found = model.empty_state(batch.ids.shape[0]), []
    starts = [0, *cuts]
    for start, stop in zip(starts, [*cuts, length], strict=True):
        assert batch.interludes is not None
        interludes = batch.interludes.of(start // 5, stop // 5)
        hidden, state = model.hidden(batch.ids[:, start:stop], state, stop - start, interludes)
        found.append(model.head(hidden))
        state = state.map(torch.Tensor.detach)
    logits, targets = torch.cat(found, dim=1), batch.ids[:, 1:]
    answers, text = batch.answers[:, 1:], batch.text[:, 1:]
    return F.cross_entropy(logits[answers], targets[answers]) + recipe.lm_weight * F.cross_entropy(
        logits[text], targets[text]
    )


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("backprop", "segments"), [(0, 9), (9, 9), (40, 9), (1, 1), (2, 2), (4, 4)])
@pytest.mark.parametrize("length", [42, 46])
def test_gradients_are_those_of_the_whole_loss(length: int, backprop: int, segments: int, recompute: bool) -> None:
    batch, recipe = random_batch(3, length, 37, 5), small_recipe(backprop=backprop)
    model, other = memory_model(), memory_model()
    if recompute:
        recompute_layers(model)
    losses = backward(model, batch, recipe)
    loss = plain_loss(other, batch, recipe, segments)
    loss.backward()
    assert losses.answer is not None
    assert losses.text is not None
    assert losses.answer + recipe.lm_weight * losses.text == pytest.approx(float(loss.detach()), rel=1e-10)
    expected = gradients(other)
    for name, gradient in gradients(model).items():
        assert_exact(gradient, expected[name])
    assert gradients(model).keys() == expected.keys()


def test_truncation_cuts_what_the_first_segments_would_have_learnt() -> None:
    batch = random_batch(2, 46, 37, 5)
    whole, cut = memory_model(), memory_model()
    backward(whole, batch, small_recipe(lm_weight=0))
    backward(cut, batch, small_recipe(lm_weight=0, backprop=2))
    name = "model.layers.0.self_attn.write_gate.weight"
    assert (gradients(whole)[name] - gradients(cut)[name]).abs().max() > 1e-6


def test_chunks_are_whole_at_the_end() -> None:
    assert list(chunks(42, 5, 0)) == [(0, 42)]
    assert list(chunks(42, 5, 4)) == [(0, 5), (5, 25), (25, 42)]
    assert list(chunks(40, 5, 4)) == [(0, 20), (20, 40)]
    assert list(chunks(3, 5, 2)) == [(0, 3)]


@contextmanager
def saved_bytes() -> Iterator[list[int]]:
    """Return the bytes held for backward passes: now, and at most."""
    count = [0, 0]

    class Saved:
        def __init__(self, tensor: Tensor) -> None:
            self.tensor = tensor
            count[0] += tensor.nbytes
            count[1] = max(count)

        def __del__(self) -> None:
            count[0] -= self.tensor.nbytes

    with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
        yield count


def most_saved(segments: int, **changes: Any) -> int:
    recipe, model = small_recipe(lm_weight=0.3, **changes), memory_model()
    if recipe.recompute:
        recompute_layers(model)
    with saved_bytes() as count:
        backward(model, replace(random_batch(2, 5 * segments + 1, 37, 5), interludes=None), recipe)
    return count[1]


def test_what_is_kept_depends_on_k_and_not_on_the_length() -> None:
    short = most_saved(8, backprop=4)
    assert most_saved(64, backprop=4) == short
    assert most_saved(16, backprop=8) > 1.7 * short
    assert most_saved(32) > 6 * short
    assert most_saved(8, backprop=4, recompute=True) < 0.7 * short


@pytest.mark.parametrize("backprop", [0, 1, 2])
def test_the_teacher_s_loss_is_the_mean_over_all_it_teaches(backprop: int) -> None:
    """The teacher was trained on 30 tokens at a time, so that it says nothing about the rest."""
    student = tiny_model("gated", segment=5, carry=5, sinks=2, context=30)
    teacher = Teacher.of_student(student)
    other = tiny_model("gated", segment=5, carry=5, sinks=2, context=30)
    batch, recipe = random_batch(2, 43, 37, 5), small_recipe(lm_weight=0, kl_weight=2.0, backprop=backprop)
    batch = replace(batch, answers=torch.zeros_like(batch.answers), interludes=None, turns=())
    losses = backward(student, batch, recipe, teacher)
    hidden, _ = other.hidden(batch.ids[:, :-1], other.empty_state(2), 42)
    lesson = teacher.hidden(batch.ids[:, :-1])
    taught = slice(0, 30, 3)
    expected = distillation_loss(other.head(hidden[:, taught]), teacher.model.head(lesson[:, taught]))
    assert losses.answer is None
    assert losses.text is None
    assert losses.teacher == pytest.approx(float(expected.detach()), rel=1e-10)
    (2.0 * expected).backward()
    if not backprop:
        for name, gradient in gradients(student).items():
            assert_exact(gradient, gradients(other)[name])


def test_a_narrow_copy_gives_the_wide_weights_their_gradients() -> None:
    model = small_model(small_recipe())
    batch = random_batch(4, 150, tokenizer().vocabulary, SEGMENT)
    recipe = small_recipe(backprop=2)
    narrow = working_copy(model, torch.bfloat16)
    assert narrow.dtype == torch.bfloat16
    assert narrow.model.layers[0].self_attn.gate.dtype == torch.float32
    plain, exact = deepcopy(model), deepcopy(model).double()
    for name, parameter in plain.named_parameters():
        parameter.data = parameter.data.to(narrow.get_parameter(name).dtype)
    for each in (narrow, plain, exact):
        backward(each, batch, recipe)
    found, theirs, truth = gradients(model), gradients(plain), gradients(exact)
    assert not gradients(narrow)
    assert {gradient.dtype for gradient in found.values()} == {torch.float32}
    for name, gradient in truth.items():
        assert rounding_error(found[name], gradient) <= 2 * rounding_error(theirs[name], gradient), name
    assert working_copy(model, torch.float32) is model


def test_steps_without_memory_move_the_same_weights() -> None:
    recipe = small_recipe(window_share=1.0, tasks={"needle": 1})
    model = small_model(recipe)
    bare = reading_as(model, replace(model.reading, memory="window"))
    batch = random_batch(2, 60, tokenizer().vocabulary, SEGMENT)
    assert bare.reading == replace(model.reading, memory="window")
    backward(bare, batch, recipe)
    found = {name: gradient.clone() for name, gradient in gradients(model).items()}
    assert found.keys() == {name for name, _ in model.named_parameters() if "write_gate" not in name}
    model.zero_grad()
    backward(model, batch, recipe)
    assert not torch.allclose(
        found["model.layers.0.self_attn.v_proj.weight"], model.model.layers[0].self_attn.v_proj.weight.grad
    )
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    report = Trainer(model, writer(), recipe).step()
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == found.keys()
    assert report.write_gates == []


def test_gates_have_their_own_rate_and_only_matrices_decay() -> None:
    model = small_model(small_recipe())
    groups = make_optimizer(model, small_recipe(learning_rate=3e-4, gate_learning_rate=2e-2)).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in groups:
        for parameter in group["params"]:
            name = names.pop(id(parameter))
            gate, vector = name.endswith("self_attn.gate"), "norm" in name or name.endswith("bias")
            assert group["base"] == (2e-2 if gate else 3e-4), name
            assert group["weight_decay"] == (0.0 if gate or vector else 0.01), name
    assert not names


def test_what_each_choice_trains() -> None:
    model = small_model(small_recipe())
    counts = {}
    for choice in ("gates", "attention", "all"):
        select_trained(model, choice)
        counts[choice] = set(trained(model))
    assert {name.split("self_attn.")[1] for name in counts["gates"]} == {"gate", "write_gate.weight", "write_gate.bias"}
    assert {name.split("self_attn.")[1].split(".")[0] for name in counts["attention"]} == {
        "gate", "write_gate", "q_proj", "k_proj", "v_proj", "o_proj",
    }  # fmt: skip
    assert counts["all"] == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("choice", ["gates", "attention"])
def test_what_is_not_trained_does_not_move(choice: str) -> None:
    recipe = small_recipe(train=choice)
    model = small_model(recipe)
    select_trained(model, choice)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    trainer = Trainer(model, writer(), recipe)
    trainer.step()
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == set(trained(model))


def test_steps_learn_and_move_the_gates() -> None:
    recipe = small_recipe(
        stages=(Stage(96, 25_000),), tokens_per_step=1000, learning_rate=4e-3, tasks={"needle": 1}, recompute=True
    )
    trainer = Trainer(small_model(recipe), writer(), recipe)
    reports = []
    while not trainer.done:
        reports.append(trainer.step())
    assert len(reports) >= 25
    answers, texts = [r.answer_loss or 9 for r in reports], [r.text_loss or 9 for r in reports]
    assert sum(answers[-5:]) < 0.8 * sum(answers[:5])
    assert sum(texts[-5:]) < 0.9 * sum(texts[:5])
    for name, parameter in trainer.model.named_parameters():
        if name.endswith(("self_attn.gate", "write_gate.weight")):
            assert float(parameter.detach().abs().max()) > 1e-3, name
    assert all(0 < gate < 1 for report in reports for gate in report.gates + report.write_gates)


def test_a_loss_that_is_no_number_stops_before_the_weights_change() -> None:
    recipe = small_recipe()
    trainer = Trainer(small_model(recipe), writer(), recipe)
    trainer.step()
    weight = trainer.model.model.embed_tokens.weight
    with torch.no_grad():
        weight[:] = float("nan")
    other = trainer.model.model.layers[0].mlp.up_proj.weight.detach().clone()
    with pytest.raises(TrainingError, match="the loss of step 2 is nan"):
        trainer.step()
    assert torch.equal(trainer.model.model.layers[0].mlp.up_proj.weight, other)
    assert trainer.position.step == 1


def test_a_plain_text_run_needs_no_questions() -> None:
    recipe = small_recipe(tasks={"text": 1}, stages=(Stage(64, 500, below=5.0),))
    model = small_model(recipe)
    model.reading = ReadingConfig("gated", SEGMENT, SEGMENT, 4)
    report = Trainer(model, writer(), recipe).step()
    assert (report.answer_loss, report.right, report.running_loss) == (None, {}, 10.0)
    assert report.text_loss is not None
