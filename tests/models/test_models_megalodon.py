"""Megalodon equals its equations, computed token by token; any cut, a saved state and a long text change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from megalodon_oracle import MegalodonOracle, OracleEMA, OracleTimestepNorm
from megalodons import CHUNK, SIZES, VARIANTS, megalodon_weights, save_megalodon, tiny_megalodon
from models import assert_close_state, assert_same_state, changed, copy_of, difference, named_tensors, read_cut
from states import expectation, sample_header
from torch import Tensor, nn

import gemma10m
from gemma10m import ops
from gemma10m.adapters.lora import LoraConfig, add_lora
from gemma10m.bench.flops import needed_flops
from gemma10m.config import ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.memory.state import LayerState
from gemma10m.models import megalodon_layer
from gemma10m.models.chunk import Chunk
from gemma10m.models.complex_ema import ComplexEMA
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.models.timestep_norm import MEAN, VARIANCE, TimestepNorm, statistics
from gemma10m.reading.stretch import product_flops
from gemma10m.state_file import load_state, save_state
from gemma10m.weights.config_file import parse_config
from gemma10m.weights.plan import memory_plan

EXACT = 1e-10
GOLDEN = 1e-8
TOKENS = 40  # nearly six chunks
every_variant = pytest.mark.parametrize("variant", VARIANTS)
CUTS = {
    "at once": (),
    "ragged": (1, 2, 7, 8, 9, 20, 23, 33),
    "one token at a time": tuple(range(1, TOKENS)),
    "at the chunks": (CHUNK, 2 * CHUNK, 5 * CHUNK),
    "one off the chunks": (CHUNK - 1, 2 * CHUNK + 1),
}
IDS = torch.randint(SIZES["vocab_size"], (2, TOKENS), generator=torch.Generator().manual_seed(1))


@cache
def truth(variant: str) -> Tensor:
    """Return the oracle's logits of IDS (B, S, V)."""
    said = SIZES | VARIANTS[variant]
    weights = megalodon_weights(said)
    return torch.stack([MegalodonOracle(weights, said).logits(row.tolist()) for row in IDS])


def assert_near(found: Tensor, expected: Iterable[object], tolerance: float = GOLDEN) -> None:
    torch.testing.assert_close(found, torch.tensor(expected, dtype=found.dtype), atol=tolerance, rtol=0)


# --- golden values: computed with the released code's formulas, apart from this program -------------------------------

AVERAGED = [0.3983955402, -0.8559016811, 0.2078583245, 1.4781998958]
KERNEL = [0.1483955402, -0.0591106007, -0.1095606469, 0.0934472816]
ROWS = [[1.0, 3.0, -1.0, 2.0], [2.0, -2.0, 0.0, 4.0], [0.0, 1.0, 5.0, -3.0]]
NORMED = [
    [-0.999995, 0.999995, -0.99999778, 0.99999778],
    [0.53452172, -1.60356516, -0.65094367, 1.43207608],
    [-0.52999787, 0.10599957, 1.37206409, -1.49137401],
]
MEANS = [[2.0, 0.5], [1.0, 1.25], [0.83333333, 1.16666667]]
VARIANCES = [[1.0, 2.25], [3.5, 3.6875], [2.47222222, 7.80555556]]


def golden_average() -> ComplexEMA:
    average = ComplexEMA(1, 2)
    for name, values in {
        "alpha": [[[0.1], [-0.2]]],
        "delta": [[[0.3], [0.0]]],
        "theta": [[[0.5]]],
        "gamma": [[[1.0, 0.5], [-0.7, 0.2]]],
        "omega": [[0.25]],
    }.items():
        setattr(average, name, nn.Parameter(torch.tensor(values, dtype=torch.float64)))
    return average.requires_grad_(False)


