"""A test for every piece of wrong mathematics in the released gemma-2B-10M code, M1 to M14, named after it."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from checkpoints import tiny_gemma
from models import (
    KINDS,
    REMEMBERING,
    assert_same_state,
    changed,
    copy_of,
    difference,
    gradient_of_embeddings,
    named_tensors,
    outputs_of,
    random_ids,
    read_cut,
    tiny_model,
    written,
)
from rounding import assert_exact
from torch import Tensor

import gemma10m
from gemma10m import ops
from gemma10m.config import MemoryKind
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder

OPEN = 100.0  # sigmoid(100) is 1 in float32: nothing but memory is read
CLOSED = -100.0  # what the released checkpoint was trained from
every_kind = pytest.mark.parametrize("kind", KINDS)
every_remembering_kind = pytest.mark.parametrize("kind", REMEMBERING)


@every_kind
def test_m1_local_attention_knows_the_order_of_earlier_tokens(kind: MemoryKind) -> None:
    model = tiny_model(kind, segment=16, layers=1, beta=CLOSED)  # with one layer nothing else could tell
    ids = random_ids(model, 12)
    shuffled = torch.cat((ids[:, :11].flip(1), ids[:, 11:]), dim=1)
    assert difference(read_cut(model, ids)[0][:, -1], read_cut(model, shuffled)[0][:, -1]) > 1e-2


@every_remembering_kind
def test_m2_every_layer_has_a_memory_of_its_own(kind: MemoryKind) -> None:
    model = tiny_model(kind, layers=3, beta=0.0)
    _, state = read_cut(model, random_ids(model, 12))
    memories = [layer["memory"] for layer in state.layers]
    assert [memory.shape for memory in memories] == [(1, 2, 6, 6)] * 3
    assert difference(memories[0], memories[1]) > 0.01
    assert difference(memories[1], memories[2]) > 0.01

    middle = state.layers[1].replace(memory=memories[1] + 1.0)
    other = replace(state, layers=(state.layers[0], middle, state.layers[2]))
    ids = random_ids(model, 5, seed=1)
    logits, after = read_cut(model, ids, state=state)
    other_logits, other_after = read_cut(model, ids, state=other)
    assert torch.equal(other_after.layers[0]["memory"], after.layers[0]["memory"])
    assert not torch.equal(other_after.layers[2]["memory"], after.layers[2]["memory"])
    assert difference(other_logits, logits) > 1e-3


@every_remembering_kind
@pytest.mark.parametrize("beta", [0.0, OPEN], ids=["half open", "open"])
def test_m3_no_token_sees_a_later_one_through_memory(kind: MemoryKind, beta: float) -> None:
    model = tiny_model(kind, layers=3, beta=beta)
    ids = random_ids(model, 23)
    before, _ = read_cut(model, ids)
    for place in (22, 17, 14, 5):
        after, _ = read_cut(model, changed(model, ids, place))
        assert torch.equal(before[:, :place], after[:, :place])
        assert not torch.equal(before, after)


@every_remembering_kind
def test_m3_a_segment_reads_the_memory_of_the_segments_before_it(kind: MemoryKind) -> None:
    """A segment's tokens do not see one another if there is nothing but memory to read."""
    model = tiny_model(kind, layers=1, beta=OPEN)
    ids = random_ids(model, 12)
    before, _ = read_cut(model, ids)
    after, _ = read_cut(model, changed(model, ids, 5))
    assert torch.equal(before[:, 6:10], after[:, 6:10])
    assert difference(before[:, 10:], after[:, 10:]) > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@every_remembering_kind
def test_m4_new_gates_can_learn_and_the_released_ones_could_not(kind: MemoryKind, dtype: torch.dtype) -> None:
    model = tiny_model(kind)
    initial = Decoder(model.config, model.reading).model.layers[0].self_attn.gate.unique().item()
    for gradient in gate_gradients(tiny_model(kind, dtype=dtype, beta=initial)):
        assert gradient.all()
    for gradient in gate_gradients(tiny_model(kind, dtype=dtype, beta=CLOSED)):
        assert not gradient.any()


def gate_gradients(model: Decoder) -> list[Tensor]:
    logits, _ = model(random_ids(model, 12), model.empty_state())
    logits.float().pow(2).sum().backward()
    return [layer.self_attn.gate.grad for layer in model.model.layers]


@pytest.mark.parametrize("memory", ["linear", "delta"])
def test_m4_a_checkpoint_with_closed_gates_is_loaded_with_a_warning(memory: str, tmp_path: Path) -> None:
    closed = gemma10m.load_model(tiny_gemma(tmp_path / "closed", gates=CLOSED, segment_size=16), memory=memory)
    assert len(closed.warnings) == 1
    assert "remembers nothing beyond its window of 32 tokens" in closed.warnings[0]
    ajar = gemma10m.load_model(tiny_gemma(tmp_path / "ajar", gates=-5.0, segment_size=16), memory=memory)
    assert not ajar.warnings


