import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from checkpoints import (
    INDEX,
    gemma_shapes,
    random_tensors,
    released_checkpoint,
    tiny_config,
    tiny_gemma,
    write_checkpoint,
    write_sparse_shard,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GemmaConfig, GemmaForCausalLM

from gemma10m.config import AttentionSpec, ModelConfig, Rope
from gemma10m.errors import ConfigError, ModelError
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.fingerprint import _numbers

GEMMA_2B = {"layers": 18, "heads": 8, "kv_heads": 1, "head_size": 256, "hidden": 2048, "feed_forward": 16384}
GEMMA_7B = {"layers": 28, "heads": 16, "kv_heads": 16, "head_size": 256, "hidden": 3072, "feed_forward": 24576}
TINY = ModelConfig(
    hidden_size=24, layers=2, heads=4, kv_heads=2, head_size=8, feed_forward_size=40, vocabulary=131
)  # fmt: skip
FAR = replace(TINY, rope_theta=5e5)


def rewrite_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "absent"}))
    return folder


def test_released_layout_is_accepted_and_described(tmp_path):
    folder = released_checkpoint(tmp_path / "gemma-2B-10M")
    sizes = [path.stat().st_size for path in sorted(folder.glob("*.safetensors"))]
    assert sizes == [4_911_636_152, 4_978_832_088, 134_242_760]
    started = time.perf_counter()
    checkpoint = open_checkpoint(folder)
    assert time.perf_counter() - started < 5
    assert checkpoint.parameters == 2_506_172_560
    assert checkpoint.nbytes == 10_024_690_240
    assert checkpoint.dtypes == ("F32",)
    assert checkpoint.name == "gemma-2B-10M"
    assert checkpoint.config.has_gates
    assert not checkpoint.config.has_write_gates
    assert checkpoint.config.tied_head
    assert checkpoint.reading == {"memory": None, "segment": 2048, "carry": None, "sinks": None}
    gate = checkpoint.tensors["model.layers.17.self_attn.gate"]
    assert (gate.shape, gate.nbytes) == ((1, 8, 1, 1), 32)


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize(("sizes", "parameters"), [(GEMMA_2B, 2_506_172_416), (GEMMA_7B, 8_537_680_896)])
def test_published_shapes(tmp_path, dtype, sizes, parameters):
    config = tiny_config(vocabulary=256000, **sizes)
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_sparse_shard(tmp_path / "model.safetensors", gemma_shapes(config), dtype)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.parameters == parameters
    assert checkpoint.nbytes == parameters * (4 if dtype == "F32" else 2)
    assert checkpoint.dtypes == (dtype,)


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_entries_point_at_the_bytes_of_the_tensors(tmp_path, shards):
    config = tiny_config()
    tensors = random_tensors(gemma_shapes(config, gates=True))
    checkpoint = open_checkpoint(write_checkpoint(tmp_path, config, tensors, shards))
    assert set(checkpoint.tensors) == set(tensors)
    for name, entry in checkpoint.tensors.items():
        found = torch.frombuffer(bytearray(entry.shard.read_bytes()[entry.start : entry.end]), dtype=torch.float32)
        assert torch.equal(found.view(entry.shape), tensors[name])


def test_transformers_own_files_are_read(tmp_path):
    config = GemmaConfig(
        vocab_size=131, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        rope_parameters={"rope_type": "default", "rope_theta": 1234.5},
    )  # fmt: skip
    GemmaForCausalLM(config).save_pretrained(tmp_path)
    assert open_checkpoint(tmp_path).config == replace(TINY, rope_theta=1234.5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, TINY),
        ({"rope_theta": 20000}, replace(TINY, rope_theta=20000.0)),
        ({"rope_theta": "absent"}, TINY),
        ({"rope_theta": "absent", "rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}}, FAR),
        ({"rope_theta": 5e5, "rope_parameters": {"rope_theta": 500000}}, FAR),
        ({"rope_scaling": {"type": "default"}}, TINY),
        ({"torch_dtype": "absent", "dtype": "bfloat16"}, TINY),
        ({"hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh"}, TINY),
        ({"hidden_act": None, "hidden_activation": "absent"}, TINY),
        ({"max_position_embeddings": "absent", "rms_norm_eps": 1e-5}, replace(TINY, norm_eps=1e-5)),
        ({"attention_bias": "absent"}, TINY),
        ({"tie_word_embeddings": True}, TINY),
    ],
)  # fmt: skip
def test_config_spellings(tmp_path, changes, expected):
    assert open_checkpoint(rewrite_config(tiny_gemma(tmp_path), **changes)).config == expected


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"segment_size": 64, "memory": "gated", "carry": 64, "sinks": 1}, ("gated", 64, 64, 1)),
        ({"segment": 32, "memory": "delta", "carry": 0}, ("delta", 32, 0, None)),
        ({"segment": 32, "segment_size": 32}, (None, 32, None, None)),
        ({"segment": None, "segment_size": 32}, (None, 32, None, None)),
    ],
)
def test_what_config_json_says_about_reading(tmp_path, said, read):
    reading = open_checkpoint(tiny_gemma(tmp_path, **said)).reading
    assert tuple(reading[key] for key in ("memory", "segment", "carry", "sinks")) == read


