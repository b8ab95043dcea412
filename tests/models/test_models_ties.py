"""The model names the likeliest token of the float32 product where rounding to bfloat16 leaves several."""

from __future__ import annotations

import pytest
import torch
from models import random_ids, tiny_model

VOCABULARY, TOKENS = 4000, 60


@pytest.mark.parametrize("cap", [None, 30.0])
def test_equal_likeliest_tokens_are_told_apart_in_float32(cap: float | None) -> None:
    model = tiny_model("full", dtype=torch.bfloat16, vocabulary=VOCABULARY, has_gates=False, logit_cap=cap)
    embedding = model.model.embed_tokens.weight.detach()
    embedding.copy_(8 * embedding[0] + embedding / 8)  # so alike that many products are equal in bfloat16
    weight = embedding.float()
    ids, state = random_ids(model, TOKENS), model.empty_state()
    tied = 0
    with torch.inference_mode():
        for place in range(TOKENS):
            one = ids[:, place : place + 1]
            hidden, _ = model.hidden(one, state, 1)
            rounded, product = model.head(hidden), hidden.float() @ weight.T
            last, state = model(one, state, logits="last")
            several = rounded == rounded.max()
            tied += int(several.sum()) > 1
            assert int(last.argmax()) == int(product.masked_fill(~several, -torch.inf).argmax())
    assert tied > 10, "this test needs ties"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wide_logits_are_left_as_they_are(dtype: torch.dtype) -> None:
    model = tiny_model("full", dtype=dtype, has_gates=False)
    ids = random_ids(model, 9)
    with torch.inference_mode():
        hidden, _ = model.hidden(ids, model.empty_state(), 1)
        assert torch.equal(model(ids, model.empty_state(), "last")[0], model.head(hidden))


def test_many_equal_logits_are_left_as_they_are() -> None:
    """Weights of zeros, which are damaged, must not have a whole vocabulary copied to float32."""
    model = tiny_model("full", dtype=torch.bfloat16, vocabulary=VOCABULARY, has_gates=False)
    with torch.inference_mode():
        model.model.embed_tokens.weight.zero_()
        last, _ = model(random_ids(model, 3), model.empty_state(), "last")
    assert (last.dtype, float(last.abs().max())) == (torch.float32, 0.0)
