"""Megalodon is trained from scratch by `train`, and written in the released code's names and words."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from megalodons import SIZES
from models import random_ids
from safetensors.torch import load_file
from training_runs import book, log_of, run

import gemma10m
from gemma10m.commands.train import TrainOptions, train
from gemma10m.errors import UsageError
from gemma10m.evaluation.perplexity import measure_perplexity
from gemma10m.models import ARCHITECTURES
from gemma10m.models.complex_ema import ComplexEMA
from gemma10m.models.decoder import Decoder
from gemma10m.models.megalodon_layer import MegalodonLayer
from gemma10m.terminal import Terminal
from gemma10m.training.initial import initialise
from gemma10m.training.parameters import make_optimizer, select_trained
from gemma10m.training.recipe import Recipe, Stage, recipe_of
from gemma10m.training.start import scratch_plan
from gemma10m.weights.config_file import parse_config

ROOT = Path(__file__).parents[2]
SMALL = dict(num_layers=2, model_dim=32, z_dim=16, value_dim=48, num_heads=2, ffn_hidden_dim=48, cema_ndim=4,
             chunk_size=16, norm_num_groups=4, vocab_size=400, share_emb=True)  # fmt: skip
STAGES = [{"length": 64, "tokens": 16_000}]
PROSE: dict[str, Any] = {"tokens_per_step": 512, "warmup_tokens": 1000, "learning_rate": 0.01, "tasks": {"text": 1}}
PROSE |= {"lm_weight": 1, "lm_stride": 1}


def write_files(folder: Path, recipe: dict[str, Any], **changes: Any) -> dict[str, Path]:
    config, path = folder / "config.json", folder / "recipe.json"
    config.write_text(json.dumps(SIZES | SMALL | changes))
    path.write_text(json.dumps({"stages": STAGES} | PROSE | recipe))
    return {"config": config, "recipe": path}


def test_a_model_that_starts_has_what_the_released_code_draws() -> None:
    config = parse_config(SIZES | dict(model_dim=96, value_dim=128, share_emb=False)).config
    assert config.own_reading
    model = Decoder(config, config.own_reading)
    torch.manual_seed(0)
    initialise(model)
    model.requires_grad_(False)
    layer = model.model.layers[1]
    assert isinstance(layer, MegalodonLayer)
    for linear in (layer.mega.wv, layer.mega.wh2, layer.nffn.fc1):
        assert float(linear.weight.std()) == pytest.approx((3 * linear.weight.shape[1]) ** -0.5, rel=0.05)
    for still in (
        layer.mega.wv.bias,
        layer.mega.gamma,
        layer.mega.beta,
        layer.mega.timenorm.weight,
        layer.nffn.norm.bias,
    ):
        assert not still.any()
    assert layer.nffn.alpha is not None
    assert torch.allclose(layer.nffn.alpha, torch.tensor(0.05))
    average: ComplexEMA = layer.mega.cema
    assert float(average.alpha.std()) == pytest.approx(0.2, rel=0.1)
    assert float(average.omega.abs().max()) <= 1.0
    assert not average.gamma[..., 1].any()
    shares = average.theta.sigmoid().flatten().log().sort(descending=True).values
    assert torch.allclose(shares, -math.log(96) / 96 * torch.arange(1, 97), atol=1e-4)
    assert (average.theta.flatten().diff() > 0).any()  # in another order than that of the channels
    deviation = 96**-0.5
    for table in (model.model.embed_tokens.weight, model.lm_head.weight):
        assert float(table.abs().max()) <= 3 * deviation
        assert float(table.std()) == pytest.approx(deviation, rel=0.05)


def test_averages_are_trained_without_decay() -> None:
    config = parse_config(SIZES | SMALL).config
    assert config.own_reading
    model = Decoder(config, config.own_reading)
    optimizer = make_optimizer(model, Recipe((Stage(64, 1000),)))
    decaying = {id(p) for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    found = {name.rpartition(".")[2] for name, p in model.named_parameters() if id(p) in decaying}
    assert not found & {"alpha", "delta", "theta"}
    select_trained(model, "attention")
    assert {name.split(".")[3] for name, p in model.named_parameters() if p.requires_grad} == {"mega"}


def test_a_run_from_scratch_learns_and_is_read_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    train(Terminal(), TrainOptions([str(book())], out, device="cpu", **write_files(tmp_path, {})))
    losses = [line["text_loss"] for line in log_of(out)]
    assert losses[-1] < 0.7 * losses[0]
    tensors = load_file(out / "model.safetensors")
    architecture = ARCHITECTURES["megalodon"]
    model = gemma10m.load_model(out)
    assert tensors.keys() == {architecture.file_name(name) for name in model.state_dict()}
    assert "layers.1.mega.cema.theta" in tensors
    assert int(tensors["output.final_norm.prior_count"]) == 0
    again = tmp_path / "again"
    run(again, write_files(tmp_path, {"stages": [{"length": 64, "tokens": 500}]})["recipe"], start=out)
    assert log_of(again)[0]["text_loss"] < 1.2 * losses[-1]
    rows = measure_perplexity(model, 2, random_ids(model, 200)[0], 150, seed=0)
    assert [row["start"] for row in rows] == [0, 16, 32, 64, 128, 0]
    assert all(math.isfinite(float(str(row["loss_on"]))) for row in rows)


@pytest.mark.parametrize(
    ("recipe", "named"),
    [
        ({"memory": "gated"}, "memory gated"),
        ({"segment": 32}, "segment 32"),
        ({"carry": 16}, "carry 16"),
        ({"stages": [{"length": 64, "tokens": 100, "virtual": 2}]}, "virtual"),
    ],
    ids=str,
)
def test_a_recipe_for_another_memory_is_refused(tmp_path: Path, recipe: dict[str, Any], named: str) -> None:
    files = write_files(tmp_path, recipe)
    with pytest.raises(UsageError, match=named):
        scratch_plan(files["config"], recipe_of(json.loads(files["recipe"].read_text())))


def test_the_packaged_recipes_are_of_models_of_one_size_and_as_many_tokens() -> None:
    sizes, tokens = [], []
    for name in ("megalodon", "gemma-twin"):
        recipe = recipe_of(json.loads((ROOT / "recipes" / f"{name}.json").read_text()))
        plan = scratch_plan(ROOT / "recipes" / name, recipe)
        with torch.device("meta"):
            sizes.append(sum(p.numel() for p in Decoder(plan.config, plan.reading).parameters()))
        tokens.append([(stage.length, stage.tokens) for stage in recipe.stages])
        assert plan.reading.segment == 128
    assert tokens[0] == tokens[1]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
