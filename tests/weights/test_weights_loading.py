import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from checkpoints import gemma_shapes, random_tensors, released_checkpoint, tiny_config, tiny_gemma, write_checkpoint
from official_models import Float64
from rounding import assert_exact
from safetensors.torch import load_file
from transformers import GemmaForCausalLM

from gemma10m.config import ReadingConfig
from gemma10m.errors import ConfigError, ModelError, OutOfMemoryError, UsageError
from gemma10m.weights import loading
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import load_model, resolve_device, resolve_model
from gemma10m.weights.options import closed_gate_warning, resolve_reading
from gemma10m.weights.sources.safetensors_folder import SafetensorsFolder
from gemma10m.weights.tensors import load_weights

GATES = ("self_attn.gate", "self_attn.write_gate.weight", "self_attn.write_gate.bias")

DELTA = {"gates": 0.0, "memory": "delta", "segment": 64, "carry": 128, "sinks": 1}


class TestLoadWeights:
    @pytest.mark.parametrize("target", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16, torch.float16])
    @pytest.mark.parametrize("shards", [1, 3])
    def test_every_tensor_is_cast_and_gates_stay_float32(self, tmp_path, stored, target, shards):
        tiny_gemma(tmp_path, gates=0.0, write_gates=True, dtype=stored, shards=shards)
        on_disk = {name: t for path in tmp_path.glob("*.safetensors") for name, t in load_file(path).items()}
        weights = load_weights(open_checkpoint(tmp_path), device="cpu", dtype=target)
        assert weights.keys() == on_disk.keys()
        for name, tensor in weights.items():
            expected = torch.float32 if name.endswith(GATES) else target
            assert tensor.dtype == expected
            assert torch.equal(tensor, on_disk[name].to(expected))

    def test_writing_into_a_mapped_tensor_leaves_the_file_alone(self, tmp_path):
        before = (tiny_gemma(tmp_path) / "model.safetensors").read_bytes()
        weights = load_weights(open_checkpoint(tmp_path), device="cpu", dtype=torch.float32)
        weights["model.norm.weight"].fill_(7.0)
        assert (tmp_path / "model.safetensors").read_bytes() == before

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    @pytest.mark.parametrize("name", GATES)
    def test_gates_that_are_not_finite_are_refused(self, tmp_path, name, value):
        config = tiny_config()
        contents = random_tensors(gemma_shapes(config, gates=True, write_gates=True))
        contents[f"model.layers.1.{name}"].view(-1)[-1] = value
        checkpoint = open_checkpoint(write_checkpoint(tmp_path, config, contents))
        with pytest.raises(ModelError, match=f"layers.1.{name} holds numbers that are not finite"):
            load_weights(checkpoint, device="cpu", dtype=torch.float32)

    def test_a_shard_that_changed_after_it_was_opened(self, tmp_path):
        checkpoint = open_checkpoint(tiny_gemma(tmp_path / "a"))
        for other, expected in (("wider", "was changed while it was read"), ("gone", "cannot be read")):
            tiny_gemma(tmp_path / other, hidden=26)
            os.replace(tmp_path / other / "model.safetensors", tmp_path / "a" / "model.safetensors")
            if other == "gone":
                (tmp_path / "a" / "model.safetensors").unlink()
            with pytest.raises(ModelError, match=expected):
                load_weights(checkpoint, device="cpu", dtype=torch.float32)

    def test_a_full_gpu_is_our_error(self, tmp_path, monkeypatch):
        checkpoint = open_checkpoint(tiny_gemma(tmp_path, gates=0.0))

        def out_of_memory(*_):
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1_234, 99_999))
        monkeypatch.setattr(SafetensorsFolder, "load", out_of_memory)
        bytes_needed = 2 * (checkpoint.parameters - 8) + 4 * 8  # 8 gates stay float32
        with pytest.raises(OutOfMemoryError, match=f"needs {bytes_needed:,} bytes on the GPU, 1,234 were free"):
            load_weights(checkpoint, device="cuda", dtype=torch.bfloat16)


MEASURE = """
import sys, threading
from pathlib import Path
import torch
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.tensors import load_weights

def anonymous():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon")) * 1024

checkpoint = open_checkpoint(Path(sys.argv[1]))
torch.ones(1000, 1000).to(torch.bfloat16)
peak, done = 0, threading.Event()

def watch():
    global peak
    while not done.wait(0.0005):
        peak = max(peak, anonymous())

threading.Thread(target=watch).start()
try:
    for dtype in (torch.float32, torch.bfloat16):
        start = peak = anonymous()
        weights = load_weights(checkpoint, device="cpu", dtype=dtype)
        touched = sum(float(tensor.reshape(-1)[-1]) for tensor in weights.values())
        print(max(peak, anonymous()) - start)
        del weights
finally:
    done.set()
"""


