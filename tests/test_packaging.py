"""Test what is installed: every module, the demo model, and no numpy."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    # --no-isolation: the build backend is a development dependency, and nothing is fetched
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_the_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "gemma10m").rglob("*.py")}
    modules |= {f"gemma10m/kernels/{path.name}" for path in (ROOT / "kernels").glob("*.py")}
    assert modules <= set(wheel.namelist())


def test_the_wheel_holds_the_demo_model(wheel: zipfile.ZipFile) -> None:
    demo = {name.rsplit("/", 1)[1] for name in wheel.namelist() if name.startswith("gemma10m/demo/")}
    assert {"config.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json"} <= demo
    assert sum(wheel.getinfo(f"gemma10m/demo/{name}").file_size for name in demo) <= 8_000_000


def test_kernels_do_not_shadow_the_package_of_that_name(wheel: zipfile.ZipFile) -> None:
    assert not [name for name in wheel.namelist() if name.startswith("kernels/")]
    assert not (ROOT / "kernels" / "__init__.py").exists()


def test_nothing_imports_numpy() -> None:
    blocker = "import sys; sys.modules['numpy'] = None; "
    room = "gemma10m.library"
    used = f"import {room}; [getattr(package, name) for package in (gemma10m, {room}) for name in package.__all__]"
    subprocess.run([sys.executable, "-W", "ignore", "-c", blocker + used], check=True, cwd=ROOT)


def test_every_dependency_is_pinned_for_the_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split("[>=]=", spec)[0].lower() for spec in wanted}
    assert {name.replace("-", "_") for name in names} <= {name.replace("-", "_") for name in pinned}


def test_windows_is_refused_in_one_sentence() -> None:
    program = "import sys; sys.platform = 'win32'; import gemma10m"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == "ImportError: gemma10m runs on Linux and macOS; on Windows, run it in WSL"
