"""On other text, a model with updates is held to what it said without them."""

from __future__ import annotations

import random

import torch
from lessons import TEXT, load, lora_recipe, taught_base
from official_models import Float64
from tiny_adapters import CONFIG, fill_with_eighths

from gemma10m.adapters.lora import LoraLinear, add_lora
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt
from gemma10m.training.prose_loss import encode_prose, prose_loss

EXACT = 1e-10


def student(moved: bool) -> tuple[Decoder, Tokenizer]:
    model, tokenizer = load(taught_base())
    add_lora(model, CONFIG, seed=0)
    if moved:
        with torch.no_grad():
            for number, module in enumerate(each for each in model.modules() if isinstance(each, LoraLinear)):
                fill_with_eighths(module, number)
    return model.double(), tokenizer


def test_the_loss_is_the_distance_from_the_base_at_drawn_places() -> None:
    """The sum is written out: the base's shares times how much more likely it takes them to be."""
    (model, tokenizer), base = student(moved=True), load(taught_base())[0].double()
    recipe = lora_recipe(prose_tokens=30, prose_positions=7)
    ids = encode_prose(tokenizer, TEXT, recipe)
    places = sorted(random.Random(3).sample(range(30), 7))
    with Float64(), torch.no_grad():
        found = float(prose_loss(model, ids, recipe, random.Random(3)))
        p = base(ids, base.empty_state(1))[0][0, places].softmax(-1)
        q = model(ids, model.empty_state(1))[0][0, places].softmax(-1)
    assert found > 0.01
    assert abs(found - float((p * (p / q).log()).sum() / 7)) < EXACT


def test_updates_that_are_zero_are_no_distance() -> None:
    model, tokenizer = student(moved=False)
    recipe = lora_recipe()
    with Float64():
        loss = prose_loss(model, encode_prose(tokenizer, TEXT, recipe), recipe, random.Random(0))
        loss.backward()
    assert float(loss.detach()) == 0.0
    assert all(part.grad is None or part.grad.abs().max() < EXACT for part in model.parameters())


def test_the_updates_count_again_afterwards() -> None:
    model, tokenizer = student(moved=True)
    recipe = lora_recipe()
    ids = encode_prose(tokenizer, TEXT, recipe)
    with Float64(), torch.no_grad():
        before = model(ids, model.empty_state(1))[0]
        prose_loss(model, ids, recipe, random.Random(0))
        after = model(ids, model.empty_state(1))[0]
    assert torch.equal(before, after)


def test_a_text_is_read_as_a_document_is_and_cut_at_its_last_token() -> None:
    _, tokenizer = load(taught_base())
    ids = encode_prose(tokenizer, TEXT, lora_recipe(prose_tokens=30))
    assert ids.tolist() == [[*Prompt(tokenizer).opening(), *tokenizer.encode(TEXT)][:30]]
    short = encode_prose(tokenizer, "Lyme", lora_recipe(prose_tokens=30))
    assert short.tolist() == [[*Prompt(tokenizer).opening(), *tokenizer.encode("Lyme")]]