def test_host_memory_stays_within_one_tensor_of_the_model(tmp_path):
    folder = tiny_gemma(
        tmp_path,
        layers=4,
        heads=4,
        kv_heads=1,
        head_size=128,
        hidden=768,
        feed_forward=3072,
        vocabulary=24_000,
        shards=2,
    )
    stored = open_checkpoint(folder)
    assert stored.nbytes > 180e6
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", MEASURE, str(folder)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    mapped, cast = map(int, ran.stdout.split())
    slack = 20e6  # the allocator's and the watching thread's
    largest = max(entry.nbytes for entry in stored.tensors.values()) / 2
    assert mapped <= slack
    assert 0.9 * stored.nbytes / 2 <= cast <= stored.nbytes / 2 + largest + slack


class TestReading:
    @pytest.mark.parametrize(
        ("model", "said", "expected"),
        [
            ({}, {}, ("window", 2048, 6144, 4)),
            ({"max_position_embeddings": 1000}, {}, ("window", 2048, 0, 4)),
            ({"max_position_embeddings": 5000}, {"segment": 512}, ("window", 512, 4096, 4)),
            ({}, {"segment": 3}, ("window", 3, 8187, 3)),
            ({}, {"memory": "linear"}, ("linear", 2048, 6144, 4)),
            ({}, {"memory": "full"}, ("full", 2048, 0, 0)),
            ({}, {"memory": "full", "carry": 2048, "sinks": 2}, ("full", 2048, 2048, 2)),
            ({"gates": 0.0}, {}, ("linear", 2048, 2048, 4)),
            ({"gates": 0.0, "segment_size": 64}, {}, ("linear", 64, 64, 4)),
            ({"gates": 0.0}, {"memory": "window", "carry": 0}, ("window", 2048, 0, 4)),
            ({"gates": 0.0, "write_gates": True}, {}, ("gated", 2048, 2048, 4)),
            ({"state_vectors": True}, {}, ("state-vector", 2048, 2048, 4)),
            ({"state_vectors": True, "gates": 0.0, "segment": 64}, {"carry": 0}, ("state-vector", 64, 0, 4)),
            ({"state_vectors": True, "memory": "state-vector"}, {"memory": "window"}, ("window", 2048, 2048, 4)),
            (DELTA, {}, ("delta", 64, 128, 1)),
            (DELTA, {"memory": "window"}, ("window", 64, 128, 1)),
            (DELTA, {"memory": "full"}, ("full", 64, 0, 0)),
            ({"memory": "full", "carry": 64, "segment": 64, "sinks": 2}, {}, ("full", 64, 64, 2)),
            ({"gates": 0.0, "carry": 128, "segment": 64}, {"carry": 0, "sinks": 0}, ("linear", 64, 0, 0)),
        ],
    )  # fmt: skip
    def test_user_then_config_json_then_defaults(self, tmp_path, model, said, expected):
        checkpoint = open_checkpoint(tiny_gemma(tmp_path, **model))
        memory, segment, carry, sinks = expected
        assert resolve_reading(checkpoint, **said) == ReadingConfig(memory, segment, carry, sinks)

    @pytest.mark.parametrize(
        ("word", "value"),
        [("memory", "perfect"), ("memory", ""), ("segment", 0), ("segment", -5), ("carry", 100),
         ("carry", -2048), ("sinks", 4096)],
    )  # fmt: skip
    def test_words_of_the_user_that_do_not_fit(self, tmp_path, word, value):
        checkpoint = open_checkpoint(tiny_gemma(tmp_path))
        with pytest.raises(UsageError, match=word):
            resolve_reading(checkpoint, **{word: value})

    def test_a_config_json_that_does_not_fit(self, tmp_path):
        checkpoint = open_checkpoint(tiny_gemma(tmp_path, segment_size=64, carry=100))
        with pytest.raises(ConfigError, match=r"carry \(100\) must be 0 or a multiple of the segment \(64\)"):
            resolve_reading(checkpoint)

    def test_gated_memory_needs_write_gates(self, tmp_path):
        checkpoint = open_checkpoint(tiny_gemma(tmp_path, gates=0.0))
        with pytest.raises(ModelError, match="has no write gates"):
            resolve_reading(checkpoint, memory="gated")

    def test_state_vector_memory_needs_its_parameters(self, tmp_path):
        folder = tiny_gemma(tmp_path, gates=0.0, write_gates=True, memory="state-vector")
        with pytest.raises(ModelError, match="has no state-vector parameters, which state-vector memory needs") as told:
            load_model(folder)
        assert "--memory linear or window" in told.value.hint

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_a_state_vector_checkpoint_reads(self, tmp_path, dtype):
        model = load_model(tiny_gemma(tmp_path, state_vectors=True, memory="state-vector", segment=4), dtype=dtype)
        assert not model.warnings
        assert model.model.layers[1].self_attn.state_vector.first.dtype == torch.float32
        _, state = model(torch.arange(9).unsqueeze(0), model.empty_state())
        assert all(layer["state_vector"].any() for layer in state.layers)

    def test_a_layer_without_its_state_vector_is_missed(self, tmp_path):
        config = tiny_config(memory="state-vector")
        tensors = random_tensors(gemma_shapes(config, state_vectors=True))
        del tensors["model.layers.1.self_attn.state_vector.down.bias"]
        with pytest.raises(ModelError, match=r"1 missing \(model.layers.1.self_attn.state_vector.down.bias\)"):
            load_model(write_checkpoint(tmp_path, config, tensors))