def test_every_config_problem_is_listed_at_once(tmp_path):
    folder = rewrite_config(
        tiny_gemma(tmp_path),
        num_hidden_layers=True, hidden_size=-24, vocab_size=131.0, head_dim="absent", rms_norm_eps=True,
        intermediate_size="4" * 5000, attention_bias=True, use_bidirectional_attention=True, hidden_act="relu",
        tie_word_embeddings=1, rope_scaling={"type": "linear", "factor": 8.0}, memory="perfect", segment_size=0,
        segment=16, carry=-1, sinks=1.5,
    )  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        open_checkpoint(folder)
    starts = [problem.split(" ")[0] for problem in caught.value.problems]
    assert sorted(starts) == sorted([
        "num_hidden_layers", "hidden_size", "vocab_size", "head_dim", "rms_norm_eps", "intermediate_size",
        "attention_bias", "use_bidirectional_attention", "hidden_act", "tie_word_embeddings", "rope_scaling", "memory",
        "segment_size", "segment_size", "carry", "sinks",
    ])  # fmt: skip
    assert "head_dim is missing" in caught.value.problems
    assert all(len(problem) < 250 for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"num_attention_heads": 4, "num_key_value_heads": 3}, "num_attention_heads (4) must be a multiple"),
        ({"head_dim": 7}, "head_dim (7) must be even"),
        ({"rope_parameters": {"rope_theta": 77.0}}, "rope_theta is 10000.0, but 77.0"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters must be"),
        ({"rope_parameters": "default"}, "rope_parameters must be"),
        ({"rope_parameters": {"full_attention": {"rope_theta": 1e6}}}, "rope_parameters must be"),
        ({"hidden_size": 10**15}, "hidden_size must be a positive integer"),
        ({"memory": ["gated"]}, "memory must be one of"),
    ],
)
def test_numbers_that_do_not_fit_together(tmp_path, changes, problem):
    with pytest.raises(ConfigError) as caught:
        open_checkpoint(rewrite_config(tiny_gemma(tmp_path), **changes))
    assert problem in caught.value.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
config_keys = [*tiny_config(), "dtype", "rope_parameters", "tie_word_embeddings", "memory", "segment", "carry", "sinks"]