@every_remembering_kind
def test_m5_gradients_flow_through_memory_to_the_tokens_it_holds(kind: MemoryKind) -> None:
    """They reach the tokens of closed segments, which only memory joins to the last token's logits."""
    model = tiny_model(kind, beta=0.0)
    gradient = gradient_of_embeddings(model, random_ids(model, 18))
    assert gradient.isfinite().all()
    assert (gradient.abs().amax(-1) > 0).all()


@every_remembering_kind
def test_m5_gradients_flow_through_memory_to_what_wrote_it(kind: MemoryKind) -> None:
    """Open gates leave no other way to keys, values and write gates."""
    model = tiny_model(kind, layers=1, beta=OPEN)
    gradient_of_embeddings(model, random_ids(model, 18))
    attention = model.model.layers[0].self_attn
    writers = [attention.k_proj, attention.v_proj, *([attention.write_gate] if kind == "gated" else [])]
    assert all(writer.weight.grad.any() for writer in writers)


@every_remembering_kind
def test_m6_reading_an_empty_memory_gives_zeros(kind: MemoryKind) -> None:
    shape = (1, 2, 1, 5, 6)  # (B, K, G, N, E)
    queries = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    nothing = written(
        kind, torch.zeros(1, 2, 6, 6), torch.zeros(1, 2, 6), queries, queries, torch.full(shape[:-1], 0.5)
    )
    local, gate = torch.zeros(shape), torch.zeros(2)  # half of the output is what memory says
    assert torch.equal(nothing.mix(local, queries, gate, 0), torch.zeros(1, 5, 12))
    recalled = nothing.mix(local, queries, gate, 1)  # (B, N, H * E)
    assert recalled.isfinite().all()
    assert recalled.any()


@every_remembering_kind
def test_m6_keys_and_queries_that_underflow_make_no_nan(kind: MemoryKind) -> None:
    """sigma(-200) is 0 in float32, and so is a key of zeros: nothing was written, however long the document."""
    model = tiny_model(kind, beta=0.0)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.k_proj.weight.fill_(0.0 if kind == "gated" else -10.0)
            layer.self_attn.q_proj.weight.fill_(0.0 if kind == "gated" else -10.0)
            layer.input_layernorm.weight.zero_()
        model.model.embed_tokens.weight.abs_()
    ids = random_ids(model, 18)
    _, state = read_cut(model, ids)
    assert all(tensor.isfinite().all() for tensor in named_tensors(state).values())
    assert not state.layers[0]["memory"].any()
    gradient = gradient_of_embeddings(model, ids)
    assert gradient.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@every_remembering_kind
def test_m7_memory_is_float32_in_a_bfloat16_model(kind: MemoryKind) -> None:
    model = tiny_model(kind, dtype=torch.bfloat16, beta=0.0)
    state = model.empty_state()
    for _ in range(2):
        for layer in state.layers:
            assert layer["memory"].dtype == torch.float32
            assert (layer.get("normaliser") is None) == (kind == "gated")
            assert layer.get("normaliser") is None or layer["normaliser"].dtype == torch.float32
        _, state = read_cut(model, random_ids(model, 12), state=state)
    rounded = state.layers[0]["memory"].bfloat16().float()
    assert not torch.equal(state.layers[0]["memory"], rounded)  # nor was it rounded on the way


def test_m8_delta_replaces_what_a_key_held_where_linear_adds_to_it() -> None:
    key, *two = torch.tensor([[0.3, -0.2, 1.0, -1.5], [1.0, 2.0, 3.0, 4.0], [-7.0, 0.5, 0.0, 9.0]], dtype=torch.float64)
    key = key.expand(1, 1, 2, 1, 4)  # (B, K, G, N, E): two segments of one token
    values = torch.stack(two).view(1, 1, 2, 1, 4)
    empty, z = key.new_zeros(1, 1, 4, 4), key.new_zeros(1, 1, 4)
    sigma = ops.linear_update(key[0, 0, 0], values[0, 0, 0])[1]
    linear = written("linear", empty, z, key, values, None).last()["memory"][0, 0]
    delta = written("delta", empty, z, key, values, None).last()["memory"][0, 0]
    assert_exact(linear, torch.outer(sigma, values.sum((0, 1, 2, 3))))
    assert_exact(delta, torch.outer(sigma, values[0, 0, 1, 0]))


def test_m8_the_kinds_of_memory_differ() -> None:
    linear, delta = (tiny_model(kind, beta=0.0) for kind in ("linear", "delta"))
    ids = random_ids(linear, 20)
    assert difference(read_cut(linear, ids)[0], read_cut(delta, ids)[0]) > 1e-3


@every_kind
def test_m8_an_empty_state_starts_afresh(kind: MemoryKind) -> None:
    """The model keeps nothing between calls: there is nothing to reset."""
    model = tiny_model(kind, carry=5, sinks=2)
    ids = random_ids(model, 17)
    first, state = read_cut(model, ids)
    read_cut(model, random_ids(model, 17, seed=1), state=state)
    again, _ = read_cut(model, ids)
    assert torch.equal(first, again)
    assert not list(model.buffers())