class TestClosedGates:
    reading = ReadingConfig("linear", 64, 128, 4)

    @pytest.mark.parametrize("kind", ["linear", "delta", "gated"])
    def test_closed_gates_say_what_is_lost(self, kind):
        warning = closed_gate_warning([torch.full((1, 8, 1, 1), -100.0)] * 3, ReadingConfig(kind, 64, 128, 4))
        assert warning is not None
        assert "every memory gate of the checkpoint is closed" in warning
        assert "remembers nothing beyond its window of 192 tokens" in warning

    def test_no_gates_say_so_too(self):
        assert "has no memory gates" in (closed_gate_warning(None, self.reading) or "")

    @pytest.mark.parametrize("beta", [-13.8, 0.0, 50.0])
    def test_one_open_gate_is_enough(self, beta):
        gates = [torch.full((1, 8, 1, 1), -100.0), torch.full((1, 8, 1, 1), -100.0)]
        gates[1][0, 3] = beta
        assert closed_gate_warning(gates, self.reading) is None

    def test_just_below_a_millionth_is_closed(self):
        assert closed_gate_warning([torch.full((1, 8, 1, 1), -13.9)], self.reading)

    @pytest.mark.parametrize("kind", ["window", "full"])
    def test_memory_nobody_asked_for(self, kind):
        assert closed_gate_warning(None, ReadingConfig(kind, 64, 0, 0)) is None


class TestLoadModel:
    def test_a_stock_model_equals_transformers(self, tmp_path):
        model = load_model(tiny_gemma(tmp_path), memory="full")
        ids = torch.randint(131, (2, 77), generator=torch.Generator().manual_seed(1))
        official = GemmaForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
        with torch.no_grad():
            theirs = official(ids).logits
            with Float64():
                truth = official.double()(ids).logits
            ours = model(ids, model.empty_state(2))[0]
        assert (ours.double() - truth).abs().max() <= 2 * (theirs.double() - truth).abs().max()

    @pytest.mark.parametrize("gates", [None, 0.0])
    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_loaded_models_are_ready(self, tmp_path, gates, dtype):
        folder = tiny_gemma(tmp_path / "little", gates=gates, segment_size=16)
        model = load_model(str(folder), device="auto" if not torch.cuda.is_available() else "cpu", dtype=dtype)
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())
        assert not any(parameter.is_meta for parameter in model.parameters())
        assert (model.name, model.fingerprint) == ("little", open_checkpoint(folder).fingerprint)
        assert model.dtype == getattr(torch, dtype)
        assert model.warnings == ()
        logits, state = model(torch.arange(40)[None], model.empty_state())
        assert torch.isfinite(logits).all()
        assert state.position == 40

    def test_own_head_is_used(self, tmp_path):
        config = tiny_config(tie_word_embeddings=False)
        shapes = gemma_shapes(config) | {"lm_head.weight": (131, 24)}
        weights = random_tensors(shapes)
        model = load_model(write_checkpoint(tmp_path, config, weights)).double()
        hidden, _ = model.hidden(torch.tensor([[2, 5, 7]]), model.empty_state(), 1)
        assert_exact(model.head(hidden), hidden @ weights["lm_head.weight"].double().T)

    def test_closed_gates_warn(self, tmp_path):
        model = load_model(tiny_gemma(tmp_path / "closed", gates=-100.0, segment_size=16))
        assert len(model.warnings) == 1
        assert "window of 32 tokens" in model.warnings[0]
        assert "has no memory gates" in load_model(tiny_gemma(tmp_path / "stock"), memory="linear").warnings[0]

    @pytest.mark.parametrize(
        "arguments",
        [
            *({"device": name} for name in ("tpu", "cuda:x", "cuda:", "cpu:0", "mps")),
            *({"dtype": name} for name in ("float16", "f")),
        ],
    )
    def test_words_nobody_knows(self, tmp_path, arguments):
        with pytest.raises(UsageError, match="must be"):
            load_model(tmp_path, **arguments)


