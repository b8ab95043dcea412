"""Test which backend runs, and that a model computes the same on either."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gemma10m import ops
from gemma10m.errors import UsageError
from gemma10m.kernels import reference

OPS = (
    "add_rms_norm", "delta_decay", "gated_update", "geglu", "linear_update", "mix", "rms_norm", "rotate", "scan",
)  # fmt: skip


def test_without_a_gpu_every_op_is_the_reference() -> None:
    assert ops.BACKEND == "reference"
    for name in OPS:
        assert getattr(ops, name) is getattr(reference, name)


@pytest.mark.parametrize(
    ("asked", "has_cuda", "interpreted", "expected"),
    [
        ("", True, False, "triton"),
        ("", False, False, "reference"),
        ("", False, True, "reference"),
        ("reference", True, False, "reference"),
        ("triton", True, False, "triton"),
        ("triton", False, True, "triton"),
    ],
)
def test_triton_runs_where_there_is_a_gpu(asked: str, has_cuda: bool, interpreted: bool, expected: str) -> None:
    assert ops.choose_backend(asked, has_cuda=has_cuda, interpreted=interpreted) == expected


def test_a_backend_that_cannot_run_here_is_refused() -> None:
    with pytest.raises(UsageError, match="needs Triton, a C compiler, Python's headers and a CUDA GPU"):
        ops.choose_backend("triton", has_cuda=False, interpreted=False)
    with pytest.raises(UsageError, match="must be one of triton, reference, found 'cuda'"):
        ops.choose_backend("cuda", has_cuda=True, interpreted=False)


def test_without_a_compiler_a_gpu_runs_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.delenv("CC", raising=False)
    assert ops.choose_backend("", has_cuda=True, interpreted=False) == "reference"
    assert ops.choose_backend("triton", has_cuda=False, interpreted=True) == "triton"


def test_without_the_headers_of_python_a_gpu_runs_the_reference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert ops.choose_backend("", has_cuda=True, interpreted=False) == "reference"
    with pytest.raises(UsageError, match="Python's headers"):
        ops.choose_backend("triton", has_cuda=True, interpreted=False)
    (tmp_path / "Python.h").touch()
    assert ops.choose_backend("", has_cuda=True, interpreted=False) == "triton"


def test_rocm_runs_the_reference() -> None:
    program = (
        "import torch; torch.version.hip = '6.4'; torch.cuda.is_available = lambda: True\n"
        "from gemma10m import ops; print(ops.BACKEND)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "reference"


def test_without_triton_a_gpu_runs_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert ops.choose_backend("", has_cuda=True, interpreted=False) == "reference"
    with pytest.raises(UsageError, match="needs Triton"):
        ops.choose_backend("triton", has_cuda=True, interpreted=False)


SHARED = {"add_rms_norm", "geglu", "rms_norm", "rotate"}
OWN = {
    "linear": {"linear_update", "mix", "scan"},
    "delta": {"delta_decay", "linear_update", "mix", "scan"},
    "gated": {"gated_update", "mix", "scan"},
    "window": set(),
    "full": set(),
    "state-vector": set(),
}


@pytest.mark.parametrize("memory", OWN)
def test_a_model_computes_the_same_on_either_backend(memory: str) -> None:
    """Compare logits and states of a small model in float32, cut twice, with the kernels in Triton's interpreter.

    Against float64 the kernels' error is at most twice the reference's.
    """
    pytest.importorskip("triton")
    program = Path(__file__).parent / "support" / "both_backends.py"
    done = subprocess.run([sys.executable, program, memory], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["launched"]) == SHARED | OWN[memory]
    assert found["launched_with_gradient"] == 0
    assert not found["same"]
    assert found["kernels_error"] <= 2 * found["reference_error"]
