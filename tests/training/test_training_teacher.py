"""Distillation: the loss against its definition, the teacher that stays as it is, and a student that learns."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from models import KINDS, random_ids, read_cut, tiny_config, tiny_model
from official_models import official_model, save
from rounding import assert_as_exact, assert_exact
from torch import Tensor

from gemma10m.config import MemoryKind, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.training import teacher as teacher_module
from gemma10m.training.teacher import Teacher, chunked_distillation, distillation_loss
from gemma10m.weights.loading import load_model


def student_and_teacher(length: int = 23, batch: int = 2, **sizes: int) -> tuple[Decoder, Teacher, Tensor]:
    """Return both in float64; `sizes` are the teacher's."""
    student = tiny_model("linear", segment=4, dtype=torch.float64)
    model = tiny_model("full", dtype=torch.float64, seed=1, **sizes)
    return student, Teacher(model), random_ids(student, length, batch)


def read(model: Decoder, ids: Tensor) -> Tensor:
    hidden, _ = model.hidden(ids, model.empty_state(len(ids)), ids.shape[1])
    return hidden


def gradients(loss: Tensor, model: Decoder) -> dict[str, Tensor]:
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    shape=st.sampled_from([(1, 2), (3, 5), (2, 7, 11)]),
    temperature=st.sampled_from([0.5, 1.0, 3.7]),
)
def test_the_loss_is_the_divergence_at_a_temperature(seed: int, shape: tuple[int, ...], temperature: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    student, teacher = (4 * torch.randn(2, *shape, dtype=torch.float64, generator=draw)).unbind()
    p, q = (teacher / temperature).softmax(-1), (student / temperature).softmax(-1)
    expected = temperature**2 * (p * (p / q).log()).sum(-1).mean()
    found = distillation_loss(student, teacher, temperature)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-10)
    rows = F.kl_div(q.log().flatten(0, -2), p.flatten(0, -2), reduction="batchmean")
    torch.testing.assert_close(found, temperature**2 * rows, atol=1e-12, rtol=1e-10)
    assert found >= 0
    assert distillation_loss(teacher, teacher, temperature) == 0


def test_the_gradient_keeps_its_size_when_the_temperature_rises() -> None:
    draw = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 6, 9, dtype=torch.float64, generator=draw).unbind()
    student.requires_grad_()
    for temperature in (1.0, 1000.0):
        (found,) = torch.autograd.grad(distillation_loss(student, teacher, temperature), student)
        q, p = ((logits.detach() / temperature).softmax(-1) for logits in (student, teacher))
        assert_exact(found, temperature * (q - p) / 6)
    # at a high temperature that is the gradient of matching centred logits, (z - v) / V for each token
    temperature = 1e5
    (hot,) = torch.autograd.grad(distillation_loss(student, teacher, temperature), student)
    z, v = ((logits - logits.mean(-1, keepdim=True)).detach() for logits in (student, teacher))
    second_order = (z.abs().max() ** 2 + v.abs().max() ** 2) / temperature
    assert (hot - (z - v) / 9 / 6).abs().max() <= second_order / 9 / 6


def test_half_precision_logits_are_compared_in_float32() -> None:
    draw = torch.Generator().manual_seed(0)
    student, teacher = (8 * torch.randn(2, 40, 300, generator=draw)).bfloat16().unbind()
    found = torch.stack([distillation_loss(*pair) for pair in zip(student, teacher, strict=True)])
    assert found.dtype == torch.float32
    assert_as_exact(found, divergence(student.float(), teacher.float()), divergence(student.double(), teacher.double()))


def divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Return KL(teacher || student) of each row, in the type of the logits."""
    p, q = teacher.softmax(-1), student.softmax(-1)
    return (p * (p / q).log()).sum(-1)


@pytest.mark.parametrize("at_once", [1, 37 * 5, 37 * 1000])
@pytest.mark.parametrize("where", [slice(None), slice(3, 20), slice(22, None)])
def test_blocks_give_the_loss_and_gradients_of_whole_logits(
    monkeypatch: pytest.MonkeyPatch, at_once: int, where: slice
) -> None:
    monkeypatch.setattr(teacher_module, "LOGITS_AT_ONCE", at_once)
    student, teacher, ids = student_and_teacher(hidden_size=18, layers=1)
    theirs = teacher.hidden(ids)
    found = chunked_distillation(student, read(student, ids), teacher, theirs, where, temperature=2.0)
    mine, _ = student(ids, student.empty_state(2))
    lessons, _ = teacher.model(ids, teacher.model.empty_state(2))
    logs = [(logits[:, where] / 2.0).log_softmax(-1).flatten(0, 1) for logits in (mine, lessons)]
    whole = 4.0 * F.kl_div(logs[0], logs[1], reduction="batchmean", log_target=True)
    assert_exact(found, whole)
    right = gradients(whole, student)
    for name, gradient in gradients(found, student).items():
        assert_exact(gradient, right[name])
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in teacher.model.parameters())


def test_masks_and_indices_choose_the_same_positions() -> None:
    student, teacher, ids = student_and_teacher()
    mine, theirs = read(student, ids).detach(), teacher.hidden(ids)
    chosen = torch.tensor([1, 4, 5, 21])
    mask = torch.zeros(23, dtype=torch.bool)
    mask[chosen] = True
    by_index = chunked_distillation(student, mine, teacher, theirs, chosen)
    by_hand = distillation_loss(student.head(mine[:, chosen]), teacher.model.head(theirs[:, chosen]))
    assert chunked_distillation(student, mine, teacher, theirs, mask) == by_index
    assert abs(by_index.item() - by_hand.item()) < 1e-12


def test_no_block_s_logits_are_kept_for_the_backward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher_module, "LOGITS_AT_ONCE", 37 * 4)
    student, teacher, ids = student_and_teacher()
    hidden, theirs = read(student, ids), teacher.hidden(ids)
    largest: list[int] = []
    kept: list[tuple[int, ...]] = []

    def note(logits: Tensor) -> Tensor:
        largest.append(logits.shape[0])
        return logits

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tuple(tensor.shape))
        return tensor

    head = Decoder.head
    monkeypatch.setattr(Decoder, "head", lambda self, rows: note(head(self, rows)))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = chunked_distillation(student, hidden, teacher, theirs)
    loss.backward()
    assert not [shape for shape in kept if shape[-1:] == (37,)]
    assert max(largest) == 4
    assert len(largest) == 2 * 2 * math.ceil(46 / 4)  # two heads, forward and again in the backward pass


@pytest.mark.parametrize("stretch", [1, 7, 31, 100])
def test_reading_in_stretches_is_one_forward_call(stretch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher_module, "STRETCH", stretch)
    _, teacher, ids = student_and_teacher(length=31)
    whole, _ = teacher.model(ids, teacher.model.empty_state(2))
    hidden = teacher.hidden(ids)
    assert_exact(teacher.model.head(hidden), whole)
    assert not hidden.requires_grad
    assert not hidden.is_inference()


def test_the_student_s_own_teacher_reads_the_student_s_weights_with_full_attention() -> None:
    student = tiny_model("delta", segment=4, carry=4, sinks=2)
    ids = random_ids(student, 29, 2)
    stock = tiny_model("full", has_gates=True)
    expected, _ = read_cut(stock, ids)
    teacher = Teacher.of_student(student)
    assert_exact(teacher.model.head(teacher.hidden(ids)), expected)


def test_frozen_weights_are_shared_and_trained_ones_copied() -> None:
    student = tiny_model("gated", segment=4)
    for name, parameter in student.named_parameters():
        parameter.requires_grad_(".self_attn." in name)
    teacher = Teacher.of_student(student)
    theirs = dict(teacher.model.named_parameters())
    assert len(theirs) == len(list(student.parameters()))
    for name, parameter in student.named_parameters():
        shared = theirs[name].data_ptr() == parameter.data_ptr()
        assert shared != parameter.requires_grad, name
        assert torch.equal(theirs[name], parameter), name
        assert not theirs[name].requires_grad, name


def test_a_teacher_has_the_buffers_of_its_student(tmp_path: Path) -> None:
    """Gemma 4 scales its layers by numbers that are no parameters."""
    save(official_model("gemma4_text"), tmp_path)
    student = load_model(tmp_path, memory="window", segment=4, carry=4)
    scalars = {name: number for name, number in student.named_buffers() if name.endswith("layer_scalar")}
    found = dict(Teacher.of_student(student).model.named_buffers())
    assert scalars
    assert all(torch.equal(found[name], number) for name, number in scalars.items())


def test_an_untied_head_is_taught_too() -> None:
    _, teacher, ids = student_and_teacher()
    untied = Decoder(tiny_config(tied_head=False), ReadingConfig("linear", segment=4)).double()
    torch.nn.init.normal_(untied.model.embed_tokens.weight)
    own = Teacher.of_student(untied)
    assert torch.equal(own.model.lm_head.weight, untied.lm_head.weight)
    loss = chunked_distillation(untied, read(untied, ids), teacher, teacher.hidden(ids))
    assert gradients(loss, untied)["lm_head.weight"].abs().max() > 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "full"])
def test_a_teacher_that_forgets_is_refused(kind: MemoryKind) -> None:
    with pytest.raises(UsageError, match=f"see the whole document.*{kind}"):
        Teacher(tiny_model(kind))


def test_another_vocabulary_is_refused() -> None:
    student, teacher, ids = student_and_teacher(vocabulary=38)
    with pytest.raises(UsageError, match=r"teacher's vocabulary has 38 tokens, the student's 37"):
        teacher.check(student)
    with pytest.raises(UsageError, match=r"38 tokens, the student's 37"):
        chunked_distillation(student, read(student, ids), teacher, teacher.hidden(ids))


def test_a_model_that_already_sees_its_context_has_nothing_to_teach_itself() -> None:
    with pytest.raises(UsageError, match=r"trained on 12 tokens at a time and sees as many as 12 verbatim"):
        Teacher.of_student(tiny_model("gated", segment=4, carry=8, context=12))
    assert Teacher.of_student(tiny_model("gated", segment=4, carry=8, context=13)).context == 13


def test_positions_beyond_the_teacher_s_context_are_left_out() -> None:
    student, teacher, ids = student_and_teacher(length=23, context=17)
    mine, theirs = read(student, ids), teacher.hidden(ids)
    assert theirs.shape[1] == 17
    found = chunked_distillation(student, mine, teacher, theirs, slice(5, None))
    within = chunked_distillation(student, mine[:, :17], teacher, theirs, slice(5, 17))
    assert found.item() == within.item()
    for where in (slice(17, None), torch.tensor([20, 21]), slice(4, 4)):
        with pytest.raises(UsageError, match=r"no position is left.*trained on 17 tokens"):
            chunked_distillation(student, mine, teacher, theirs, where)


def periodic(rows: int, seed: int) -> Tensor:
    """Return 48 tokens of a random period of 7 a row: (rows, 48)."""
    period = torch.randint(37, (rows, 7), generator=torch.Generator().manual_seed(seed))
    return period.repeat(1, 7)[:, :48]


def distil(kind: MemoryKind, steps: int) -> tuple[float, float]:
    """Return the divergence on text not trained on, where a period lies behind, before and after the steps."""
    student = tiny_model(kind, segment=3, beta=0.0, context=48, seed=3)
    trained = [p for name, p in student.named_parameters() if ".self_attn." in name]
    student.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_()
    teacher = Teacher.of_student(student)
    optimizer = torch.optim.Adam(trained, lr=3e-2)

    def loss(ids: Tensor) -> Tensor:
        return chunked_distillation(student, read(student, ids), teacher, teacher.hidden(ids), slice(12, None))

    unseen = periodic(32, seed=1000)
    lesson, before = teacher.hidden(unseen), loss(unseen).item()
    for step in range(steps):
        optimizer.zero_grad()
        loss(periodic(8, seed=step)).backward()
        optimizer.step()
    assert torch.equal(teacher.hidden(unseen), lesson), "the teacher moved with its student"
    assert all(parameter.grad is None for parameter in teacher.model.parameters())
    return before, loss(unseen).item()


@pytest.fixture(scope="module")
def learnt_without_memory() -> float:
    return distil("window", steps=60)[1]


@pytest.mark.parametrize("kind", ["linear", "gated"])
def test_a_student_learns_to_remember_what_its_teacher_sees(kind: MemoryKind, learnt_without_memory: float) -> None:
    before, after = distil(kind, steps=60)
    assert after < 0.75 * before
    assert after < 0.9 * learnt_without_memory