def test_the_average_has_the_golden_values() -> None:
    average = golden_average()
    gain, decay, readout = average.coefficients()
    assert_near(gain, [[0.52497919, 0.450166]], 1e-8)
    assert_near(decay.real, [[-0.26211865, -0.55662606]])
    assert_near(decay.imag, [[0.64737761, -0.53913244]])
    x, empty = torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64), torch.zeros(1, 1, 2, dtype=torch.complex128)
    for cut in (1, 2, 4):  # token by token by the recurrence, else in blocks
        state, found = empty, []
        for part in x.unsqueeze(-1).split(cut, dim=1):
            averaged, state = average(part, state)
            found.append(averaged)
        assert_near(torch.cat(found, dim=1)[0, :, 0], AVERAGED, 1e-9)
        assert_near(state.real[0, 0], [2.03758843, 1.34881513])
        assert_near(state.imag[0, 0], [0.45388116, -0.81676452])
    impulse = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]], dtype=torch.float64)
    for compute in (ops.complex_ema, ops.complex_ema_in_blocks):
        assert_near(compute(impulse, empty, gain, decay, readout)[0][0, 0], KERNEL, 1e-9)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_timestep_norm_has_the_golden_values(cut: int) -> None:
    config = parse_config(SIZES | dict(model_dim=4, norm_num_groups=2, norm_eps=1e-5)).config
    norm, x = TimestepNorm(config).double(), torch.tensor([ROWS], dtype=torch.float64)
    state = LayerState(**{name: torch.zeros(shape, dtype=d) for name, (d, shape) in norm.layout(0, 1, x.dtype).items()})
    for first in range(0, 3, cut):
        part = x[:, first : first + cut]
        chunk = Chunk(first, part.shape[1], x.device, x.dtype)
        with torch.no_grad():
            normed, state = norm(part, state, chunk, part.shape[1])
        last = first + part.shape[1] - 1
        assert_near(normed[0], NORMED[first : last + 1])
        assert_near(state[MEAN][0], MEANS[last])
        assert_near(state[VARIANCE][0], VARIANCES[last])


# --- the parts against the oracle's -----------------------------------------------------------------------------------


