"""Folders: order, ignore rules, and everything in them that is not a plain text file."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from gemma10m.documents import Document, git_folders, open_source
from gemma10m.documents.guessing import WINDOWS_1252, not_utf8
from gemma10m.errors import DocumentError


def make(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def paths(document: Document) -> list[str]:
    return [file.path for file in document.files]


def skipped(document: Document) -> dict[str, str]:
    return {each.path: each.reason for each in document.skipped}


def test_the_order_is_bytewise_on_the_whole_path(tmp_path: Path) -> None:
    names = ["a/z.txt", "a.txt", "B.txt", "é.txt", "a/b/c", "a-b", "z"]
    make(tmp_path, dict.fromkeys(names, "x"))
    assert paths(open_source(tmp_path)) == sorted(names, key=str.encode)


def test_ignore_rules_at_every_level(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            ".gitignore": "*.log\nbuild/\n/top.txt\n*.tmp\n",
            "top.txt": "x",
            "sub/top.txt": "x",
            "sub/.gitignore": "!keep.log\n/local\n",
            "sub/keep.log": "x",
            "sub/other.log": "x",
            "sub/local": "x",
            "sub/deep/local": "x",
            "sub/deep/.gitignore": "!a.tmp",
            "sub/deep/a.tmp": "x",
            "sub/b.tmp": "x",
            "build/.gitignore": "!*",
            "build/out.txt": "x",
            ".hidden": "x",
            ".git/config": "secret",
            "sub/.git": "gitdir: elsewhere",
        },
    )
    document = open_source(tmp_path)
    assert paths(document) == [
        ".gitignore",
        ".hidden",
        "sub/.gitignore",
        "sub/deep/.gitignore",
        "sub/deep/a.tmp",
        "sub/deep/local",
        "sub/keep.log",
        "sub/top.txt",
    ]
    ignored = "ignored by .gitignore"
    assert skipped(document) == {
        ".git/": "git's own",
        "sub/.git": "git's own",
        "build/": ignored,
        "sub/b.tmp": ignored,
        "sub/local": ignored,
        "sub/other.log": ignored,
        "top.txt": ignored,
    }


def test_a_list_of_what_to_keep(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*\n!*/\n!*.py\n", "a/b/c.py": "x", "a/b/c.txt": "x", "d.py": "x"})
    assert paths(open_source(tmp_path)) == ["a/b/c.py", "d.py"]


def test_rules_that_are_not_utf8_match_names_that_are_not(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": b"caf\xe9*\n[z-a]\n\\\n", "a": "x"})
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    document = open_source(tmp_path)
    assert paths(document) == [".gitignore", "a"]
    assert skipped(document) == {"caf\\xe9.txt": "ignored by .gitignore"}
    assert document.notices == (f".gitignore is {not_utf8(WINDOWS_1252)}",)


def test_rules_that_are_a_link_a_fifo_or_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_folders, "LARGEST_RULES", 10)
    make(tmp_path, {"rules": "*", "a/x": "x", "b/x": "x", "c/x": "x", "c/.gitignore": "x\n" + "# long\n"})
    (tmp_path / "a/.gitignore").symlink_to("../rules")
    os.mkfifo(tmp_path / "b/.gitignore")
    (tmp_path / "c/.gitignore").write_text("x\n" + "#" * 9)
    document = open_source(tmp_path)
    assert paths(document) == ["a/x", "b/x", "c/.gitignore", "c/x", "rules"]
    assert document.notices == ("c/.gitignore is larger than 1 MB: its rules are not used",)


def test_what_is_skipped_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "d", {"text.txt": "x", "empty.txt": "", "image.png": b"\x89PNG\0", "secret": "x"})
    (folder / "wide.txt").write_bytes(b"\xff\xfe\x00\xd8")
    (folder / "link").symlink_to("text.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "fifo")
    monkeypatch.chdir(folder)
    real = os.open

    def guarded(path: str, *rest: int) -> int:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest)

    monkeypatch.setattr(os, "open", guarded)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        document = open_source(folder)
    assert [(file.path, file.nbytes) for file in document.files] == [("empty.txt", 0), ("text.txt", 1)]
    assert skipped(document) == {
        "broken": "a link, not followed",
        "fifo": "a FIFO",
        "image.png": "binary (a NUL byte at offset 4)",
        "link": "a link, not followed",
        "secret": "Permission denied",
        "socket": "a socket",
        "up": "a link, not followed",
        "wide.txt": "broken: it begins as UTF-16-LE but is not",
    }


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"a": "x", "closed/b": "x"})
    real = os.scandir

    def guarded(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    document = open_source(tmp_path)
    assert (paths(document), skipped(document)) == (["a"], {"closed/": "Permission denied"})
    with pytest.raises(DocumentError, match="closed cannot be listed: Permission denied"):
        open_source(tmp_path / "closed")


def test_a_folder_without_text_says_why(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"holds no text that can be read \(it is empty\)"):
        open_source(tmp_path)
    make(tmp_path, {f"{n}.bin": b"\0" for n in range(7)} | {"empty.txt": ""})
    with pytest.raises(DocumentError) as caught:
        open_source(tmp_path)
    assert "0.bin: binary (a NUL byte at offset 0); " in caught.value.message
    assert caught.value.message.endswith("; 3 more)")


def remove(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too deep for pytest's own cleaning up, which is recursive."""
    monkeypatch.chdir(tree.parent)
    subprocess.run(["rm", "-rf", tree.name], check=True)


