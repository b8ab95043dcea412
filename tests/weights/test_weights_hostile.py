"""Checkpoints that must be refused, each by a sentence that names what it is."""

import json
import os
import pickle
import socket
import struct
import sys
from contextlib import contextmanager
from functools import cache

import pytest
import torch
from checkpoints import INDEX, gemma_shapes, random_tensors, tiny_config, tiny_gemma, write_raw_shard
from hypothesis import given, settings
from hypothesis import strategies as st
from official_models import official_model, rewrite_config, save

from gemma10m.errors import ModelError
from gemma10m.weights.checkpoint import open_checkpoint

SINGLE = "model.safetensors"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 4911636152\n"


def refused(folder):
    with pytest.raises(ModelError) as caught:
        open_checkpoint(folder)
    assert caught.value.exit_code == 4
    assert "\n" not in caught.value.message
    return f"{caught.value.message} | {caught.value.hint}"


def length(count):
    return struct.pack("<Q", count)


def tensor(dtype="F32", shape=(1,), start=0, end=4):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", "is empty, found 0 bytes", id="empty"),
        pytest.param(LFS, f"a git-lfs pointer, not the file itself, found {len(LFS)} bytes in place of 4,9", id="lfs"),
        pytest.param(b"<!DOCTYPE html><html>sign in</html>", "an HTML page", id="html"),
        pytest.param(b"\n  <html lang='en'>", "an HTML page", id="html-without-doctype"),
        pytest.param(pickle.dumps({"a": 1}), "a Python pickle", id="pickle"),
        pytest.param(b"PK\x03\x04" + bytes(60), "a zip archive as torch.save writes it", id="torch-zip"),
        pytest.param(b"GGUF\x03\x00\x00\x00" + bytes(60), "a GGUF file", id="gguf"),
        pytest.param(b"Entry not found", "found 15 bytes that start with b'Entry not found'", id="text"),
        pytest.param(bytes(7), "is cut short: found 7 bytes", id="seven-bytes"),
        pytest.param(bytes(4096), "is not a safetensors file", id="zeros"),
        pytest.param(length(2**63) + b"{}", "found a header of 9,223,372,036,854,775,808 bytes", id="header-2**63"),
        pytest.param(length(10**8) + b"{}", "found a header of 100,000,000 bytes", id="header-100-MB"),
        pytest.param(length(500) + b'{"a":', "cut short: found 13 bytes, its header alone needs 508", id="cut-header"),
    ],
)  # fmt: skip
def test_what_is_not_a_safetensors_file_is_named(tmp_path, content, expected):
    folder = tiny_gemma(tmp_path)
    (folder / SINGLE).write_bytes(content)
    assert expected in refused(folder)


@pytest.mark.parametrize(
    ("header", "data", "expected"),
    [
        pytest.param(b'{"a": 1', 0, "is not valid JSON", id="broken-json"),
        pytest.param(b'{"a":' + b"[" * 100_000, 0, "nested too deeply", id="depth-bomb"),
        pytest.param(b'{"\xff": 1}', 0, "is not valid JSON", id="not-utf-8"),
        pytest.param(b'{"a": {}, "a": {}}', 0, "found the key 'a' twice", id="same-name-twice"),
        pytest.param({"__metadata__": {"format": 1}}, 0, "metadata that is not text", id="metadata-number"),
        pytest.param({"a": [1]}, 0, "must have dtype, shape and data_offsets", id="entry-is-a-list"),
        pytest.param({"a": tensor() | {"extra": 1}}, 4, "must have dtype, shape and data_offsets", id="extra-field"),
        pytest.param({"a": tensor("Q9")}, 4, "has the dtype 'Q9', F32, BF16, F16 expected", id="unknown-dtype"),
        pytest.param({"a": tensor("I8", (4,))}, 4, "quantised checkpoints are not read", id="int8"),
        pytest.param({"a": tensor(shape=(-1,), end=-4)}, 0, "a shape that is not a list of sizes", id="negative-size"),
        pytest.param({"a": tensor(shape=(True,))}, 4, "a shape that is not a list of sizes", id="true-as-size"),
        pytest.param({"a": tensor(shape=(1.0,))}, 4, "a shape that is not a list of sizes", id="float-size"),
        pytest.param({"a": tensor(shape=(1,) * 9)}, 4, "a shape that is not a list of sizes", id="nine-dimensions"),
        pytest.param({"a": tensor(shape=(2**62, 4), end=0)}, 0, "has 0 bytes, 73,786,976,294,838,206", id="overflow"),
        pytest.param({"a": tensor(shape=(10**30,))}, 4, "a number of 31 characters", id="number-beyond-64-bits"),
        pytest.param({"a": tensor(end=8)}, 8, "has 8 bytes, 4 expected", id="too-many-bytes-for-the-shape"),
        pytest.param({"a": tensor(start=4, end=0)}, 4, "has -4 bytes, 4 expected", id="end-before-start"),
        pytest.param({"a": tensor(start=4, end=8)}, 8, "leaves a hole", id="hole-at-the-start"),
        pytest.param({"a": tensor(), "b": tensor(start=8, end=12)}, 12, "leaves a hole", id="hole"),
        pytest.param({"a": tensor(), "b": tensor(start=2, end=6)}, 6, "overlaps", id="overlap"),
        pytest.param({"a": tensor(), "b": tensor()}, 4, "overlaps", id="same-bytes-twice"),
        pytest.param({"a": tensor()}, 3, "is cut short", id="cut-data"),
        pytest.param({"a": tensor()}, 5, "has bytes after its last tensor", id="trailing-bytes"),
        pytest.param({}, 0, "2 layers, but the files hold 0 tensors", id="no-tensors"),
    ],
)  # fmt: skip
def test_headers_that_lie(tmp_path, header, data, expected):
    folder = tiny_gemma(tmp_path)
    write_raw_shard(folder / SINGLE, header, bytes(data))
    assert expected in refused(folder)