def test_m9_there_is_no_padding_that_memory_could_hold() -> None:
    """Rows of a batch are equally long, every id is a token, and every token is written.

    Documents of unequal length are read apart: their states have positions of their own.
    """
    model = tiny_model("linear")
    assert list(inspect.signature(model.forward).parameters) == ["ids", "state", "logits", "runs"]
    for padding in (-1, -100):
        with pytest.raises(UsageError, match="ids must lie in"):
            model(torch.tensor([[3, 4, padding], [5, 6, 7]]), model.empty_state(batch=2))
    _, short = read_cut(model, random_ids(model, 4))
    _, long = read_cut(model, random_ids(model, 9))
    assert (short.position, long.position) == (4, 9)
    with pytest.raises(UsageError, match="state does not fit"):
        model(torch.tensor([[1], [2]]), long)


@every_remembering_kind
def test_m10_the_first_segment_is_scaled_by_what_the_gate_leaves(kind: MemoryKind) -> None:
    """Nothing is in memory yet, and the output is (1 - gate) * local, as in the paper."""
    beta = 0.75  # in float32, which weights are drawn in, as in float64
    mixed, local = (tiny_model(kind, layers=1, beta=value) for value in (beta, CLOSED))
    ids = random_ids(mixed, 12)
    found, alone = (outputs_of(model.model.layers[0].self_attn, model, ids) for model in (mixed, local))
    share = 1.0 - torch.sigmoid(torch.tensor(beta, dtype=torch.float64))
    assert_exact(found[:, :5], share * alone[:, :5])
    assert difference(found[:, 5:], share * alone[:, 5:]) > 1e-2


OF_KEY_HEADS = (".key.up.weight", ".value.up.weight", ".context.up.weight")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "heavy"])  # which counts by K/V head
def test_m11_four_query_heads_share_two_key_value_heads(kind: MemoryKind) -> None:
    """Each query head reads the memory of its group, as if that had been copied for it; 4 * 6 is not 14 either."""
    grouped = tiny_model(kind, heads=4, kv_heads=2, head_size=6, hidden_size=14, carry=5, sinks=2)
    weights = grouped.state_dict()
    for name, weight in weights.items():
        if "k_proj" in name or "v_proj" in name or name.endswith(OF_KEY_HEADS):
            weights[name] = weight.unflatten(0, (2, 6)).repeat_interleave(2, dim=0).flatten(0, 1)
        elif "write_gate" in name or name.endswith("_kernel"):
            weights[name] = weight.repeat_interleave(2, dim=0)
    copied = tiny_model(kind, heads=4, kv_heads=4, head_size=6, hidden_size=14, carry=5, sinks=2)
    copied.load_state_dict(weights, strict=True)
    ids = random_ids(grouped, 23, batch=2)
    expected, state = read_cut(copied, ids)
    found, grouped_state = read_cut(grouped, ids)
    assert_exact(found, expected)
    no_heads = sum(t.nbytes for name, t in named_tensors(state).items() if name.endswith(("vector", "output_mean")))
    assert 2 * (grouped_state.nbytes - no_heads) == state.nbytes - no_heads


@every_kind
@pytest.mark.parametrize("calls", [1, 3])
def test_m12_attention_is_causal_without_a_mask_from_the_caller(kind: MemoryKind, calls: int) -> None:
    model = tiny_model(kind, segment=12, beta=CLOSED)
    ids = random_ids(model, 12)
    cuts = range(4, 12, 4) if calls > 1 else ()
    before, _ = read_cut(model, ids, cuts)
    after, _ = read_cut(model, changed(model, ids, 11), cuts)
    assert torch.equal(before[:, :11], after[:, :11])
    assert difference(before[:, 11:], after[:, 11:]) > 1e-2


@every_kind
def test_m13_asking_reads_memory_and_writes_nothing_to_the_saved_state(kind: MemoryKind) -> None:
    model = tiny_model(kind, carry=5, sinks=2, beta=0.0)
    _, state = read_cut(model, random_ids(model, 17))
    saved = copy_of(state)
    question = random_ids(model, 14, seed=1)  # long enough to close segments of its own
    first, _ = read_cut(model, question, state=state, logits="last")
    read_cut(model, random_ids(model, 9, seed=2), state=state)
    assert_same_state(state, saved)
    again, _ = read_cut(model, question, state=state, logits="last")
    assert torch.equal(first, again)


def test_m14_norms_are_computed_in_float32() -> None:
    x = torch.randn(64, 512, generator=torch.Generator().manual_seed(1)).bfloat16() * 10
    weight = torch.randn(512, generator=torch.Generator().manual_seed(2)).bfloat16()
    wide = x.double()
    exact = wide / (wide.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * (1 + weight.double())
    narrow = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * (1 + weight)
    found = ops.rms_norm(x, weight, 1e-6)
    one_rounding = 2.0**-8 * exact.abs()
    assert ((found.double() - exact).abs() <= one_rounding).all()
    assert not ((narrow.double() - exact).abs() <= one_rounding).all()
