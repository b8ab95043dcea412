"""Documents that follow from the program are what the program says."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_cli_docs_are_what_the_program_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["write_cli_docs.py"])
    tool = runpy.run_path(str(ROOT / "tools" / "write_cli_docs.py"))
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == tool["document"]()


def test_every_error_is_in_the_table_of_exit_codes() -> None:
    import gemma10m.errors as errors

    table = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(classes) > 9
    for kind in classes:
        assert f"`{kind.__name__}`" in table


def test_ci_runs_the_readme_s_test_command() -> None:
    commands = re.findall(r"^pip install .*&& pytest$", README, re.MULTILINE)
    assert commands == ["pip install -c constraints.txt -e '.[dev]' && pytest"]


def test_the_readme_s_files_exist() -> None:
    named = set(re.findall(r"\b((?:docs|examples|recipes|tools)/[\w./-]+\w)", README))
    assert len(named) >= 5
    for name in named:
        assert (ROOT / name).exists(), name


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 90


def test_links_between_documents_lead_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target, anchor in re.findall(r"\]\(([^)#:]+)(#[^)]*)?\)", path.read_text(encoding="utf-8")):
            found = path.parent / target
            assert found.exists(), f"{path.name}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)", found.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor[1:] in {_slug(heading) for heading in headings}, f"{path.name}: {target}{anchor}"


def _slug(heading: str) -> str:
    """Return the anchor that a heading gets on a rendered page."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_readme_s_numbers_are_rows_of_the_results() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "write_tables.py"))
    for page in tool["PAGES"]:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert tool["filled"](text) == text
    assert len(re.findall(r"\d+/\d+ \|", README)) >= 10


def test_the_benchmarks_page_is_what_the_rows_say() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "write_benchmarks.py"))
    assert (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == tool["document"]()


def test_every_row_of_the_results_is_on_a_page() -> None:
    _, retired = runpy.run_path(str(ROOT / "tools" / "retire_rows.py"))["split"]()
    assert retired == []


def test_perplexity_is_listed_from_the_start_to_the_end() -> None:
    table = runpy.run_path(str(ROOT / "tools" / "write_tables.py"))["perplexity_table"]()
    starts = [int(found.replace(",", "")) for found in re.findall(r"^\| ([\d,]+) to", table, re.MULTILINE)]
    assert len(starts) > 5
    assert starts == sorted(starts)
