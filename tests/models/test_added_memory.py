"""A memory beside a frozen model: nothing changes before it is trained, nor inside the first segment after."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from models import random_ids, read_cut, tiny_config, tiny_model
from official_models import official_model, save
from torch.utils.flop_counter import FlopCounterMode

import gemma10m
from gemma10m.adapters.added_memory import PART
from gemma10m.config import ReadingConfig
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.models.added_projections import SHUT
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.training.added_start import adapter_with, untrained_memory
from gemma10m.training.heard_inputs import added_layers
from gemma10m.weights.adapting import with_adapter
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import load_checkpoint

READING = ReadingConfig("added", segment=4, carry=4, sinks=2)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["gemma3_text", "gemma2", "llama"])
def test_before_training_the_model_is_the_stock_model_bit_for_bit(name, dtype, tmp_path):
    checkpoint = open_checkpoint(save(official_model(name), tmp_path))
    memory = untrained_memory(checkpoint.config, READING, 3, seed=0)
    adapter = adapter_with(memory, None, checkpoint)
    grown = with_adapter(checkpoint, adapter)
    model = load_checkpoint(grown, READING, "cpu", dtype, adapter)
    stock = gemma10m.load_model(tmp_path, dtype=dtype, memory="window", segment=4, carry=4, sinks=2)
    ids = random_ids(model, 23)
    with torch.no_grad():
        assert torch.equal(read_cut(model, ids)[0], read_cut(stock, ids)[0])
    layers = [number for number in range(model.config.layers) if model.config.attention_of(number).window is None]
    assert {name.split(".")[2] for name in memory.tensors} == {str(number) for number in layers}
    kinds = [isinstance(mixer, AddedMemoryAttention) for mixer in model.mixers]
    assert [number for number, is_added in enumerate(kinds) if is_added] == layers


def test_a_trained_memory_changes_nothing_before_a_segment_has_closed():
    model = tiny_model("added", carry=5, sinks=2, has_gates=False)
    bare = without_memory(model)
    ids = random_ids(model, 12, batch=2)
    found, expected = read_cut(model, ids)[0], read_cut(bare, ids)[0]
    assert torch.equal(found[:, :5], expected[:, :5])
    assert (found[:, 5:] - expected[:, 5:]).abs().amax() > 1e-3


def test_the_state_takes_the_same_bytes_after_any_number_of_segments():
    model = tiny_model("added", carry=5, sinks=2)
    lengths = (15, 150, 450)
    states = [read_cut(model, random_ids(model, length), range(50, length, 50))[1] for length in lengths]
    assert len({state.nbytes for state in states}) == 1


def test_a_document_is_read_as_the_model_without_a_memory_reads_it():
    """The windows are those of the bare model bit for bit; only what was written tells the states apart."""
    model = tiny_model("added", carry=5, sinks=2, has_gates=False)
    bare = without_memory(model)
    ids = random_ids(model, 23, batch=2)
    with torch.no_grad():
        _, read = model(ids[:, :20], model.empty_state(2), logits="none")
        _, plain = bare(ids[:, :20], bare.empty_state(2), logits="none")
        asked, _ = model(ids[:, 20:], read)
        unasked, _ = bare(ids[:, 20:], plain)
    for mine, theirs in zip(read.layers, plain.layers, strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs.layout)
        assert bool(mine["memory"].any())
    assert (asked - unasked).abs().amax() > 1e-3


def test_the_cost_is_what_is_counted():
    """Reading a document costs what is written: the last of two layers needs neither queries nor attention."""
    model = tiny_model("added", segment=8, layers=2, has_gates=False)
    bare = without_memory(model)
    counted, costs = [], []
    for each in (model, bare):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            each(random_ids(each, 4), each.empty_state(), logits="none")
        counted.append(counter.get_total_flops() / 4)
        costs.append([mixer.cost(4) for mixer in each.mixers])
    written = [mine.projection_flops - theirs.projection_flops for mine, theirs in zip(*costs, strict=True)]
    assert min(written) > 0
    assert counted[0] - counted[1] == sum(written)
    assert costs[0][0].mixing_flops == costs[1][0].mixing_flops


def test_a_token_whose_write_gate_is_shut_leaves_the_memory_bit_for_bit_as_it_is():
    model = tiny_model("added", carry=5, sinks=2, has_gates=False)
    ids = random_ids(model, 40)
    with torch.no_grad():
        for layer in added_layers(model).values():
            layer.added_memory.write_gate.weight.zero_()
            layer.added_memory.write_gate.bias.fill_(math.log(SHUT / (1 - SHUT)) + 0.1)
        _, before = read_cut(model, ids[:, :20])
        for layer in added_layers(model).values():
            layer.added_memory.write_gate.bias.fill_(math.log(SHUT / (1 - SHUT)) - 0.1)
        _, after = model(ids[:, 20:], before, logits="none")
    for number in added_layers(model):
        assert bool(before.layers[number]["memory"].any())
        assert torch.equal(after.layers[number]["memory"], before.layers[number]["memory"])


def test_a_shut_write_gate_can_be_trained_open():
    layer = next(iter(added_layers(tiny_model("added", has_gates=False)).values()))
    gate = layer.added_memory.write_gate
    with torch.no_grad():
        gate.weight.zero_()
        gate.bias.fill_(-6.0)
    inputs = torch.randn(1, 3, gate.in_features, generator=torch.Generator().manual_seed(0))
    written = layer.written(inputs.to(gate.weight))
    assert not bool(written.gates.any())
    written.gates.sum().backward()
    soft = torch.sigmoid(gate.bias.detach())
    torch.testing.assert_close(gate.bias.grad, 3 * soft * (1 - soft))


def test_gates_are_float32_beside_bfloat16_weights():
    config = tiny_config(added_rank=3)
    assert config.added_rank == 3
    with torch.device("meta"):
        names = Decoder(config, replace(READING, segment=4)).state_dict()
    from gemma10m.weights.expected import stays_float32

    assert {name for name in names if stays_float32(name)} >= {name for name in names if PART in name}
