"""The house rules: who may import whom, how long things may be, who may write to the screen."""

from __future__ import annotations

import ast
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "gemma10m").rglob("*.py"), *(ROOT / "kernels").glob("*.py")])

MAY_IMPORT = {
    "errors": set(),
    "config": {"errors"},
    "folders": set(),
    "atomic_file": {"errors", "folders"},
    "strict_json": set(),
    "tensor_bytes": {"strict_json"},
    "gguf_file": {"errors", "strict_json"},
    "interrupts": set(),
    "sanitise": set(),
    "progress": set(),
    "keyboard": set(),
    "threads": set(),
    "heap": set(),
    "encodings": set(),
    "regular_file": set(),
    "documents": {"encodings", "errors", "regular_file"},
    "tokens": {"encodings", "errors", "folders", "gguf_file", "regular_file"},
    "kernels": set(),
    "ops": {"kernels", "errors"},
    "memory": {"ops", "config"},
    "models": {"memory", "ops", "config", "errors", "strict_json"},
    "ranks": {"models", "memory", "tokens", "config", "errors", "strict_json"},
    "adapters": {"models", "config", "errors", "atomic_file", "regular_file", "strict_json", "tensor_bytes"},
    "weights": {
        "ops",
        "adapters",
        "models",
        "memory",
        "config",
        "errors",
        "folders",
        "atomic_file",
        "regular_file",
        "strict_json",
        "tensor_bytes",
        "gguf_file",
    },
    "hub": {"weights", "errors", "atomic_file", "strict_json"},
    "answering": {"models", "tokens", "memory", "documents", "passages", "config", "errors"},
    "reading": {
        "heap",
        "progress",
        "models",
        "ranks",
        "tokens",
        "encodings",
        "documents",
        "answering",
        "memory",
        "config",
        "errors",
    },
    "passages": {
        "regular_file",
        "memory",
        "documents",
        "encodings",
        "tokens",
        "config",
        "atomic_file",
        "errors",
        "strict_json",
        "tensor_bytes",
    },
    "state_file": {"regular_file", "memory", "config", "errors", "atomic_file", "strict_json", "tensor_bytes"},
    "saved_states": {
        "adapters",
        "atomic_file",
        "answering",
        "reading",
        "ranks",
        "state_file",
        "documents",
        "models",
        "tokens",
        "folders",
        "errors",
        "gemma10m",
    },
    "saved_summaries": {"answering", "folders", "atomic_file", "regular_file", "strict_json"},
    "library": {
        "adapters",
        "answering",
        "atomic_file",
        "config",
        "documents",
        "errors",
        "folders",
        "gemma10m",
        "interrupts",
        "memory",
        "models",
        "passages",
        "progress",
        "ranks",
        "reading",
        "regular_file",
        "sanitise",
        "saved_states",
        "saved_summaries",
        "state_file",
        "strict_json",
        "tokens",
        "weights",
    },
    "terminal": {"errors", "progress", "sanitise"},
}
ANYTHING = {
    "training",
    "evaluation",
    "bench",
    "commands",
    "cli",
    "cli_documents",
    "cli_models",
    "cli_trials",
    "cli_options",
    "completions",
    "program",
    "gemma10m",
    "__main__",
    "tasks",
}


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "kernels":
        return "kernels"
    return "gemma10m" if parts[1] == "__init__" else parts[1]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "gemma10m":
            yield from (f"gemma10m.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    names = [name for name in imported(ast.parse(path.read_text())) if name.split(".")[0] == "gemma10m"]
    rooms = {name.split(".")[1] if "." in name else "gemma10m" for name in names}
    return {"gemma10m" if found == "__version__" else found for found in rooms}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_only_what_they_may(path: Path) -> None:
    own = room(path)
    if own in ANYTHING:
        return
    assert rooms_imported(path) - {own} <= MAY_IMPORT[own]


def test_every_room_has_a_rule() -> None:
    assert {room(path) for path in FILES} == set(MAY_IMPORT) | ANYTHING


def types_defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names of all classes, and of the type aliases and type variables of the module."""
    yield from (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assigned = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    names = [target.id for target in assigned if isinstance(target, ast.Name)]
    yield from (name for name in names if name[0].isupper() and not name.isupper())


def shared(names: Iterable[str]) -> dict[str, int]:
    return {name: count for name, count in Counter(names).items() if count > 1}


def test_no_two_types_share_a_name() -> None:
    names = (name for path in FILES for name in types_defined(ast.parse(path.read_text())))
    assert shared(names) == {}


def test_no_two_files_share_a_name() -> None:
    assert shared(path.name for path in FILES if path.name != "__init__.py") == {}


def functions(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.end_lineno - node.lineno + 1


def test_files_and_functions_are_short() -> None:
    lengths = [len(path.read_text().splitlines()) for path in FILES]
    assert max(lengths) <= 400
    assert statistics.median(lengths) <= 150
    bodies = sorted(length for path in FILES for length in functions(ast.parse(path.read_text())))
    assert bodies[int(0.95 * len(bodies))] <= 40


def test_only_the_terminal_writes_to_the_screen() -> None:
    for path in FILES:
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"), (
                path
            )
            written = isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr")
            assert not (written and isinstance(node.value, ast.Name) and node.value.id == "sys"), path


def test_nothing_a_file_holds_chooses_code() -> None:
    for path in FILES:
        tree = ast.parse(path.read_text())
        assert not set(imported(tree)) & {"pickle", "marshal", "shelve", "dill"}, path
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            assert called not in {"eval", "exec", "compile", "__import__", "globals", "torch.load"}, f"{path}: {called}"
            loose = [word for word in node.keywords if word.arg == "strict" and ast.unparse(word.value) == "False"]
            assert not loose or called == "zip", f"{path}: {called}(strict=False)"


def test_shape_comments_use_the_letters_of_the_notation_table() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text().split("## Notation")[1].split("##")[0]
    letters = {letter for row in re.findall(r"^\| ([A-Zn, ]+) \|", table, re.MULTILINE) for letter in row.split(", ")}
    assert len(letters) > 12
    words = {"rows", "heads", "wanted", "answer", "width", "sinks", "count"}
    for path in FILES:
        for shape in re.findall(r"#.*?\(((?:[\w*/+ -]+, )+[\w*/+ -]+)\)", path.read_text()):
            for size in re.findall(r"[A-Za-z]+", shape):
                assert size in letters | words, f"{path}: ({shape})"
