"""Info manuals: nodes are places, pictures keep their names, and what is for programs is left out."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from formats import opened, places, text_of

from gemma10m.documents import limits
from gemma10m.documents.content import Content
from gemma10m.errors import DocumentError

INTRODUCTION = "This is sea.info, produced by makeinfo version 6.8 from\nsea.texi.\n\n   Copyright © Jane.\n\n"
NODES = (
    "\nFile: sea.info,  Node: Top,  Next: The Sea,  Up: (dir)\n\nAll\n***\n\n* Menu:\n\n* The Sea::\n\n",
    "\nFile: sea.info,  Node: The Sea,  Prev: Top,  Up: Top\n\n"
    'It is \0\b[image src="a.png"\0\b] blue.\0\b[index\0\b]\n\n',
)
TABLES = ("\nTag Table:\nNode: Top\x7f100\nNode: The Sea\x7f200\n", "\nEnd Tag Table\n", "\nLocal Variables:\nEnd:\n")
MANUAL = "\x1f".join([INTRODUCTION, *NODES, *TABLES])


@pytest.mark.parametrize("block", [1 << 16, 7])
def test_a_manual_is_read_by_its_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    def blocks(content: Content) -> Iterator[bytes]:
        whole = content.whole("a manual")
        yield from (whole[start : start + block] for start in range(0, len(whole), block))

    monkeypatch.setattr(Content, "blocks", blocks)
    document = opened(tmp_path, "sea.info", MANUAL)
    text = text_of(document)
    assert text.startswith(INTRODUCTION + "File: sea.info,  Node: Top")
    assert text.endswith('It is [image src="a.png"] blue.\n\n')
    assert [label for _, label in places(document)] == ["node Top", "node The Sea"]
    assert document.files[0].place(text.encode().index(b"blue")) == "node The Sea"
    assert text_of(opened(tmp_path, "sea.info.gz", gzip.compress(MANUAL.encode()))) == text


def test_another_nul_is_no_control_character(tmp_path: Path) -> None:
    assert text_of(opened(tmp_path, "sea", INTRODUCTION + "a\0b")) == INTRODUCTION + "a\ufffdb"


def test_what_only_mentions_a_manual_is_text(tmp_path: Path) -> None:
    text = "This is it.\n\nproduced by makeinfo\x1f\n"
    assert text_of(opened(tmp_path, "a.info", text)) == text


def test_a_manual_without_an_end_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LARGEST_WHOLE", 1 << 17)
    with pytest.raises(DocumentError, match="a node of more than 0 MiB"):
        opened(tmp_path, "a.info", INTRODUCTION + "a" * (1 << 18))