@pytest.mark.parametrize("sizes", [
    {"hidden_size_per_layer_input": 2**31 - 1, "vocab_size_per_layer_input": 2**31 - 1},
    {"altup_num_inputs": 2_000_000_000},
    {"laurel_rank": 2**31 - 1},
])  # fmt: skip
def test_sizes_of_gemma_3n_that_no_file_holds_are_refused(tmp_path, sizes):
    folder = save(official_model("gemma3n_text"), tmp_path)
    rewrite_config(folder, lambda said: said | sizes)
    assert "whose matrix has more numbers than the" in refused(folder)


def test_a_truncated_file_names_found_and_expected_sizes(tmp_path):
    path = tiny_gemma(tmp_path) / SINGLE
    size = path.stat().st_size
    os.truncate(path, size - 1)
    assert f"is cut short: found {size - 1:,} bytes, {size:,} expected" in refused(tmp_path)


def test_a_header_length_that_looks_like_a_pickle_is_read(tmp_path):
    text = json.dumps({"a": tensor()}).encode().ljust(0x0280)
    write_raw_shard(tiny_gemma(tmp_path) / SINGLE, text, bytes(4))
    assert (tmp_path / SINGLE).read_bytes().startswith(b"\x80\x02")
    assert "2 layers, but the files hold 1 tensors" in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(LFS, "a git-lfs pointer", id="lfs"),
        pytest.param(b"<html>", "an HTML page", id="html"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"[1]", "must hold a JSON object, found [1]", id="list"),
        pytest.param(b'{"model_type": "gemma",', "is not valid JSON", id="cut"),
        pytest.param(b'{"rope_theta": NaN}', "found NaN", id="nan"),
        pytest.param(b'{"rope_theta": -Infinity}', "found -Infinity", id="infinity"),
        pytest.param(b'{"rope_theta": 1e999}', "beyond every finite number", id="1e999"),
        pytest.param(b'{"hidden_size": ' + b"9" * 5000 + b"}", "a number of 5,000 characters", id="5000-digits"),
        pytest.param(b'{"a": ' + b"[" * 200_000, "nested too deeply", id="depth-bomb"),
        pytest.param(b'{"head_dim": 8, "head_dim": 16}', "found the key 'head_dim' twice", id="same-key-twice"),
        pytest.param(b'{"a": "' + b"x" * 1_000_000 + b'"}', "holds 1,000,009 bytes, at most 1,000,000", id="1-MB"),
        pytest.param(b'{"model_type": "mamba"}', "model_type 'mamba', one of gemma, gemma2, ", id="mamba"),
        pytest.param(b'{"model_type": "gemma2"}', "sliding_window is missing", id="gemma2"),
        pytest.param(b'{"model_type": ["gemma"]}', "model_type ['gemma'], one of gemma, ", id="type-is-a-list"),
        pytest.param(b"{}", "model_type None, one of gemma, ", id="no-type"),
    ],
)
def test_config_json(tmp_path, content, expected):
    folder = tiny_gemma(tmp_path)
    (folder / "config.json").write_bytes(content)
    assert expected in refused(folder)


HOSTILE_NAMES = [
    "../model.safetensors", "../../etc/passwd.safetensors", "/etc/model.safetensors", "a/b.safetensors",
    "./model.safetensors", "..", ".safetensors/..", "C:model.safetensors", "C:\\model.safetensors",
    "\\\\server\\share\\model.safetensors", "//server/share/model.safetensors", "..\\model.safetensors",
    "sub\\model.safetensors", "model.safetensors:stream.safetensors", "model.bin", "pytorch_model.bin",
    "model.safetensors.bin", "model.safetensors\0.safetensors", "model\n.safetensors", "\u202emodel.safetensors",
    "\ud800.safetensors", "", 7, None, ["model.safetensors"],
]  # fmt: skip


