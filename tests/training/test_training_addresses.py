"""Test what is gathered of documents and questions, and that a memory's addresses are learned from it."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from oracle import random_weights
from training_runs import TEXT, shorten_fit, small_recipe, tokenizer

from gemma10m.adapters.added_memory import PART
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.models.decoder import Decoder
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.question_set import AskedQuestion
from gemma10m.tasks.writer import Writer
from gemma10m.training.address_contrast import SHARPNESS, TOGETHER, AddressContrast
from gemma10m.training.address_fit import fit_layer
from gemma10m.training.addresses import AddressedDocument, gather
from gemma10m.training.heard_inputs import added_layers
from gemma10m.training.parameters import is_address

ASKED = (AskedQuestion("Who kept the seven bees?", ("old Tobias Grey",), ("The bees of old Tobias Grey were seven.",)),)


@cache
def model() -> Decoder:
    config = ModelConfig(32, 2, 4, 2, 16, 48, tokenizer().vocabulary, added_rank=3)
    found = Decoder(config, ReadingConfig("added", segment=1024, carry=0, sinks=0))
    weights = random_weights(config, 0)
    for name, weight in weights.items():
        if PART in name:
            weight.copy_(torch.eye(len(weight)) if name.endswith("_map") else torch.zeros_like(weight))
        if name.endswith("down.weight"):
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 32**-0.5)
    found.load_state_dict(weights, strict=True)
    return found.float()


def gathered(count: int, **changes: Any) -> list[AddressedDocument]:
    writer = Writer(tokenizer(), [Prose.of(tokenizer(), TEXT)], ASKED)
    recipe = small_recipe(**({"tasks": {"needle": 2, "pairs": 1, "story": 1}, "memory": "added"} | changes))
    return list(gather(model(), writer, recipe, count))


def test_a_target_is_a_value_as_the_document_has_it_for_the_last_time() -> None:
    decode, counts = tokenizer().decode, []
    for document in gathered(6):
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


def test_the_answer_to_a_question_is_found_in_its_sentence() -> None:
    (document,) = gathered(1, tasks={"question": 1.0})
    (target,) = document.targets
    assert tokenizer().decode(document.ids[target.places].tolist()).endswith("Tobias Grey")


def test_inputs_are_what_each_layer_with_a_memory_gets() -> None:
    document = gathered(1)[0]
    first = model().model.layers[0].input_layernorm(model().model.embedded(document.ids.unsqueeze(0)))
    assert document.inputs.shape == (2, len(document.ids), 32)
    torch.testing.assert_close(document.inputs[0], first[0])
    assert not torch.equal(document.inputs[0], document.inputs[1])
    for target in document.targets:
        assert target.inputs.shape == (2, len(target.places), 32)


def test_questions_are_read_without_the_document() -> None:
    """The same question after the same prose has the same inputs, whatever the document says."""
    asked, other = gathered(2, seed=1)
    before = [target.inputs.clone() for target in asked.targets]
    again = gathered(1, seed=1)[0]
    assert all(torch.equal(one, target.inputs) for one, target in zip(before, again.targets, strict=True))
    assert not any(
        one.shape == target.inputs.shape and torch.equal(one, target.inputs)
        for one in before
        for target in other.targets
    )


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_fit(monkeypatch, 80, 40)


@pytest.mark.usefixtures("short")
def test_fitting_lowers_both_losses_and_changes_addresses_alone() -> None:
    documents = gathered(8)
    before = {name: weight.clone() for name, weight in model().state_dict().items()}
    layers = added_layers(model())
    reports = list(fit_layer(1, layers[1], 1, documents, seed=0))
    after = {name: weight.clone() for name, weight in model().state_dict().items()}
    model().load_state_dict(before)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(is_address(name) and ".layers.1." in name for name in changed)
    assert [report.step for report in reports] == list(range(1, 121))
    contrast, recall = reports[:80], reports[80:]
    for part in (contrast, recall):
        early, late = (sum(report.loss for report in some) for some in (part[:5], part[-5:]))
        assert late < 0.98 * early


@pytest.mark.usefixtures("short")
def test_fitting_is_a_function_of_its_seed() -> None:
    documents = gathered(14)
    before = {name: weight.clone() for name, weight in model().state_dict().items()}

    def fitted(seed: int) -> list[float]:
        losses = [report.loss for report in fit_layer(0, added_layers(model())[0], 0, documents, seed)]
        model().load_state_dict(before)
        return losses

    first = fitted(1)
    assert fitted(1) == pytest.approx(first, rel=1e-3)
    assert fitted(2) != pytest.approx(first, rel=1e-3)


def test_the_contrast_is_each_token_asked_for_among_all_of_its_document() -> None:
    """The oracle takes one layer, document, head and question at a time."""
    documents, layers, losses = gathered(3), added_layers(model()), []
    assert len(documents) < TOGETHER
    for number, layer in layers.items():
        for document in documents:
            mine = []
            for target in document.targets:
                queries, writes = layer.addresses(target.inputs[number][None], document.inputs[number][None])
                for head, each in enumerate(queries[0]):
                    keys = F.normalize(F.silu(writes.keys[0, head // 2]), dim=-1)  # two query heads to a key
                    alike = SHARPNESS * F.normalize(F.silu(each), dim=-1) @ keys.T  # (Q, S)
                    mine += [F.cross_entropy(row, place) for row, place in zip(alike, target.places, strict=True)]
            losses.append(torch.stack(mine).mean())
    found = AddressContrast(documents).loss(list(layers.values()), random.Random(0))
    torch.testing.assert_close(found, torch.stack(losses).mean())


def test_documents_are_a_function_of_the_seed() -> None:
    one, same, other = gathered(1, seed=3)[0], gathered(1, seed=3)[0], gathered(1, seed=4)[0]
    assert torch.equal(one.ids, same.ids)
    assert not torch.equal(one.ids, other.ids)
