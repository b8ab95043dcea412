"""The stock model against transformers' Gemma, at tiny random sizes.

In float64 to 1e-10; in float32 no worse than twice the official implementation's own error; bits where bfloat16 rounds.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from models import random_ids, read_cut, tiny_model
from official_models import Float64, official_gemma
from torch import Tensor
from transformers import GemmaForCausalLM

from gemma10m.models.decoder import Decoder
from gemma10m.models.layers import RMSNorm

GROUPINGS = [pytest.param(1, id="mqa"), pytest.param(2, id="gqa"), pytest.param(4, id="mha")]
TOKENS, SEGMENT = 200, 16  # twelve and a half segments


def stock_gemma(model: Decoder) -> GemmaForCausalLM:
    """Return the official implementation with our model's weights; it knows nothing of memory gates."""
    stock = official_gemma(model.config, "eager")
    weights = {name: weight for name, weight in model.state_dict().items() if not name.endswith("self_attn.gate")}
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    stock.to(model.dtype).load_state_dict(weights, strict=True)
    return stock.eval()


@torch.no_grad()
def stock_logits(model: Decoder, ids: Tensor, visible: Tensor | None = None) -> Tensor:
    """Compute the stock model's logits. visible (S, S): the earlier tokens each token attends to; None for all."""
    mask = None if visible is None else torch.where(visible, 0.0, -1e9).to(model.dtype).expand(ids.shape[0], 1, -1, -1)
    with Float64() if model.dtype == torch.float64 else nullcontext():
        logits: Tensor = stock_gemma(model)(input_ids=ids, attention_mask=mask, use_cache=False).logits
    assert 0.5 < logits.std() < 3.0  # differences of 1e-10 are small ones
    return logits


def assert_parity(found: Tensor, expected: Tensor) -> None:
    assert found.dtype == expected.dtype == torch.float64
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


def bites(kv_heads: int, **changes: Any) -> dict[str, Any]:
    """Return sizes whose product of heads and head size is not the hidden size."""
    return dict(hidden_size=26, layers=3, heads=4, kv_heads=kv_heads, head_size=10, vocabulary=61) | changes


@pytest.mark.parametrize("kv_heads", GROUPINGS)
@pytest.mark.parametrize("has_gates", [False, True], ids=["stock", "gates ignored"])
def test_full_memory_equals_the_official_model(kv_heads: int, has_gates: bool) -> None:
    model = tiny_model("full", segment=SEGMENT, seed=kv_heads, has_gates=has_gates, **bites(kv_heads))
    ids = random_ids(model, TOKENS, batch=2)
    expected = stock_logits(model, ids)
    assert_parity(read_cut(model, ids)[0], expected)
    assert_parity(read_cut(model, ids, [1, 2, 15, 16, 17, 50, 113, 199])[0], expected)


@pytest.mark.parametrize("kv_heads", GROUPINGS)
def test_float32_is_as_exact_as_the_official_model(kv_heads: int) -> None:
    """The bound is the official implementation's own error: what a processor's float32 is worth, both show."""
    exact = tiny_model("full", segment=SEGMENT, seed=kv_heads, has_gates=False, **bites(kv_heads))
    narrow = tiny_model("full", segment=SEGMENT, seed=kv_heads, has_gates=False, dtype=torch.float32, **bites(kv_heads))
    ids = random_ids(exact, TOKENS, batch=2)
    truth, _ = read_cut(exact, ids)
    theirs = (stock_logits(narrow, ids).double() - truth).abs().max()
    for cuts in ([], [1, 2, 15, 16, 17, 50, 113, 199]):
        ours = (read_cut(narrow, ids, cuts)[0].double() - truth).abs().max()
        assert 0 < ours <= 2 * theirs


def test_full_memory_equals_the_official_model_one_token_at_a_time() -> None:
    model = tiny_model("full", segment=SEGMENT, has_gates=False, **bites(2))
    ids = random_ids(model, 70)
    assert_parity(read_cut(model, ids, range(1, 70))[0], stock_logits(model, ids))