@contextmanager
def opened_files():
    """Return the paths opened by os.open or open() meanwhile."""
    _install_audit_hook()  # hooks stay for ever: one is enough
    opened = []
    _watchers.append(opened)
    try:
        yield opened
    finally:
        _watchers.remove(opened)


_watchers = []


@cache
def _install_audit_hook():
    def watch(event, arguments):
        if event == "open" and isinstance(arguments[0], str | os.PathLike):
            for opened in _watchers:
                opened.append(os.fspath(arguments[0]))

    sys.addaudithook(watch)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=repr)
def test_shard_names_never_leave_the_folder(tmp_path, name):
    folder = tiny_gemma(tmp_path / "model", shards=2)
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"]["model.norm.weight"] = name
    (folder / INDEX).write_text(json.dumps(index))
    with opened_files() as opened:
        assert "a plain file name that ends in .safetensors expected" in refused(folder)
    assert opened == [str(folder / "config.json"), str(folder / INDEX)]


@pytest.mark.parametrize("weight_map", [None, {}, [], "model.safetensors", 3], ids=repr)
def test_index_without_a_weight_map(tmp_path, weight_map):
    folder = tiny_gemma(tmp_path, shards=2)
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))
    assert "must have a weight_map" in refused(folder)


class TestIndexAgainstShards:
    def change(self, folder, edit):
        tiny_gemma(folder, shards=2)
        index = json.loads((folder / INDEX).read_text())
        edit(index["weight_map"])
        (folder / INDEX).write_text(json.dumps(index))
        return refused(folder)

    def test_tensor_that_no_shard_holds(self, tmp_path):
        first = "model-00001-of-00002.safetensors"
        message = self.change(tmp_path, lambda weight_map: weight_map.update({"model.extra": first}))
        assert f"1 tensors into shards that do not hold them, the first is 'model.extra' in {first}" in message

    def test_tensor_that_the_index_does_not_name(self, tmp_path):
        message = self.change(tmp_path, lambda weight_map: weight_map.pop("model.norm.weight"))
        assert "tensor 'model.norm.weight' is in model-0000" in message
        assert "does not name it" in message

    def test_tensor_in_another_shard_than_the_index_says(self, tmp_path):
        def swap(weight_map):
            name = "model.norm.weight"
            weight_map[name] = next(shard for shard in weight_map.values() if shard != weight_map[name])

        assert "puts it into" in self.change(tmp_path, swap)

    def test_tensor_in_two_shards(self, tmp_path):
        folder = tiny_gemma(tmp_path, shards=2)
        first, second = sorted(folder.glob("*.safetensors"))
        second.write_bytes(first.read_bytes())
        assert "puts it into" in refused(folder)

    def test_missing_shard(self, tmp_path):
        folder = tiny_gemma(tmp_path, shards=3)
        (folder / "model-00002-of-00003.safetensors").unlink()
        assert "model-00002-of-00003.safetensors does not exist or is a broken link" in refused(folder)


class TestTensorsAgainstConfig:
    def write(self, folder, change, **config):
        described = tiny_config(**config)
        shapes = gemma_shapes(described, gates=True, write_gates=True)
        change(shapes)
        header, position = {}, 0
        for name, shape in shapes.items():
            end = position + 4 * torch.Size(shape).numel()
            header[name] = tensor(shape=shape, start=position, end=end)
            position = end
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(described))
        write_raw_shard(folder / SINGLE, header, bytes(position))
        return folder

    def test_everything_wrong_in_one_error(self, tmp_path):
        def change(shapes):
            del shapes["model.norm.weight"], shapes["model.layers.1.self_attn.gate"]
            shapes["model.layers.0.mlp.up_proj.weight"] = (24, 40)
            shapes |= {f"extra.{number}": (1,) for number in range(7)}

        message = refused(self.write(tmp_path, change))
        assert "2 missing (model.layers.1.self_attn.gate, model.norm.weight)" in message
        assert "7 unexpected ('extra.0', 'extra.1', 'extra.2', 'extra.3', 'extra.4', and 2 more)" in message
        assert "1 of another shape (model.layers.0.mlp.up_proj.weight: found [24, 40], expected [40, 24])" in message

    @pytest.mark.parametrize(
        ("name", "shape"),
        [
            ("model.layers.0.self_attn.gate", (4,)),
            ("model.layers.0.self_attn.gate", (1, 2, 1, 1)),
            ("model.layers.1.self_attn.write_gate.weight", (4, 24)),
            ("model.layers.1.self_attn.write_gate.bias", (2, 1)),
            ("model.embed_tokens.weight", (130, 24)),
            ("model.layers.1.self_attn.q_proj.weight", (24, 32)),
            ("model.norm.weight", (24, 1)),
        ],
    )
    def test_one_wrong_shape(self, tmp_path, name, shape):
        folder = self.write(tmp_path, lambda shapes: shapes.update({name: shape}))
        assert f"1 of another shape ({name}: found {list(shape)}" in refused(folder)

    @pytest.mark.parametrize("missing", ["self_attn.gate", "self_attn.write_gate.weight", "self_attn.write_gate.bias"])
    def test_gates_in_all_layers_or_in_none(self, tmp_path, missing):
        folder = self.write(tmp_path, lambda shapes: shapes.pop(f"model.layers.0.{missing}"))
        assert f"1 missing (model.layers.0.{missing})" in refused(folder)

    @pytest.mark.parametrize(
        "name", ["model.layers.2.self_attn.gate", "model.layers.00.self_attn.gate", "../../x", "\x1b[2J"]
    )
    def test_unexpected_names_are_quoted(self, tmp_path, name):
        folder = self.write(tmp_path, lambda shapes: shapes.update({name: (1, 4, 1, 1)}))
        message = refused(folder)
        assert f"1 unexpected ({name!r})" in message
        assert "\x1b" not in message