@pytest.mark.parametrize(
    ("asked", "has_cuda", "used"), [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu")]
)
def test_device(monkeypatch, asked, has_cuda, used):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    assert resolve_device(asked) == used


def test_cuda_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="finds no CUDA GPU"):
        resolve_device("cuda")


def test_a_gpu_by_its_number(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert resolve_device("cuda:1") == "cuda"
    assert chosen == [1]
    with pytest.raises(UsageError, match="there is no GPU 2: PyTorch finds 2, counted from 0"):
        resolve_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="device cuda:1 was asked for, but PyTorch finds no CUDA GPU"):
        resolve_device("cuda:1")


class TestModelFolder:
    def test_demo_and_folders(self, tmp_path):
        assert resolve_model("demo").name == "demo"
        assert resolve_model("demo").parent.name == "gemma10m"
        assert resolve_model(str(tmp_path)) == tmp_path

    def test_a_folder_named_demo_is_named_by_its_path(self, tmp_path, monkeypatch):
        (tmp_path / "demo").mkdir()
        monkeypatch.chdir(tmp_path)
        assert resolve_model("./demo") == Path("demo")

    def test_a_downloaded_name(self, tmp_path, monkeypatch):
        monkeypatch.setattr(loading, "find_downloaded", {"owner/name": tmp_path}.get)
        assert resolve_model("owner/name") == tmp_path

    @pytest.mark.parametrize("name", ["owner/other", "a/b/c", "nope", "", "\0", "x" * 300])
    def test_a_name_nobody_has(self, name):
        with pytest.raises(ModelError) as caught:
            resolve_model(name or "none/such")
        assert "is neither a path, a downloaded model nor one of demo, small, large, chat" in caught.value.message
        assert "gemma10m download" in caught.value.hint

    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("https://a.b/model.gguf", "is a URL"),
            ("x.gguf", "does not exist"),
            ("../../x", "x does not exist"),
            ("~nosuchuser/x", "x does not exist"),
        ],
    )
    def test_a_url_or_a_missing_file_is_named_as_what_it_is(self, name, what, tmp_path, monkeypatch):
        (tmp_path / "in" / "here").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "in" / "here")
        with pytest.raises(ModelError, match=what) as caught:
            resolve_model(name)
        assert "gemma10m download" not in caught.value.hint

    def test_a_file(self, tmp_path):
        (tmp_path / "model.safetensors").write_text("")
        with pytest.raises(ModelError, match=r"is neither a folder nor a \.gguf file"):
            resolve_model(tmp_path / "model.safetensors")


def test_a_downloaded_model_carries_its_repository_name(tmp_path, monkeypatch):
    monkeypatch.setattr("gemma10m.weights.checkpoint.models_folder", lambda: tmp_path)
    assert open_checkpoint(tiny_gemma(tmp_path / "owner--little--model")).name == "owner/little--model"


def test_the_released_gates_are_read_as_closed(tmp_path):
    """A sparse copy holds zeros; the published gates are -100. Both must load without touching the big tensors."""
    folder = released_checkpoint(tmp_path / "released")
    checkpoint = open_checkpoint(folder)
    for name, entry in checkpoint.tensors.items():
        if name.endswith("gate"):
            with entry.shard.open("r+b") as file:
                file.seek(entry.start)
                file.write(struct.pack("<8f", *[-100.0] * 8))
    weights = load_weights(open_checkpoint(folder), device="cpu", dtype=torch.float32)
    gates = [tensor for name, tensor in weights.items() if name.endswith("self_attn.gate")]
    assert len(gates) == 18
    reading = resolve_reading(checkpoint)
    assert reading == ReadingConfig("linear", 2048, 2048, 4)
    assert "window of 4,096 tokens" in (closed_gate_warning(gates, reading) or "")
    assert json.loads((folder / "config.json").read_text())["segment_size"] == 2048
