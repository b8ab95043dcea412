"""Test what is gathered of documents and questions, and that a memory's addresses are learned from it."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from oracle import random_weights
from torch import Tensor
from training_runs import TEXT, shorten_fit, small_recipe, tokenizer

from gemma10m.adapters.added_memory import PART
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.models.decoder import Decoder
from gemma10m.tasks.babi import MOVES, PEOPLE, draw_babi
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.question_set import AskedQuestion
from gemma10m.tasks.writer import Writer
from gemma10m.training.address_fit import fit_layer
from gemma10m.training.address_losses import (
    LEAST,
    Addresses,
    Behind,
    LaterProse,
    address_loss,
    addresses,
    alikeness,
    contrast,
    layer_document,
    lost_share,
    recalled,
    written_behind,
)
from gemma10m.training.addresses import FACTS, FEW, AddressedDocument, draw_together, gather
from gemma10m.training.heard_inputs import added_layers
from gemma10m.training.parameters import is_address
from gemma10m.training.plain_segments import PlainSegments, read_plain

ASKED = (AskedQuestion("Who kept the seven bees?", ("old Tobias Grey",), ("The bees of old Tobias Grey were seven.",)),)


@cache
def model() -> Decoder:
    config = ModelConfig(32, 2, 4, 2, 16, 48, tokenizer().vocabulary, added_rank=3)
    found = Decoder(config, ReadingConfig("added", segment=1024, carry=0, sinks=0))
    weights = random_weights(config, 0)
    for name, weight in weights.items():
        if PART in name:
            weight.copy_(torch.eye(len(weight)) if name.endswith("_map") else torch.zeros_like(weight))
        if name.endswith(("down.weight", "context.up.weight", "_kernel")):
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 32**-0.5)
    found.load_state_dict(weights, strict=True)
    return found.float()


def gathered(count: int, **changes: Any) -> list[AddressedDocument]:
    writer = Writer(tokenizer(), [Prose.of(tokenizer(), TEXT)], ASKED)
    recipe = small_recipe(**({"tasks": {"needle": 2, "pairs": 1, "story": 1}, "memory": "added"} | changes))
    return list(gather(model(), writer, recipe, count))


def test_a_target_is_a_value_as_the_document_has_it_for_the_last_time() -> None:
    decode, counts = tokenizer().decode, []
    for document in gathered(6, tasks={"needle": 2, "pairs": 1}):
        counts.append(len(document.targets))
        for target in document.targets:
            said = document.ids[target.places].tolist()
            text = decode(said)
            assert text.strip()[0].isalnum()
            assert text[-1].isalnum()
            ids, size = document.ids.tolist(), len(said)
            same = [at for at in range(len(ids)) if ids[at : at + size] == said]
            assert same[-1] == int(target.places[0])
    assert min(counts) > 0
    assert max(counts) > 6


def test_every_second_document_has_few_facts() -> None:
    """Training on many alone lets a single fact come back where nothing is to be said."""
    counts = [len(document.answers) for document in gathered(10, tasks={"needle": 1.0}, strays=4)]
    assert max(counts[1::2]) <= FEW < max(counts[::2]) <= FACTS
    assert len(set(counts[1::2])) > 1


def test_the_answer_to_a_question_is_found_in_its_sentence() -> None:
    (document,) = gathered(1, tasks={"question": 1.0})
    (target,) = document.targets
    assert tokenizer().decode(document.ids[target.places].tolist()).endswith("Tobias Grey")


def test_where_somebody_is_is_found_in_the_last_move_and_not_where_another_went_later() -> None:
    decode, found = tokenizer().decode, 0
    for document in gathered(12, tasks={"story": 1.0}):
        text, said = decode(document.ids.tolist()), decode(document.questions.tolist())
        for target in document.targets:
            first, last = int(target.places[0]), int(target.places[-1])
            place = decode(document.ids[first : last + 1].tolist())
            before = decode(document.ids[:first].tolist())
            who = max(PEOPLE, key=before.rfind)
            moves = re.findall(rf"{who} (?:{'|'.join(MOVES)}) the (\w+)\.", text)
            assert moves[-1].startswith(place.split()[-1])  # a tokenizer may join the last letter with the stop
            assert f"{who} is in the {moves[-1]}." in said
            found += 1
    assert found > 5


@dataclass(frozen=True)
class Told:
    number: int
    is_common: bool


def test_of_documents_that_say_something_else_of_the_same_names_one_is_in_a_memory() -> None:
    told, sizes = [Told(number, number % 2 == 0) for number in range(8)], set()
    for seed in range(40):
        found = draw_together(told, 4, random.Random(seed))
        assert len({one.number for one in found}) == 4
        sizes.add(sum(one.is_common for one in found))
    assert sizes == {0, 1}
    assert len(draw_together(told[::2], 3, random.Random(0))) == 1
    assert [one.is_common for one in gathered(2, tasks={"story": 1.0})] == [True, True]
    assert [one.is_common for one in gathered(2, tasks={"needle": 1.0})] == [False, False]


def test_no_place_is_asked_for_where_several_sentences_together_say_the_answer() -> None:
    turns = [turn for task in (2, 3, 4, 5) for turn in draw_babi(random.Random(task), task, questions=9).turns]
    assert turns
    assert {turn.sentence for turn in turns} == {""}


def test_inputs_are_what_each_layer_with_a_memory_gets() -> None:
    document = gathered(1)[0]
    first = model().model.layers[0].input_layernorm(model().model.embedded(document.ids.unsqueeze(0)))
    assert document.inputs.shape == (2, len(document.ids), 32)
    torch.testing.assert_close(document.inputs[0], first[0])
    assert not torch.equal(document.inputs[0], document.inputs[1])
    assert document.asking.shape[::2] == (2, 32)
    for target in document.targets:
        assert len(target.asked) == len(target.places)
        assert int(target.asked[-1]) < document.asking.shape[1]


def test_questions_are_read_without_the_document() -> None:
    """The same question after the same prose has the same inputs, whatever the document says."""
    asked, other = gathered(2, seed=1)
    again = gathered(1, seed=1)[0]
    assert torch.equal(asked.asking, again.asking)
    shared = min(asked.asking.shape[1], other.asking.shape[1])
    assert not torch.equal(asked.asking[:, :shared], other.asking[:, :shared])


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_fit(monkeypatch, 80)


@pytest.mark.usefixtures("short")
def test_fitting_lowers_the_loss_and_changes_addresses_alone() -> None:
    documents = gathered(8)
    before = {name: weight.clone() for name, weight in model().state_dict().items()}
    layers = added_layers(model())
    reports = list(fit_layer(1, layers[1], 1, documents, None, seed=0))
    after = {name: weight.clone() for name, weight in model().state_dict().items()}
    model().load_state_dict(before)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(is_address(name) and ".layers.1." in name for name in changed)
    assert [report.step for report in reports] == list(range(1, 81))
    for phase in (reports[:40], reports[40:]):
        early, late = (sum(report.loss for report in some) for some in (phase[:5], phase[-5:]))
        assert late < 0.9 * early


@pytest.mark.usefixtures("short")
def test_fitting_is_a_function_of_its_seed() -> None:
    documents = gathered(14)
    before = {name: weight.clone() for name, weight in model().state_dict().items()}

    def fitted(seed: int) -> list[float]:
        losses = [report.loss for report in fit_layer(0, added_layers(model())[0], 0, documents, None, seed)]
        model().load_state_dict(before)
        return losses

    first = fitted(1)
    assert fitted(1) == pytest.approx(first, rel=1e-3)
    assert fitted(2) != pytest.approx(first, rel=1e-3)


def cosines(layer: AddedMemoryAttention, document: AddressedDocument, number: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each token asked for, as its place (), and its cosines with all tokens of the document (H, S)."""
    writes, asking = layer.written(document.inputs[number][None]), layer.queries(document.asking[number][None])
    keys = F.normalize(F.silu(writes.keys[0]), dim=-1)  # (K, S, E)
    for target in document.targets:
        for asked, place in zip(target.asked, target.places, strict=True):
            each = F.normalize(F.silu(asking[0, :, asked]), dim=-1)  # (H, E)
            yield place, torch.stack([keys[head // 2] @ query for head, query in enumerate(each)])


def test_the_contrast_is_each_token_asked_for_among_all_of_its_document() -> None:
    (document,), sharpness = gathered(1), torch.tensor(20.0)
    for number, layer in added_layers(model()).items():
        losses = [
            F.cross_entropy(sharpness * row, place)
            for place, alike in cosines(layer, document, number)
            for row in alike
        ]
        asked = layer_document(document, number)
        found = contrast(alikeness(addresses(layer, asked)), asked.places, sharpness)
        torch.testing.assert_close(found, torch.stack(losses).mean())


def test_what_is_recalled_is_each_tokens_part_in_what_a_memory_gives_back() -> None:
    """A memory that is written token by token, each with a value that no other has, shows whose values come back."""
    generator = torch.Generator().manual_seed(0)
    keys = F.normalize(torch.randn(2, 7, 5, generator=generator, dtype=torch.float64), dim=-1)
    queries = F.normalize(torch.randn(4, 3, 5, generator=generator, dtype=torch.float64), dim=-1)
    gates = torch.rand(2, 7, generator=generator, dtype=torch.float64)
    found = recalled(Addresses(queries, keys, gates))
    for head in range(2):
        memory = torch.zeros(5, 7, dtype=torch.float64)
        for key, gate, value in zip(keys[head], gates[head], torch.eye(7, dtype=torch.float64), strict=True):
            memory = memory + gate * torch.outer(key, value - key @ memory)
        asked = queries[2 * head : 2 * head + 2].mean(0)
        torch.testing.assert_close(found[head], asked @ memory)


def test_the_share_lost_is_what_other_tokens_bring_back() -> None:
    (document,), losses = gathered(1), []
    for number, layer in added_layers(model()).items():
        asked = layer_document(document, number)
        for place, weights in zip(asked.places, recalled(addresses(layer, asked)).unbind(1), strict=True):
            own = float(weights[:, place].detach().clamp_min(0).square().clamp_min(LEAST).sum())
            losses.append(-math.log(own / float(weights.detach().square().sum())))
    found = address_loss([document], list(added_layers(model()).values()), None, random.Random(0))
    assert float(found.detach()) == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def plain() -> PlainSegments:
    return PlainSegments(
        torch.cat(list(read_plain(model(), (Prose.of(tokenizer(), TEXT),), (tokenizer().first,), 4, seed=2)), dim=1)
    )


def test_prose_behind_documents_overwrites_and_adds_to_what_is_recalled() -> None:
    """The mean of tokens that are written at random is what is computed, for few of them and small gates."""
    generator = torch.Generator().manual_seed(0)
    draw = partial(torch.randn, generator=generator, dtype=torch.float64)
    keys, queries = F.normalize(draw(1, 3, 16), dim=-1), F.normalize(draw(2, 3, 16), dim=-1)
    later, gates = F.normalize(draw(1, 400, 16), dim=-1), torch.full((1, 400), 0.002, dtype=torch.float64)
    found = Addresses(queries, keys, torch.ones(1, 3, dtype=torch.float64))
    behind = written_behind(found, torch.arange(3), LaterProse(later, gates, 400.0))
    memory = torch.cat((keys[0].mT, torch.zeros(16, 400, dtype=torch.float64)), dim=1)  # values of their own
    for place, (key, gate) in enumerate(zip(later[0], gates[0], strict=True), start=3):
        value = F.one_hot(torch.tensor(place), 403).double()
        memory = memory + gate * torch.outer(key, value - key @ memory)
    asked = queries.mean(0)
    torch.testing.assert_close(behind.noise[0], (asked @ memory)[:, 3:].square().sum(1), rtol=0.15, atol=0)
    kept = torch.exp(-behind.overwritten[0])
    torch.testing.assert_close(kept, torch.diagonal(keys[0] @ memory[:, :3]), rtol=0.02, atol=0)


def test_more_is_lost_behind_more_prose() -> None:
    weights, right = torch.tensor([[[3.0, 1.0, 0.0], [1.0, 2.0, 1.0]]]), torch.tensor([0, 1])
    losses = [
        float(lost_share(weights, right, Behind(torch.full((1, 2), noise), torch.full((1, 2), lost))))
        for noise, lost in ((0.0, 0.0), (1.0, 0.0), (1.0, math.log(2.0)))
    ]
    assert losses[0] == pytest.approx(float(lost_share(weights, right, None)))
    assert losses == sorted(losses)
    assert losses[2] == pytest.approx(-(math.log(9 / (10 + 4)) + math.log(4 / (6 + 4))) / 2)


def test_documents_are_a_function_of_the_seed() -> None:
    one, same, other = gathered(1, seed=3)[0], gathered(1, seed=3)[0], gathered(1, seed=4)[0]
    assert torch.equal(one.ids, same.ids)
    assert not torch.equal(one.ids, other.ids)