@pytest.mark.parametrize("kv_heads", GROUPINGS)
def test_a_document_of_one_segment_equals_the_official_model(kv_heads: int) -> None:
    """Nothing has left the window yet: `window` memory is the stock model too."""
    model = tiny_model("window", segment=32, sinks=4, has_gates=False, **bites(kv_heads))
    ids = random_ids(model, 32)
    assert_parity(read_cut(model, ids)[0], stock_logits(model, ids))


@pytest.mark.parametrize("carried", [0, 1, 3])
def test_segments_and_carry_are_a_mask_over_the_official_model(carried: int) -> None:
    """Rotary attention sees only distances, so positions counted inside each window are no difference."""
    model = tiny_model("window", segment=SEGMENT, carry=carried * SEGMENT, has_gates=False, **bites(2))
    ids = random_ids(model, TOKENS)
    token = torch.arange(TOKENS)
    first = token // SEGMENT * SEGMENT - carried * SEGMENT  # the first token that each one sees
    visible = (token[None, :] >= first[:, None]) & (token[None, :] <= token[:, None])
    expected = stock_logits(model, ids, visible)
    assert_parity(read_cut(model, ids)[0], expected)
    assert_parity(read_cut(model, ids, [3, 40, 48, 129])[0], expected)


def test_the_comparison_sees_a_wrong_detail() -> None:
    """A norm weight that is a thousandth off, or one token seen too few, shows at 1e-10."""
    model = tiny_model("full", segment=SEGMENT, has_gates=False, **bites(2))
    ids = random_ids(model, 40)
    expected = stock_logits(model, ids)
    visible = torch.ones(40, 40, dtype=torch.bool).tril()
    visible[39, 0] = False
    assert (stock_logits(model, ids, visible) - expected).abs().max() > 1e-3
    with torch.no_grad():
        model.model.layers[1].input_layernorm.weight.mul_(1.001)
    assert (read_cut(model, ids)[0] - expected).abs().max() > 1e-4


# --- bfloat16 ---------------------------------------------------------------------------------------------------------


def input_of_first_layer(model: Decoder | GemmaForCausalLM, **call: Any) -> Tensor:
    seen: list[Tensor] = []
    handle = model.model.layers[0].input_layernorm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(**call)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("hidden_size", [48, 3072])
def test_the_embedding_scale_is_rounded_to_bfloat16(hidden_size: int) -> None:
    """The root of 3072 is 55.4256; the published weights were trained with 55.5."""
    sizes = dict(hidden_size=hidden_size, layers=1, heads=1, kv_heads=1, head_size=4, feed_forward_size=4)
    model = tiny_model("full", dtype=torch.bfloat16, has_gates=False, **sizes)
    ids = random_ids(model, 11)
    found = input_of_first_layer(model, ids=ids, state=model.empty_state())
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, input_of_first_layer(stock_gemma(model), input_ids=ids, use_cache=False))
    exact = (model.model.embed_tokens(ids).float() * math.sqrt(hidden_size)).bfloat16()
    assert not torch.equal(found, exact)


def test_rms_norm_rounds_where_the_official_one_does() -> None:
    model = tiny_model("full", dtype=torch.bfloat16, has_gates=False)
    ours, official = model.model.norm, stock_gemma(model).model.norm
    assert isinstance(ours, RMSNorm)
    x = (torch.randn(50, model.config.hidden_size, generator=torch.Generator().manual_seed(1)) * 30).bfloat16()
    assert torch.equal(ours(x), official(x))


def test_bfloat16_agrees_with_the_official_model_as_far_as_bfloat16_goes() -> None:
    model = tiny_model("full", segment=SEGMENT, dtype=torch.bfloat16, has_gates=False, **bites(2))
    ids = random_ids(model, 60)
    expected = stock_logits(model, ids)
    assert expected.dtype == torch.bfloat16
    exact, _ = read_cut(tiny_model("full", segment=SEGMENT, has_gates=False, dtype=torch.float32, **bites(2)), ids)
    theirs = (expected.float() - exact).pow(2).mean().sqrt()
    ours = (read_cut(model, ids)[0].float() - exact).pow(2).mean().sqrt()
    assert 0 < ours < 1.5 * theirs  # root mean square error against float32