def test_a_deep_tree_with_a_way_back_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for level in range(1050):
        os.mkdir("d")
        os.symlink(tmp_path, "loop")
        with open("f", "w") as file:
            file.write(str(level))
        os.chdir("d")
    document = open_source(tmp_path)
    assert len(document.files) == 1050
    assert len(document.skipped) == 1050
    remove(tmp_path / "d", monkeypatch)


def test_a_tree_deeper_than_a_path_can_be_is_said_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(25):
        os.mkdir("d" * 200)
        (Path("f")).write_text("x")
        os.chdir("d" * 200)
    document = open_source(tmp_path)
    assert 15 < len(document.files) < 25
    assert document.skipped[-1].reason == "File name too long"
    remove(tmp_path / ("d" * 200), monkeypatch)


def test_folders_and_files_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, {"one/a": "A", "two/a": "B", "two/b.bin": b"\0", "c": "C"})
    monkeypatch.chdir(tmp_path)
    document = open_source("two/", "c", "one")
    assert paths(document) == ["two/a", "c", "one/a"]
    assert skipped(document) == {"two/b.bin": "binary (a NUL byte at offset 0)"}
    assert [piece.text for piece in document.pieces() if piece.offset == 0] == ["B", "C", "A"]


def test_a_folder_of_one_file_has_a_header(tmp_path: Path) -> None:
    document = open_source(make(tmp_path, {"a.txt": "x"}))
    assert [piece.offset for piece in document.pieces()] == [-1, 0]


def test_a_folder_is_the_same_document_wherever_it_lies(tmp_path: Path) -> None:
    one, two = (make(tmp_path / name, {"a": "x", "b/c": "y"}) for name in ("one", "two"))
    assert open_source(one).fingerprint == open_source(two).fingerprint
    (two / "b/c").rename(two / "b/d")
    assert open_source(one).fingerprint != open_source(two).fingerprint


def test_a_file_swapped_for_a_link_after_opening_is_not_followed(tmp_path: Path) -> None:
    folder = make(tmp_path / "d", {"a": "same"})
    make(tmp_path, {"outside": "same"})
    document = open_source(folder)
    (folder / "a").unlink()
    (folder / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(DocumentError, match="changed"):
        list(document.pieces())


def test_a_file_swapped_for_a_link_while_it_is_opened_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "d", {"a": "mine", "b": "mine"})
    make(tmp_path, {"outside": "secret"})
    real = os.stat

    def swapping(path: str, *, follow_symlinks: bool = True) -> os.stat_result:
        found = real(path, follow_symlinks=follow_symlinks)
        if str(path).endswith("d/a"):
            os.unlink(path)
            os.symlink(tmp_path / "outside", path)
        return found

    monkeypatch.setattr(os, "stat", swapping)
    document = open_source(folder)
    monkeypatch.undo()
    assert paths(document) == ["b"]
    assert skipped(document) == {"a": "Too many levels of symbolic links"}