class TestFiles:
    @pytest.mark.parametrize("name", ["config.json", SINGLE])
    @pytest.mark.parametrize("kind", ["fifo", "socket", "folder", "device"])
    def test_only_regular_files(self, tmp_path, monkeypatch, name, kind):
        folder = tiny_gemma(tmp_path)
        (folder / name).unlink()
        monkeypatch.chdir(folder)
        match kind:
            case "fifo":
                os.mkfifo(name)
            case "socket":
                with socket.socket(socket.AF_UNIX) as server:
                    server.bind(name)
            case "folder":
                (folder / name).mkdir()
            case "device":
                (folder / name).symlink_to("/dev/zero")
        expected = {"socket": "cannot be opened", "device": "leaves the folder"}.get(kind, "is not a regular file")
        assert expected in refused(folder)

    @pytest.mark.parametrize("name", ["config.json", SINGLE])
    def test_links_out_of_the_folder(self, tmp_path, name):
        folder = tiny_gemma(tmp_path / "model")
        os.replace(folder / name, tmp_path / "outside")
        (folder / name).symlink_to(tmp_path / "outside")
        assert "is a link that leaves the folder" in refused(folder)

    @pytest.mark.parametrize("target", ["nowhere", SINGLE], ids=["broken", "loop"])
    def test_links_to_nowhere(self, tmp_path, target):
        folder = tiny_gemma(tmp_path)
        (folder / SINGLE).unlink()
        (folder / SINGLE).symlink_to(target)
        assert "does not exist or is a broken link" in refused(folder)

    @pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.ckpt", "weights.pt"])
    def test_pickles_are_never_read(self, tmp_path, name):
        folder = tiny_gemma(tmp_path)
        os.replace(folder / SINGLE, folder / name)
        assert f"holds its weights in '{name}' only: pickles can run code and are never read" in refused(folder)

    def test_no_weights_at_all(self, tmp_path):
        (tiny_gemma(tmp_path) / SINGLE).unlink()
        assert "holds neither model.safetensors nor model.safetensors.index.json" in refused(tmp_path)

    def test_shards_without_an_index(self, tmp_path):
        (tiny_gemma(tmp_path, shards=2) / INDEX).unlink()
        assert "holds 'model-00001-of-00002.safetensors' but neither" in refused(tmp_path)

    def test_no_config(self, tmp_path):
        (tiny_gemma(tmp_path) / "config.json").unlink()
        assert "config.json does not exist" in refused(tmp_path)

    def test_not_a_folder(self, tmp_path):
        (tmp_path / "file").write_text("")
        assert "is not a folder" in refused(tmp_path / "file")
        assert "does not exist" in refused(tmp_path / "nothing")


@settings(max_examples=300)
@given(data=st.data())
def test_mutated_shards_are_read_or_refused_by_our_own_error(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "mutated"
    path = folder / SINGLE
    if not (folder / "original").exists():
        tiny_gemma(folder, gates=0.0, layers=1)
        (folder / "original").write_bytes(path.read_bytes())
    content = bytearray((folder / "original").read_bytes())
    header_end = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, header_end - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        checkpoint = open_checkpoint(folder)
    except ModelError:
        return
    assert checkpoint.parameters == sum(t.numel() for t in random_tensors(
        gemma_shapes(tiny_config(layers=1), gates=True)).values())  # fmt: skip
