"""Test what attention asks of a GPU, on tensors without memory, and that its masks by parts are right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from fake_cuda import fake_cuda
from models import KINDS, random_ids, tiny_config, tiny_model
from torch import Tensor

from gemma10m.config import AttentionSpec, MemoryKind, ModelConfig, ReadingConfig
from gemma10m.models import chunk, scores
from gemma10m.models.decoder import Decoder, Logits
from gemma10m.models.layers import FeedForward
from gemma10m.models.scores import attend
from gemma10m.weights.config_file import parse_config
from gemma10m.weights.expected import loaded_device, loaded_dtype
from gemma10m.weights.published import find_published

MIB = 1 << 20


def parts(queries: int, width: int, heads: int, kv_heads: int, size: int, **how: Any) -> tuple[Tensor, ...]:
    shapes = ((1, heads, queries, size), (1, kv_heads, width, size), (1, kv_heads, width, size))
    return tuple(torch.randn(shape, **how) for shape in shapes)


@pytest.mark.parametrize(("queries", "width"), [(2048, 2048), (2048, 4100), (1, 9000), (16384, 16384 * 9)])
def test_flash_attention_sees_the_lower_right_and_nothing_is_made_on_the_host(
    queries: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_cuda(monkeypatch, flash=True) as made:
        given = parts(queries, width, 8, 1, 256, device="cuda", dtype=torch.bfloat16)
        found = attend(*given, reach=None, scale=0.0625, cap=None, shifted=False)
    assert (found.shape, found.device.type) == ((1, 8, queries, 256), "cuda")
    (((_, _, _, dropout, causal), words),) = made.named("_scaled_dot_product_flash_attention")
    assert (dropout, causal, words["scale"]) == (0.0, True, 0.0625)
    assert made.bytes.get("cpu", 0) == 0


def test_head_sizes_that_flash_attention_does_not_take_are_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_cuda(monkeypatch, flash=True) as made:
        given = parts(5, 9, 4, 2, 6, device="cuda", dtype=torch.bfloat16)
        found = attend(*given, reach=9, scale=None, cap=None, shifted=False)
    assert found.shape == (1, 4, 5, 6)
    (((queries, keys, _, _, _), words),) = made.named("_scaled_dot_product_flash_attention")
    assert (queries.shape[-1], keys.shape[-1], words["scale"]) == (8, 8, 6**-0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kv_heads", "reach"), [(1, None), (2, None), (1, 512)])
def test_masks_of_a_long_window_stay_small_without_flash_attention(
    kv_heads: int, reach: int | None, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the mask would take 2.3 GB here, as bool, and 4 times that where torch makes numbers of it."""
    with fake_cuda(monkeypatch, flash=False) as made:
        given = parts(16384, 147456, 8, kv_heads, 64, device="cuda", dtype=dtype)
        largest = max(part.untyped_storage().nbytes() for part in given)
        found = attend(*given, reach=reach, scale=None, cap=None, shifted=False)
    assert found.shape == (1, 8, 16384, 64)
    copies = 1 if kv_heads == 1 else 8 // kv_heads
    assert made.bytes["cuda"] <= max(largest * copies, 8 * 113 * 147456 * 4, found.untyped_storage().nbytes())
    assert made.bytes.get("cpu", 0) == 0
    assert not any("enable_gqa" in words and words["enable_gqa"] for _, words in made.named("scaled_dot_product"))


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("reach", [None, 7, 100])
def test_masks_by_parts_give_what_one_mask_gives(
    kv_heads: int, reach: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = parts(23, 40, 4, kv_heads, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = attend(*given, reach=reach, scale=None, cap=None, shifted=False)
    monkeypatch.setattr(scores, "SCORES_AT_ONCE", 40 * 5)
    found = scores._masked(*given, reach, 6**-0.5)
    assert torch.allclose(found, expected, rtol=0.0, atol=1e-12)


def test_documents_side_by_side_share_the_rows_of_the_feed_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows were counted for each document: ten took ten times the scratch that is planned."""
    monkeypatch.setattr("gemma10m.models.layers.FEED_FORWARD_ROWS", 12)
    layer = FeedForward(tiny_config(), tiny_config().feed_forward_size)
    seen: list[int] = []
    layer.up_proj.register_forward_hook(lambda _, arguments, __: seen.append(arguments[0].shape[:2].numel()))
    x = torch.randn(3, 10, 14, generator=torch.Generator().manual_seed(0))
    whole = layer._rows(x)
    seen.clear()
    assert torch.allclose(layer(x), whole, atol=1e-6)
    assert seen == [12, 12, 6]


def test_the_sinks_angles_are_made_once_for_all_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the launches of a decoded token made them anew in every layer."""
    model = tiny_model("window", segment=5, carry=5, sinks=2, layers=4)
    ids = random_ids(model, 18)
    with torch.no_grad():
        _, state = model(ids, model.empty_state())
        made: list[int] = []
        original = chunk.cos_sin_at
        monkeypatch.setattr(chunk, "cos_sin_at", lambda *given: (made.append(1), original(*given))[1])
        model(ids[:, :1], state)
    assert made == [1]


def on_cuda(config: ModelConfig, reading: ReadingConfig) -> Decoder:
    """Return a model as it is loaded for a GPU: fused, in bfloat16, with weights that were never set."""
    with torch.device("meta"):
        model = Decoder(config, reading)
    weights = {
        name: torch.empty(weight.shape, dtype=loaded_dtype(name, torch.bfloat16), device=loaded_device(name, "cuda"))
        for name, weight in model.state_dict().items()
    }
    model.load_state_dict(weights, strict=True, assign=True)
    model.requires_grad_(False).fuse()
    return model


@pytest.mark.parametrize("flash", [True, False], ids=["flash", "masks"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_runs_on_a_gpu_and_waits_for_nothing(
    kind: MemoryKind, flash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tensor of the host in an operation of the GPU, or a number fetched from it, would raise."""
    spec = AttentionSpec(4, 2, 6)
    shared = None if kind == "state-vector" else 1
    specs = (replace(spec, window=7), spec, replace(spec, window=7), replace(spec, source=shared))
    sizes: dict[str, Any] = {"layers": 4, "attention": specs, "architecture": "gemma3", "post_norms": True}
    with fake_cuda(monkeypatch, flash=flash) as made:
        config = tiny_config(
            has_write_gates=kind == "gated",
            has_state_vectors=kind == "state-vector",
            added_rank=3 if kind == "added" else 0,
            **sizes,
        )
        model = on_cuda(config, ReadingConfig(kind, 5, 5 if kind == "window" else 0, 2))
        state = model.empty_state(2)
        for count, logits in ((13, "none"), (2, "all"), (1, "last"), (9, "none")):
            ids = torch.zeros(2, count, dtype=torch.int64, device="cuda")
            with torch.inference_mode():
                found, state = model(ids, state, logits=cast(Logits, logits))
            assert found.device.type == "cuda"
        assert {tensor.device.type for layer in state.layers for _, tensor in layer.tensors()} == {"cuda"}
        keys = model.growing(state) if model.can_grow else {}
        for position in range(state.position, state.position + 2 * bool(keys)):
            ids = torch.zeros(2, 1, dtype=torch.int64, device="cuda")
            with torch.inference_mode():
                assert model.next(ids, state, keys, position).device.type == "cuda"
    assert made.bytes.get("cpu", 0) <= 64  # the root of D that embeddings are scaled with, and counts


@pytest.mark.parametrize("name", ["gemma-4-E2B", "gemma-3n-E2B"])
def test_the_table_of_the_layers_inputs_stays_in_main_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows of it go to the GPU, and no more."""
    found = find_published(name)
    assert found is not None
    with fake_cuda(monkeypatch, flash=True) as made:
        model = on_cuda(parse_config(found.config).config, ReadingConfig("window", 64, 64, 4))
        table = model.model.embed_tokens_per_layer.weight
        assert (table.device.type, model.device.type) == ("cpu", "cuda")
        made.bytes.clear()
        state = model.empty_state(1)
        for count, logits in ((130, "none"), (1, "last")):
            ids = torch.zeros(1, count, dtype=torch.int64, device="cuda")
            with torch.inference_mode():
                _, state = model(ids, state, logits=cast(Logits, logits))
        assert {tensor.device.type for layer in state.layers for _, tensor in layer.tensors()} == {"cuda"}
    rows = [out for out in made.calls if "embedding" in out[0]]
    assert len(rows) > 10