def random_average(channels: int, size: int, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    average = ComplexEMA(channels, size).double()
    return {name: torch.randn(p.shape, dtype=p.dtype, generator=generator) for name, p in average.named_parameters()}


def test_the_average_equals_the_oracles_from_any_state() -> None:
    weights = random_average(5, 4, seed=0)
    average, oracle = ComplexEMA(5, 4).double(), OracleEMA(weights)
    average.load_state_dict(weights, strict=True)
    x = torch.randn(1, 150, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = torch.tensor([oracle.step(token.tolist()) for token in x[0]], dtype=torch.float64)
    state = torch.zeros(1, 5, 4, dtype=torch.complex128)
    found = []
    with torch.no_grad():
        for part in x.tensor_split((1, 30, 31, 129), dim=1):
            averaged, state = average(part, state)
            found.append(averaged)
    assert difference(torch.cat(found, dim=1)[0], expected) < EXACT
    assert difference(state[0], torch.tensor(oracle.h, dtype=torch.complex128)) < EXACT


def test_a_small_variance_around_a_large_mean_is_not_lost() -> None:
    """The oracle keeps every number; sums of squares in float64 alone would leave two digits of this variance."""
    weights = {"weight": torch.zeros(6, dtype=torch.float64), "bias": torch.zeros(6, dtype=torch.float64)}
    oracle = OracleTimestepNorm(weights, groups=2, eps=0.0)
    generator = torch.Generator().manual_seed(0)
    x = 1e5 + 1e-2 * torch.randn(50, 6, dtype=torch.float64, generator=generator)
    for token in x:
        oracle.step(token)
    found, mean, variance = x.unflatten(-1, (2, -1)).unsqueeze(0), *torch.zeros(2, 1, 2, dtype=torch.float64)
    for first in range(0, 50, 20):
        mean, variance = statistics(found[:, first : first + 20], mean, variance, first).after(min(20, 50 - first))
    for group in range(2):
        expected = oracle.statistics(group)
        assert float(mean[0, group]) == pytest.approx(expected[0], rel=1e-12)
        assert float(variance[0, group]) == pytest.approx(expected[1], rel=1e-7)


# --- the whole --------------------------------------------------------------------------------------------------------


@every_variant
@pytest.mark.parametrize("cuts", CUTS)
def test_logits_equal_the_oracles_however_the_ids_are_cut(variant: str, cuts: str) -> None:
    found, state = read_cut(tiny_megalodon(variant), IDS, CUTS[cuts])
    assert 0.3 < truth(variant).std() < 3.0
    assert difference(found, truth(variant)) < EXACT
    _, whole = read_cut(tiny_megalodon(variant), IDS)
    assert_close_state(state, whole)


@every_variant
def test_every_tensor_shows(variant: str) -> None:
    model, generator = tiny_megalodon(variant), torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.add_(1e-3 * torch.randn(weight.shape, dtype=weight.dtype, generator=generator))
            assert difference(read_cut(model, IDS)[0], truth(variant)) > 1e6 * EXACT, name
            weight.copy_(kept)


def test_queries_go_through_attention_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(megalodon_layer, "QUERY_ROWS", 3)
    assert difference(read_cut(tiny_megalodon(), IDS, (4,))[0], truth("swiglu")) < EXACT


@pytest.mark.parametrize("place", [1, CHUNK - 1, CHUNK, 20, TOKENS - 1])
def test_no_token_sees_a_later_one(place: int) -> None:
    model = tiny_megalodon()
    before, after = (read_cut(model, ids)[0] for ids in (IDS, changed(model, IDS, place)))
    assert torch.equal(before[:, :place], after[:, :place])
    assert difference(before[:, place], after[:, place]) > 1e-6


def test_equal_cuts_give_equal_bits_and_leave_the_state_as_it_was() -> None:
    model = tiny_megalodon(dtype=torch.float32)
    _, state = read_cut(model, IDS[:, :17])
    kept = copy_of(state)
    first, after = read_cut(model, IDS[:, 17:], state=state)
    second, again = read_cut(model, IDS[:, 17:], state=state)
    assert torch.equal(first, second)
    assert_same_state(after, again)
    assert_same_state(state, kept)


@pytest.mark.parametrize("logits", ["last", "none"])
def test_asking_for_fewer_logits_changes_nothing_else(logits: str) -> None:
    model = tiny_megalodon()
    whole, expected = read_cut(model, IDS, (9,))
    some, state = read_cut(model, IDS, (9,), logits=logits)  # type: ignore[arg-type]
    assert_same_state(state, expected)
    if logits == "last":
        assert difference(some, whole[:, [8, -1]]) < EXACT


def test_documents_of_a_batch_do_not_touch_each_other() -> None:
    model = tiny_megalodon()
    together, _ = read_cut(model, IDS, (9,))
    for row in range(2):
        assert difference(read_cut(model, IDS[row : row + 1], (9,))[0], together[row : row + 1]) < EXACT


@every_variant
def test_float32_is_near_the_truth(variant: str) -> None:
    found, _ = read_cut(tiny_megalodon(variant, dtype=torch.float32), IDS, CUTS["ragged"])
    assert 0 < difference(found.double(), truth(variant)) < 1e-4


def test_gradients_reach_the_first_token_through_both_ways_to_average() -> None:
    found = []
    for cuts in ((), CUTS["one token at a time"]):
        model = tiny_megalodon().requires_grad_(True)
        state, total = model.empty_state(2), torch.zeros(())
        for part in IDS.tensor_split(cuts, dim=1):
            logits, state = model(part, state)
            total = total + logits.square().sum()
        total.backward()
        found.append({name: p.grad for name, p in model.named_parameters()})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        assert gradient is not None
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(found[1][name], gradient, atol=1e-9, rtol=1e-9)


# --- the state --------------------------------------------------------------------------------------------------------


def test_the_state_has_the_same_bytes_at_any_length() -> None:
    model = tiny_megalodon(dtype=torch.bfloat16)
    sizes = {model.empty_state().nbytes}
    for chunks in (1, 5):
        sizes.add(read_cut(model, IDS[:1, : chunks * CHUNK])[1].nbytes)
    assert len(sizes) == 1
    for position in (1 << 10, 1 << 20):
        sizes.add(sum(_bytes(layer) for layer in model.layout(position // CHUNK * CHUNK)))
    assert len(sizes) == 1
    most = max(sum(_bytes(layer) for layer in model.layout(CHUNK * 9 + opened)) for opened in range(CHUNK))
    plan = memory_plan(model.config, model.reading, torch.bfloat16, 1)
    assert (plan.state, plan.state_per_token) == (most, 0)
    keys_and_values = 2 * 2 * (8 + 20) * (CHUNK - 1)  # bytes, layers, numbers a token, tokens
    assert plan.keys == keys_and_values
    averages, norms = 2 * (12 * 3 * 2), 2 * 2 * 3  # twice: as they are, and as the chunk began
    assert plan.state - plan.keys == 4 * (2 * (averages + norms) + norms)


def _bytes(layout: dict[str, tuple[torch.dtype, tuple[int, ...]]]) -> int:
    return sum(dtype.itemsize * int(torch.tensor(shape).prod()) for dtype, shape in layout.values())


def test_what_is_carried_is_float32_whatever_the_weights_are() -> None:
    model = tiny_megalodon(dtype=torch.bfloat16)
    _, state = read_cut(model, IDS, (9, 20))
    for name, tensor in named_tensors(state).items():
        is_key = name.endswith(("keys", "values"))
        assert tensor.dtype == (torch.bfloat16 if is_key else torch.float32), name
    for name, weight in model.state_dict().items():
        wide = ".cema." in name or ".prior_" in name or name.endswith("freqs")
        assert (weight.dtype == torch.bfloat16) != wide, name


def test_it_goes_back_to_the_chunks_beginning_and_nowhere_inside() -> None:
    model = tiny_megalodon()
    _, at_boundary = read_cut(model, IDS[:, : 2 * CHUNK])
    _, state = read_cut(model, IDS[:, : 2 * CHUNK + 5], (3, 2 * CHUNK + 2))
    assert model.rewind(state, 1) is None
    back = model.rewind(state, 5)
    assert back is not None
    assert_close_state(back, at_boundary, 1e-12)
    assert difference(read_cut(model, IDS[:, 2 * CHUNK :], state=back)[0], truth("swiglu")[:, 2 * CHUNK :]) < EXACT
    with pytest.raises(UsageError, match="cannot skip"):
        model.skip_to(state, 100)
    assert model.first_needed(1 << 40) == 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("position", [1, CHUNK, 3 * CHUNK + 2])
def test_a_saved_state_goes_on_equal(tmp_path: Path, position: int, dtype: str) -> None:
    model = tiny_megalodon(dtype=getattr(torch, dtype))
    ids = IDS[:1]
    _, state = read_cut(model, ids[:, :position])
    header = sample_header(model.config, model.reading, position, dtype)
    save_state(tmp_path / "state", state, header)
    again, found = load_state(tmp_path / "state", expect=expectation(model.config, header))
    assert found == header
    assert_same_state(again, state)
    expected, after = read_cut(model, ids[:, position:], state=state)
    logits, after_again = read_cut(model, ids[:, position:], state=again)
    assert torch.equal(logits, expected)
    assert_same_state(after_again, after)


def test_a_long_text_leaves_numbers_that_are_finite() -> None:
    """200,000 tokens in stretches of many chunks; the statistics are those of all of them."""
    model = tiny_megalodon(dtype=torch.float32, chunk_size=256, num_layers=1)
    generator, state = torch.Generator().manual_seed(0), model.empty_state()
    with torch.inference_mode():
        for _ in range(50):
            ids = torch.randint(SIZES["vocab_size"], (1, 4096), generator=generator)
            logits, state = model(ids, state, logits="last")
    assert state.position > 200_000
    assert logits.isfinite().all()
    assert all(tensor.isfinite().all() for _, tensor in ((n, t) for layer in state.layers for n, t in layer.tensors()))
    table = model.model.embed_tokens.weight.double().unflatten(-1, (3, -1))  # (V, Y, D/Y)
    mean = table.mean(dim=(0, 2))
    assert difference(state.layers[0][MEAN][0], mean) < 0.01 * float(table.std())
    assert difference(state.layers[0][VARIANCE][0], table.var(dim=(0, 2))) < 0.01 * float(table.var())


@every_variant
def test_a_tokens_work_is_that_of_every_weight_and_the_averages(variant: str) -> None:
    model = tiny_megalodon(variant)
    matrices = sum(module.weight.numel() for module in model.model.layers.modules() if isinstance(module, nn.Linear))
    assert product_flops(model) == 2 * matrices
    config, mega = model.config, model.config.megalodon
    assert mega is not None
    attending = 2 * (CHUNK + 1) / 2 * (mega.z_dim + mega.value_dim)
    averaging = config.hidden_size * (ops.BLOCK + 8 * mega.cema_ndim)
    assert needed_flops(model, 100 * CHUNK) == pytest.approx(2 * matrices + config.layers * (attending + averaging))


# --- memory kinds -----------------------------------------------------------------------------------------------------


def test_without_its_memory_each_chunk_is_read_as_the_first() -> None:
    model = tiny_megalodon()
    bare = without_memory(model)
    expected = torch.cat([read_cut(model, part)[0] for part in IDS.split(CHUNK, dim=1)], dim=1)
    for cuts in CUTS.values():
        assert difference(read_cut(bare, IDS, cuts)[0], expected) < EXACT
    assert difference(expected[:, :CHUNK], truth("swiglu")[:, :CHUNK]) < EXACT
    assert difference(expected, truth("swiglu")) > 1e-3


@pytest.mark.parametrize("memory", ["linear", "gated", "full"])
def test_other_memories_are_refused(memory: str, tmp_path: Path) -> None:
    folder = save_megalodon(tmp_path)
    with pytest.raises(UsageError, match=f"state of its own.* memory {memory}"):
        gemma10m.load_model(folder, memory=memory)
    model = tiny_megalodon()
    with pytest.raises(UsageError, match=f"with {memory} memory"):
        Decoder(model.config, replace(model.reading, memory=memory))  # type: ignore[arg-type]


@pytest.mark.parametrize("said", [{"carry": 7}, {"sinks": 1}, {"segment": 14}])
def test_other_lengths_are_refused(said: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"with {next(iter(said))}"):
        gemma10m.load_model(save_megalodon(tmp_path), **said)


def test_an_adapter_of_attention_has_no_place_in_it() -> None:
    with pytest.raises(UsageError, match="no weights named q_proj"):
        add_lora(tiny_megalodon(), LoraConfig(rank=2, alpha=2.0), seed=0)


def test_models_that_attend_have_no_state_of_their_own() -> None:
    with pytest.raises(UsageError, match="state of its own"):
        gemma10m.load_model("demo", memory="own")
    with pytest.raises(UsageError, match="own memory"):
        Decoder(gemma10m.load_model("demo").config, ReadingConfig("own"))
