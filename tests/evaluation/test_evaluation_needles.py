"""Recall: documents read side by side answer as each does alone, and the control's shortcut changes nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from readers import KINDS, SEGMENT, reader
from rounding import assert_exact
from torch import Tensor

from gemma10m.errors import UsageError
from gemma10m.evaluation import needles
from gemma10m.evaluation.cell import GROUP, Cell, design_effect, wilson
from gemma10m.evaluation.control import window_tokens, without_middle
from gemma10m.evaluation.needles import ChunkRead, answer, common_prefix, read_side_by_side
from gemma10m.evaluation.task import make_tasks
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.word_lists import UNSEEN_NAMES
from gemma10m.tasks.writer import Script, Writer

BOOK = "It was a fine day, and they walked on.\nThe house stood still; nobody spoke of it again.\n\n" * 20
TOKENS = 1100


@cache
def writer() -> Writer:
    return Writer(reader().tokenizer, [Prose.of(reader().tokenizer, BOOK)])


def cell(name: str = "needle", tokens: int = TOKENS, depth: float = 0.5, n: int = 20, **settings: Any) -> Cell:
    options: dict[str, Any] = {"form": None, "facts": None, "values": None, "unseen": False} | settings
    (task,) = make_tasks([name], **options)
    return Cell(task, tokens, depth, n, seed=3)


def ignore(_: ChunkRead) -> None:
    pass


@contextmanager
def last_hidden(model: Decoder) -> Iterator[Callable[[], Tensor]]:
    """Return what the head would read in the last call (B, S, D)."""
    seen: list[Tensor] = []
    hook = model.model.register_forward_hook(lambda _module, _inputs, output: seen.append(output[0]))
    try:
        yield lambda: seen[-1]
    finally:
        hook.remove()


def small_stretches(monkeypatch: pytest.MonkeyPatch, tokens: int) -> None:
    monkeypatch.setattr(needles, "stretch_tokens", lambda _, rows: max(1, tokens // rows // SEGMENT) * SEGMENT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "depth"), [("needle", 0.6), ("passkey", 0.9), ("babi2", 0.0)])
def test_documents_side_by_side_are_as_each_alone(
    monkeypatch: pytest.MonkeyPatch, kind: str, name: str, depth: float
) -> None:
    small_stretches(monkeypatch, 150)
    model = reader(kind, dtype="float64").model
    scripts = cell(name, tokens=420, depth=depth).scripts(writer(), SEGMENT, [11, 12, 15])
    with last_hidden(model) as hidden:
        answers = answer(model, scripts, ignore, read_side_by_side)
        found = hidden()
    assert found.shape[1] == max(script.closing for script in scripts) - 1  # nothing of a document, as in `ask`
    with torch.inference_mode():
        for row, script in enumerate(scripts):
            ids = script.cut(0, len(script) - 1).unsqueeze(0)
            document, asked = ids[:, : -found.shape[1]], ids[:, -found.shape[1] :]
            _, state = model.hidden(document, model.empty_state(), 0)
            assert_exact(found[row], model.hidden(asked, state, asked.shape[1])[0][0])
    shared = common_prefix(scripts, len(scripts[0]))
    assert answers.read <= 3 * len(scripts[0]) - 2 * (shared - SEGMENT)


def test_what_documents_have_in_common_is_read_once() -> None:
    model = reader().model
    late, early = (cell("passkey", depth=depth).scripts(writer(), SEGMENT, range(5)) for depth in (1.0, 0.0))
    assert answer(model, late, ignore, read_side_by_side).read < 1.7 * TOKENS
    assert answer(model, early, ignore, read_side_by_side).read > 4.0 * TOKENS


@pytest.mark.parametrize("stretch", [16, 100, 10**6])
def test_ticks_count_what_is_read(monkeypatch: pytest.MonkeyPatch, stretch: int) -> None:
    small_stretches(monkeypatch, stretch)
    scripts = cell("needle", depth=0.5).scripts(writer(), SEGMENT, range(4))
    ticks: list[ChunkRead] = []
    answers = answer(reader().model, scripts, ticks.append, read_side_by_side)
    tail = answers.read - sum(tick.read for tick in ticks)
    assert 0 < tail <= 4 * (SEGMENT + 60)
    assert sum(tick.read * tick.documents for tick in ticks) == 4 * len(scripts[0]) - tail


@pytest.mark.parametrize(("first", "second"), [((5, 9, 9), (5, 9, 9)), ((4, 4), (4, 4, 8)), ((7,), (3,)), ((), (1,))])
def test_the_common_prefix(monkeypatch: pytest.MonkeyPatch, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    monkeypatch.setattr(needles, "COMPARED", 3)
    begun = [1, 2, 3, 4]
    scripts = [Script((torch.tensor([*begun, *ids, *[30] * 5]),), ()) for ids in (first, second)]
    rows = [script.cut(0, 7).tolist() for script in scripts]
    wanted = next((i for i in range(7) if rows[0][i] != rows[1][i]), 7)
    assert common_prefix(scripts, 7) == wanted
    assert common_prefix(scripts, 2) == 2
    assert common_prefix(scripts, 0) == 0


def test_right_is_what_greedy_decoding_gives_with_its_stop() -> None:
    model, prompts = reader().model, [script.cut(0, 300) for script in cell().scripts(writer(), SEGMENT, range(4))]
    greedy = [_decoded(model, prompt, 5) for prompt in prompts]
    wrong = [list(ids) for ids in greedy]
    wrong[1][0] += 1
    wrong[2][2] += 1
    wrong[3][4] += 1
    scripts = [
        Script((prompt, torch.tensor(ids)), (slice(300, 305),)) for prompt, ids in zip(prompts, wrong, strict=True)
    ]
    assert answer(model, scripts, ignore, read_side_by_side).right == (True, False, False, False)
    assert all(
        answer(model, [_script(*pair)], ignore, read_side_by_side).right == (True,)
        for pair in zip(prompts, greedy, strict=True)
    )


def _script(prompt: Tensor, ids: list[int]) -> Script:
    return Script((prompt, torch.tensor(ids)), (slice(len(prompt), len(prompt) + len(ids)),))


@torch.inference_mode()
def _decoded(model: Decoder, prompt: Tensor, count: int) -> list[int]:
    logits, state = model(prompt.unsqueeze(0), model.empty_state(), logits="last")
    ids = [int(logits[0, -1].argmax())]
    while len(ids) < count:
        logits, state = model(torch.tensor([ids[-1:]]), state, logits="last")
        ids.append(int(logits[0, -1].argmax()))
    return ids


@pytest.mark.parametrize("carry", [0, SEGMENT, 3 * SEGMENT])
@pytest.mark.parametrize("kind", ["gated", "delta"])
def test_the_control_s_shortcut_changes_nothing(kind: str, carry: int) -> None:
    control = without_memory(reader(kind, carry=carry, dtype="float64").model)
    assert (control.reading.memory, control.reading.carry) == ("window", carry)
    whole = cell(depth=0.9, tokens=1500).scripts(writer(), SEGMENT, range(3))
    brief = without_middle(control, whole)
    assert all(sum(window_tokens(control)) <= len(script) < 900 for script in brief)
    with last_hidden(control) as hidden:
        found = answer(control, brief, ignore, read_side_by_side)
        short = hidden()
        assert answer(control, whole, ignore, read_side_by_side).right == found.right
        assert_exact(short, hidden())


def test_the_shortcut_does_change_a_model_with_memory() -> None:
    model = reader().model
    whole = cell(depth=0.5, tokens=1500).scripts(writer(), SEGMENT, range(2))
    with last_hidden(model) as hidden:
        answer(model, without_middle(without_memory(model), whole), ignore, read_side_by_side)
        short = hidden()
        answer(model, whole, ignore, read_side_by_side)
        assert float((short - hidden()).abs().max()) > 1e-3


def test_a_short_document_has_no_middle_to_leave_out() -> None:
    control = without_memory(reader().model)
    scripts = cell(tokens=sum(window_tokens(control))).scripts(writer(), SEGMENT, [0])
    assert [len(script) for script in without_middle(control, scripts)] == [len(script) for script in scripts]


@pytest.mark.parametrize("name", ["passkey", "needle", "babi4"])
def test_a_document_depends_on_its_index_alone(name: str) -> None:
    few, many = cell(name, n=3), cell(name, n=40)
    (one,) = few.scripts(writer(), SEGMENT, [2])
    among = many.scripts(writer(), SEGMENT, range(GROUP))
    assert torch.equal(one.cut(0, len(one)), among[2].cut(0, len(among[2])))
    assert len({len(script) for script in among}) == 1
    assert len({tuple(script.cut(0, len(script)).tolist()) for script in among}) == GROUP


def test_groups_end_anywhere_in_a_segment_and_start_anywhere_in_the_book() -> None:
    wanted = cell(n=1000)
    groups = [wanted.scripts(writer(), SEGMENT, [first])[0] for first in range(0, 600, GROUP)]
    assert {TOKENS - len(script) for script in groups} == set(range(SEGMENT))
    assert (
        len({tuple(script.cut(5, 25).tolist()) for script in groups}) > 25
    )  # the book repeats itself after some 50 tokens


def test_other_cells_have_other_documents() -> None:
    one = cell("needle")
    others = [
        replace(one, seed=4),
        replace(one, depth=0.25),
        replace(one, tokens=TOKENS + 1),
        cell(unseen=True),
        cell(values="word"),
    ]
    keys = {each.case(0).turns for each in [one, *others]}
    assert len(keys) == 6


def test_a_length_that_is_too_short_is_refused_and_the_hint_is_enough() -> None:
    for name in ("passkey", "needle", "babi3"):
        with pytest.raises(UsageError, match=f"40 tokens are too few for {name}") as refused:
            cell(name, tokens=40).check(writer(), SEGMENT)
        enough = int(refused.value.hint.split()[2])
        cell(name, tokens=enough).check(writer(), SEGMENT)
        cell(name, tokens=enough).scripts(writer(), SEGMENT, range(10))


def test_chance_is_said() -> None:
    assert cell("passkey").chance() == pytest.approx(1 / 90000)
    assert cell("babi1").chance() == pytest.approx(1 / 6)
    assert 1 / 8 <= cell("babi5").chance() <= 1 / 7
    assert cell(form="multi-query", facts=2).chance() == pytest.approx(90000**-2)


@pytest.mark.parametrize("names", [["needle"], ["perplexity", "needle", "needle"]])
def test_defaults_of_the_needle(names: list[str]) -> None:
    shown = {
        (form, facts): [(task.form, task.facts) for task in make_tasks(names, form, facts, None, False)]
        for form, facts in [(None, None), (None, 4), ("multi-value", None), ("update", None), ("update", 3)]
    }
    assert shown == {
        (None, None): [("single", 1)],
        (None, 4): [("multi-key", 4)],
        ("multi-value", None): [("multi-value", 4)],
        ("update", None): [("update", 1)],
        ("update", 3): [("update", 3)],
    }


@pytest.mark.parametrize(
    ("form", "most"),
    [(None, UNSEEN_NAMES), ("update", UNSEEN_NAMES), ("multi-query", UNSEEN_NAMES), ("absent", UNSEEN_NAMES - 1)],
)
def test_there_are_only_so_many_unseen_names(form: str | None, most: int) -> None:
    (task,) = make_tasks(["needle"], form, most, None, unseen=True)
    assert len({fact.text for fact in task.draw(random.Random(0), 0.5).facts}) >= most
    with pytest.raises(UsageError, match=f"--unseen has names for at most {most} facts, found --facts {most + 1}"):
        make_tasks(["needle"], form, most + 1, None, unseen=True)
    make_tasks(["needle"], form, 1000, None, unseen=False)


def test_tasks_with_one_name_or_none_have_as_many_unseen_facts_as_any() -> None:
    (values,) = make_tasks(["needle"], "multi-value", 1000, None, unseen=True)
    assert len(values.draw(random.Random(0), 0.5).facts) == 1000
    assert make_tasks(["babi1"], None, 1000, None, unseen=True)[0].facts == 1000


def test_labels_say_what_is_asked() -> None:
    tasks = make_tasks(["needle", "babi3"], "multi-key", 4, "uuid", unseen=True)
    assert [task.label for task in tasks] == ["needle multi-key, 4 facts, uuid, unseen", "babi3, 4 facts, unseen"]
    assert make_tasks(["passkey"], None, 4, None, unseen=False)[0].label == "passkey"


def test_documents_of_one_text_count_for_less() -> None:
    """Ten of one text are right and ten of another wrong, which makes two observations and not twenty."""
    assert design_effect([True] * 10 + [False] * 10) == pytest.approx(20.0)
    assert design_effect(([True] * 5 + [False] * 5) * 4) == 1.0
    assert design_effect([True] * 20) == design_effect([True, False]) == 1.0
    draw = random.Random(0)
    effects = [design_effect([draw.random() < 0.5 for _ in range(1000)]) for _ in range(200)]
    assert 1.0 < sum(effects) / len(effects) < 1.1  # independent ones: 1, but for those that are cut off below


def test_the_interval_is_wilson_s() -> None:
    low, high = wilson(95, 100)
    assert (round(low, 4), round(high, 4)) == (0.8882, 0.9785)
    assert wilson(10, 10)[1] == 1.0
    assert wilson(0, 10)[0] == 0.0


def test_bfloat16_reads_too() -> None:
    model = reader(dtype="bfloat16").model
    answers = answer(model, cell().scripts(writer(), SEGMENT, range(3)), ignore, read_side_by_side)
    assert len(answers.right) == 3


def test_the_state_is_as_large_after_a_short_document_as_after_a_long_one() -> None:
    sizes = {
        answer(
            reader().model, cell(tokens=tokens).scripts(writer(), SEGMENT, [index]), ignore, read_side_by_side
        ).state_bytes
        for tokens, index in [(200, 0), (201, 10), (1500, 20), (3000, 30)]
    }
    assert len(sizes) == 1
