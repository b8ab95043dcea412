"""Test the model that `train --share` starts from: what is kept, what is fitted, and how its mixers are compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from checkpoints import tiny_gemma
from safetensors.torch import load_file, save_file
from torch import Tensor

from gemma10m.config import ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.models.sharing_groups import share_in_groups
from gemma10m.training.mixer_distance import Mixed, mixer_distance
from gemma10m.training.shared_start import Unshared, fit_outputs, save_shared, shared_model
from gemma10m.weights.checkpoint import Checkpoint, open_checkpoint
from gemma10m.weights.loading import load_model

LAYERS = 4


def ids(tokens: int = 200, seed: int = 0) -> Tensor:
    return torch.randint(131, (1, tokens), generator=torch.Generator().manual_seed(seed))


def opened(folder: Path, **changes: object) -> tuple[Path, Checkpoint, Decoder]:
    """Return a checkpoint, and its model in pairs as it is before anything is fitted."""
    path = tiny_gemma(folder, layers=LAYERS, **changes)  # type: ignore[arg-type]
    checkpoint = open_checkpoint(path)
    return path, checkpoint, shared_model(checkpoint, share_in_groups(checkpoint.config, 2))


@torch.no_grad()
def logits_of(model: Decoder, seed: int = 1) -> Tensor:
    return model(ids(seed=seed), model.empty_state())[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_is_kept_is_written_bit_for_bit_and_the_state_is_half(tmp_path: Path, dtype: torch.dtype) -> None:
    path, checkpoint, shared = opened(tmp_path / "base", dtype=dtype, gates=0.0)
    fit_outputs(shared, Unshared(load_model(path, memory="full")), ids())
    (tmp_path / "out").mkdir()
    save_shared(shared, checkpoint, tmp_path / "out")
    before, after = (load_file(each / "model.safetensors") for each in (path, tmp_path / "out"))
    dropped = {f"model.layers.{layer}.self_attn.{part}_proj.weight" for layer in (1, 3) for part in "kv"}
    assert before.keys() - after.keys() == dropped
    fitted = {f"model.layers.{layer}.self_attn.o_proj.weight" for layer in (1, 3)}
    for name, tensor in after.items():
        wanted = torch.float32 if dtype == torch.float16 or name.endswith("gate") else dtype
        assert tensor.dtype == wanted
        assert torch.equal(tensor, before[name].to(wanted)) != (name in fitted)
    one, other = (load_model(each, memory="full") for each in (path, tmp_path / "out"))
    assert one.fingerprint != other.fingerprint
    states = [model(ids(), model.empty_state(), logits="none")[1] for model in (one, other)]
    assert states[0].nbytes == 2 * states[1].nbytes


def test_values_that_are_a_linear_map_of_the_owners_are_fitted_exactly(tmp_path: Path) -> None:
    """The owner's layer adds nothing to the stream, so that both layers of the first pair project the same."""
    path, _, _ = opened(tmp_path)
    tensors = load_file(path / "model.safetensors")
    first, second = ("model.layers.0.", "model.layers.1.")
    for name in ("self_attn.o_proj.weight", "mlp.down_proj.weight"):
        tensors[first + name].zero_()
    for name in ("self_attn.k_proj.weight", "input_layernorm.weight"):
        tensors[second + name] = tensors[first + name].clone()
    maps = torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(5))
    owned = tensors[first + "self_attn.v_proj.weight"].unflatten(0, (2, 8))
    tensors[second + "self_attn.v_proj.weight"] = (maps @ owned).flatten(0, 1)
    save_file(tensors, path / "model.safetensors", {"format": "pt"})
    checkpoint, unshared = open_checkpoint(path), load_model(path, memory="full")
    config = share_in_groups(checkpoint.config, 2)
    only_first = replace(config, attention=(*config.attention[:2], *[config.attention[0]] * 2))
    shared = shared_model(checkpoint, only_first)
    wanted = logits_of(unshared)
    off = (logits_of(shared) - wanted).abs().max()
    fit_outputs(shared, Unshared(unshared), ids())
    assert (logits_of(shared) - wanted).abs().max() < 0.02 * off
    assert torch.equal(logits_of(unshared), wanted)


def test_mixers_of_one_model_have_no_distance(tmp_path: Path) -> None:
    path, _, shared = opened(tmp_path)
    unshared = load_model(path, memory="full")
    outputs = []
    for model in (unshared, unshared, shared):
        with Mixed(model) as mixed:
            logits_of(model)
        outputs.append(mixed.outputs())
    assert [tuple(one.shape) for one in outputs[0]] == [(1, 200, 24)] * LAYERS
    assert mixer_distance(outputs[0], outputs[1]) == 0
    assert 0.1 < float(mixer_distance(outputs[2], outputs[0])) < 10
    logits_of(unshared)
    assert outputs[0][0].shape == mixed.outputs()[0].shape  # nothing is collected any more


def test_mixers_of_another_shape_are_refused(tmp_path: Path) -> None:
    _, _, shared = opened(tmp_path)
    narrow = Decoder(replace(shared.config, hidden_size=12), ReadingConfig("full"))
    with Mixed(shared) as mine, Mixed(narrow) as theirs:
        logits_of(shared)
        logits_of(narrow)
    with pytest.raises(UsageError, match="mixer_weight needs a teacher of the model's own shape"):
        mixer_distance(mine.outputs(), theirs.outputs())
