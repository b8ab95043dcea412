"""Load for a GPU whose tensors are the host's: what is joined, given back, and said."""

import pytest
import torch
from checkpoints import tiny_gemma

from gemma10m.errors import OutOfMemoryError
from gemma10m.library.model_choice import ModelOptions, resolve_dtype
from gemma10m.models.decoder import Decoder
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import load_checkpoint
from gemma10m.weights.options import resolve_reading
from gemma10m.weights.sources.safetensors_folder import SafetensorsFolder


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    load = SafetensorsFolder.load
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1_234, 99_999))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(SafetensorsFolder, "load", lambda self, entry, dtype, _: load(self, entry, dtype, "cpu"))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", RuntimeError),
        ("CUDA error: out of memory", RuntimeError),
        ("CUDA out of memory", torch.OutOfMemoryError),
    ],
)
def test_joined_weights_that_do_not_fit_are_our_error(tmp_path, monkeypatch, words, error):
    def fail(_):
        raise error(words)

    monkeypatch.setattr(Decoder, "fuse", fail)
    checkpoint = open_checkpoint(tiny_gemma(tmp_path))
    reading = resolve_reading(checkpoint)
    with pytest.raises(OutOfMemoryError, match="bytes on the GPU, 1,234 were free"):
        load_checkpoint(checkpoint, reading, "cuda", "bfloat16")


def test_what_is_left_of_joined_weights_is_given_back(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: order.append("given back"))
    fuse = Decoder.fuse
    monkeypatch.setattr(Decoder, "fuse", lambda model: (fuse(model), order.append("joined"))[0])
    checkpoint = open_checkpoint(tiny_gemma(tmp_path))
    load_checkpoint(checkpoint, resolve_reading(checkpoint), "cuda", "bfloat16")
    assert order == ["joined", "given back"]


def test_a_gpu_without_triton_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("gemma10m.ops.can_build_launchers", lambda: False)
    checkpoint = open_checkpoint(tiny_gemma(tmp_path))
    reading = resolve_reading(checkpoint)
    expected = "Triton finds no C compiler, or no Python.h"
    assert any(expected in said for said in load_checkpoint(checkpoint, reading, "cuda", "bfloat16").warnings)
    assert not any(expected in said for said in load_checkpoint(checkpoint, reading, "cpu", "bfloat16").warnings)
    monkeypatch.setenv("GEMMA10M_BACKEND", "reference")
    assert not any(expected in said for said in load_checkpoint(checkpoint, reading, "cuda", "bfloat16").warnings)


@pytest.mark.parametrize(("has_bfloat16", "used"), [(True, "bfloat16"), (False, "float32")])
def test_a_card_without_bfloat16_computes_in_float32(monkeypatch, has_bfloat16, used):
    """Before Ampere it is emulated, and neither flash nor memory-efficient attention takes it."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: has_bfloat16)
    assert resolve_dtype(ModelOptions("demo"), "cuda", parameters=10**9) == used
    assert resolve_dtype(ModelOptions("demo", dtype="bfloat16"), "cuda", parameters=10**9) == "bfloat16"
