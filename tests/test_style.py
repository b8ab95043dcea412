"""Docstrings, help texts, errors and pages are plain English: docs/style.md has the rules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

CALQUES = (
    "hang on",
    "hangs on",
    "is none",
    "are none",
    "is said",
    "are said",
    "is told",
    "are told",
    "stands in",
    "stand in",
    "stands there",
    "at hand",
    "goes on",
    "go on",
    "held against",
    "hold against",
    "holds against",
    "sum up",
    "what stands",
)
FRAGMENTS = {
    *("Of", "As", "Whether", "What", "Their", "Its", "Which", "Where", "When", "How", "With", "Without", "From", "In"),
    *("For", "By", "Until", "Because", "Whose"),
}
NO_VERBS = {"The", "A", "An", "One", "Those", "Each", "Every", "All", "Half", "Both", "Some", "Where", "None", "Most"}
NOT_PLURAL = {"Pass", "Process", "Compress", "Guess", "Express", "Address", "Discuss"}
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


def python_files() -> list[Path]:
    return sorted(
        [*(ROOT / "gemma10m").rglob("*.py"), *(ROOT / "kernels").glob("*.py"), *(ROOT / "tools").rglob("*.py")]
    )


def pages() -> list[Path]:
    folders = (ROOT / "docs", ROOT / "recipes", ROOT / "examples")
    return [*ROOT.glob("*.md"), *(path for folder in folders for path in sorted(folder.rglob("*.md")))]


def docstrings(path: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield the place and the text of each docstring, and if it is a function's that is no test.

    A test's name says what it does; its docstring explains that with a sentence.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            name = getattr(node, "name", "module")
            is_test = name.startswith("test_")
            yield f"{path.relative_to(ROOT)}:{name}", text, isinstance(node, ast.FunctionDef) and not is_test


def other_strings(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of every other string: errors, hints and help texts are among them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def calques(text: str) -> list[str]:
    plain = " ".join(CODE.sub("", text).split())
    return [words for words in CALQUES if re.search(rf"\b{words}\b", plain)]


def fragment(text: str, function: bool) -> bool:
    """Tell if a docstring begins as no sentence does; a function's must begin with an imperative."""
    first = re.match(r"[\w'-]+", text)
    if not first:
        return function
    word = first[0]
    plural = word.endswith("s") and word not in NOT_PLURAL
    return word in FRAGMENTS or (function and (word in NO_VERBS or plural or not word[0].isupper()))


FILES = python_files()
TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", [*FILES, *TESTS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_are_sentences(path: Path) -> None:
    found = [
        f"{place}: {text.splitlines()[0]}" for place, text, function in docstrings(path) if fragment(text, function)
    ]
    assert found == []


def test_docstrings_and_errors_use_no_calques() -> None:
    texts = [(place, text) for path in (*FILES, *TESTS) for place, text, _ in docstrings(path)]
    texts += [words for path in FILES for words in other_strings(path)]
    assert len(texts) > 500
    assert [(place, found, text) for place, text in texts if (found := calques(text))] == []


def test_pages_use_no_calques() -> None:
    found = []
    for page in pages():
        text = CODE.sub("", page.read_text(encoding="utf-8"))
        if page.name == "style.md":
            text = re.sub(r"^\|.*", "", text, flags=re.MULTILINE)  # its table shows what not to write
        found += [(page.name, words, part) for part in text.split("\n\n") if (words := calques(part))]
    assert found == []


@pytest.mark.parametrize(
    ("text", "function"),
    [("Of the GPU.", False), ("Whether it fits.", True), ("The ids.", True), ("Bytes on disk.", True)],
)
def test_fragments_are_found(text: str, function: bool) -> None:
    assert fragment(text, function)


def test_sentences_are_no_fragments() -> None:
    assert not fragment("Return the 1-based line of the first character.", True)
    assert not fragment("The kinds override what they do otherwise.", False)
    assert calques("It is none of these, and that is said `go on`.") == ["is none", "is said"]
