"""Documents are measured format by format: all are counted, and what is not read has its reason."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from formats import docx, epub, notebook, paragraph, pdf, tarred, zipped
from old_excel import label, xls
from sheets import cell, rows, xlsx

from gemma10m.bench.documents import measure_documents
from gemma10m.commands.bench import BenchOptions, bench
from gemma10m.errors import UsageError
from gemma10m.library.model_choice import ModelOptions
from gemma10m.terminal import Terminal

FILES: dict[str, bytes] = {
    "a.pdf": pdf("One.", "Two."),
    "b/a.epub": epub({"a": "<h1>Sea</h1>"}),
    "b/a.docx": docx(paragraph("One.")),
    "b/a.pdf.gz": gzip.compress(pdf("One.", "", "Three.")),
    "b/a.vsdx": zipped({"[Content_Types].xml": "", "visio/document.xml": ""}),
    "b/a.xls": xls(label(0, 0, "One.")),
    "b/a.xlsx": xlsx(rows(cell("A1", "1"))),
    "c.html": b"<p>One.</p>",
    "c.ipynb": notebook({"source": "1"}).encode(),
    "c.tar": tarred({"a.txt": "one", "b.png": b"\x00"}),
    "c.zip": zipped({"a.txt": "one"}),
    "d.png": b"\x00\x01",
    "d.txt": b"\x07red\n",
    "e.png": b"1\x00",
    "e.txt": b"",
    "f.txt": b"fine\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "link.txt").symlink_to("f.txt")
    os.mkfifo(folder / "pipe")
    return folder


def test_every_file_is_counted_under_its_format(folder: Path) -> None:
    measured: dict[str, dict[str, Any]] = {str(row["format"]): row for row in measure_documents(folder)}
    counts = {name: (row["files"], row["read"], row["skipped"]) for name, row in measured.items()}
    assert counts == {
        "docx": (1, 1, {}),
        "epub": (1, 1, {}),
        "html": (1, 1, {}),
        "notebook": (1, 1, {}),
        "office": (1, 0, {"a drawing, which is not supported": 1}),
        "pdf": (1, 1, {}),
        "pdf in gzip": (1, 1, {}),
        "tar": (1, 1, {"binary": 1}),
        "text": (5, 2, {"binary": 2, "is empty": 1}),
        "unreadable": (2, 0, {"a link, not followed": 1, "a FIFO": 1}),
        "xls": (1, 1, {}),
        "xlsx": (1, 1, {}),
        "zip": (1, 1, {}),
    }
    assert (measured["pdf"]["pages"], measured["pdf in gzip"]["pages"], measured["html"]["pages"]) == (2, 3, 0)
    text = measured["text"]
    assert text["disk_bytes"] == sum(len(FILES[name]) for name in ("d.png", "d.txt", "e.png", "e.txt", "f.txt"))
    assert text["text_bytes"] == len(FILES["d.txt"] + FILES["f.txt"])
    assert (text["control_characters"], text["control_characters_shown"]) == (1, 0)
    for row in measured.values():
        assert row["slowest_file"].startswith("folder/")
        assert 0 <= row["slowest_seconds"] <= row["seconds"]
        assert 0 <= row["slowest_cpu_seconds"] <= row["cpu_seconds"]
        assert 1 << 20 < row["peak_memory_bytes"] < 200 << 20  # without torch


def test_a_single_file_is_measured_by_the_command(tmp_path: Path) -> None:
    path, results = tmp_path / "a.pdf", tmp_path / "rows.jsonl"
    path.write_bytes(FILES["a.pdf"])
    options = BenchOptions("documents", ModelOptions(device="cpu"), source=path)
    bench(Terminal(quiet=True), options, results, "gemma10m bench documents")
    (row,) = map(json.loads, results.read_text().splitlines())
    assert (row["kind"], row["source"], row["slowest_file"], row["pages"]) == ("bench documents", "a.pdf", "a.pdf", 2)


def test_something_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere holds no file"):
        list(measure_documents(tmp_path / "nowhere"))
    options = BenchOptions("documents", ModelOptions(device="cpu"))
    with pytest.raises(UsageError, match="bench documents needs a document"):
        bench(Terminal(quiet=True), options, tmp_path / "rows.jsonl", "gemma10m bench documents")