@settings(max_examples=100)
@given(changes=st.dictionaries(st.sampled_from(config_keys), json_values, min_size=1, max_size=4))
def test_any_config_is_read_or_refused_by_our_own_error(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("model")
    tiny_gemma(folder)
    with suppress(ModelError):
        config = open_checkpoint(rewrite_config(folder, **changes)).config
        assert replace(config, context=8192, rope_theta=10000.0, norm_eps=1e-6) == TINY


def test_a_billion_layers_are_refused_before_they_are_named(tmp_path):
    folder = rewrite_config(tiny_gemma(tmp_path), num_hidden_layers=10**9)
    with pytest.raises(ModelError, match=r"1,000,000,000 layers, but the files hold 20 tensors"):
        open_checkpoint(folder)


class TestHead:
    def write(self, folder, **config):
        described = tiny_config(**config)
        shapes = gemma_shapes(described) | {"lm_head.weight": (131, 24)}
        return write_checkpoint(folder, described, random_tensors(shapes))

    @pytest.mark.parametrize("config", [{}, {"tie_word_embeddings": False}])
    def test_own_head(self, tmp_path, config):
        checkpoint = open_checkpoint(self.write(tmp_path, **config))
        assert not checkpoint.config.tied_head
        assert "lm_head.weight" in checkpoint.tensors
        assert checkpoint.notes == ()

    def test_head_beside_a_tied_one_is_left_out_aloud(self, tmp_path):
        checkpoint = open_checkpoint(self.write(tmp_path, tie_word_embeddings=True))
        assert checkpoint.config.tied_head
        assert "lm_head.weight" not in checkpoint.tensors
        assert "lm_head.weight is ignored" in checkpoint.notes[0]

    def test_untied_head_must_be_there(self, tmp_path):
        with pytest.raises(ModelError, match=r"1 missing \(lm_head.weight\)"):
            open_checkpoint(tiny_gemma(tmp_path, tie_word_embeddings=False))


class TestFingerprint:
    def test_spelling_and_shards_make_no_difference(self, tmp_path):
        one = open_checkpoint(tiny_gemma(tmp_path / "one", gates=0.0))
        three = tiny_gemma(tmp_path / "three", gates=0.0, shards=3)
        rewrite_config(three, rope_theta="absent", rope_parameters={"rope_theta": 10000}, torch_dtype="absent")
        assert open_checkpoint(three).fingerprint == one.fingerprint
        assert len(one.fingerprint) == 64

    def test_anything_else_does(self, tmp_path):
        variants = [
            {}, {"seed": 1}, {"gates": 0.0}, {"gates": 0.1}, {"dtype": torch.bfloat16}, {"dtype": torch.float16},
            {"rope_theta": 9999.0}, {"rms_norm_eps": 1e-5}, {"kv_heads": 4}, {"vocabulary": 132},
        ]  # fmt: skip
        folders = [tiny_gemma(tmp_path / str(number), **variant) for number, variant in enumerate(variants)]
        assert len({open_checkpoint(folder).fingerprint for folder in folders}) == len(variants)

    def test_a_field_that_the_program_learns_leaves_older_checkpoints_their_fingerprint(self):
        """Adapters name it, and states are found by it: this one is from before layers could share keys and values."""
        spec = AttentionSpec(4, 2, 6, Rope(1e6, (2.0,)), query_key_norm=True)
        layers = (AttentionSpec(4, 2, 6, window=7), spec, spec)
        sizes = dict(architecture="gemma3", attention=layers, post_norms=True)
        config = ModelConfig(24, 3, 4, 2, 6, 40, 131, **sizes)
        before = "9bf84f7663efd0079b2f07795c758160d20d5bbbc7a3b41af41e270374d37288"
        assert hashlib.sha256(json.dumps(_numbers(config), sort_keys=True).encode()).hexdigest() == before
        sharing = replace(config, attention=(*layers[:2], replace(spec, source=1)))
        assert _numbers(sharing) != _numbers(config)

    def test_every_byte_of_a_small_checkpoint_counts(self, tmp_path):
        folder = tiny_gemma(tmp_path)
        original = open_checkpoint(folder)
        path = folder / "model.safetensors"
        data = bytearray(path.read_bytes())
        start = min(entry.start for entry in original.tensors.values())
        for position in {start, len(data) - 1, *range(start, len(data), 997)}:
            data[position] ^= 1
            path.write_bytes(data)
            assert open_checkpoint(folder).fingerprint != original.fingerprint
            data[position] ^= 1

    def test_a_large_checkpoint_is_sampled_in_every_tensor(self, tmp_path):
        folder = released_checkpoint(tmp_path / "big")
        original = open_checkpoint(folder)
        places = [
            ("model.embed_tokens.weight", 0.0),
            ("model.layers.9.mlp.up_proj.weight", 0.5),
            ("model.layers.17.mlp.down_proj.weight", 1.0),
            ("model.layers.3.self_attn.gate", 0.0),
        ]
        for name, place in places:
            entry = original.tensors[name]
            with entry.shard.open("r+b") as file:
                file.seek(entry.start + int((entry.nbytes - 1) * place))
                file.write(b"\x01")
            changed = open_checkpoint(folder).fingerprint
            assert changed != original.fingerprint, name
            original = replace(original, fingerprint=changed)


class TestHubCache:
    """Test the layout of ~/.cache/huggingface/hub: snapshots hold links into blobs."""

    def build(self, tmp_path):
        root = tmp_path / "models--owner--small--model"
        snapshot = root / "snapshots" / "abc123"
        snapshot.mkdir(parents=True)
        plain = tiny_gemma(tmp_path / "plain", shards=2)
        (root / "blobs").mkdir()
        for number, path in enumerate(sorted(plain.iterdir())):
            os.replace(path, root / "blobs" / str(number))
            (snapshot / path.name).symlink_to(f"../../blobs/{number}")
        return root, snapshot

    def test_a_snapshot_is_read_and_named_after_its_repository(self, tmp_path):
        _, snapshot = self.build(tmp_path)
        checkpoint = open_checkpoint(snapshot)
        assert checkpoint.name == "owner/small--model"
        assert {entry.shard.parent.name for entry in checkpoint.tensors.values()} == {"blobs"}

    def test_the_cache_root_is_not_a_model(self, tmp_path):
        root, snapshot = self.build(tmp_path)
        with pytest.raises(ModelError, match="a Hugging Face cache, not a model") as caught:
            open_checkpoint(root)
        assert str(snapshot) in caught.value.hint

    def test_blobs_of_another_repository_are_refused(self, tmp_path):
        root, snapshot = self.build(tmp_path)
        other = tmp_path / "models--other--model" / "blobs"
        other.mkdir(parents=True)
        os.replace(root / "blobs" / "0", other / "0")
        (snapshot / "config.json").unlink()
        (snapshot / "config.json").symlink_to(other / "0")
        with pytest.raises(ModelError, match="leaves the folder"):
            open_checkpoint(snapshot)


def test_a_link_inside_the_folder_is_followed(tmp_path):
    folder = tiny_gemma(tmp_path)
    os.replace(folder / "model.safetensors", folder / "weights.safetensors")
    (folder / "model.safetensors").symlink_to("weights.safetensors")
    assert open_checkpoint(folder).config == TINY


def test_one_file_goes_before_an_index(tmp_path):
    folder = tiny_gemma(tmp_path)
    (folder / INDEX).write_text("left over")
    assert open_checkpoint(folder).config == TINY
