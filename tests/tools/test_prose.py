"""`tools/fetch_prose.py`: books out of Debian packages, from a mirror or from files, and hostile ones refused."""

from __future__ import annotations

import hashlib
import io
import lzma
import struct
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import debs
import pytest
from fake_hub import FakeHub, running
from fetch_prose import fetch as prose
from huggingface_hub.utils import close_session
from hypothesis import given
from hypothesis import strategies as st
from prose import fetch, packages
from prose.damage import LARGEST, DamagedError
from prose.lzw import expand
from prose.packages import AUSTEN, BIBLE, unpack
from prose.verses import bible_texts

from gemma10m.errors import DocumentError, Gemma10MError, NetworkError, UsageError
from gemma10m.terminal import Terminal

TRAIN = {"emma", "mansfield-park", "northanger-abbey", "pride-and-prejudice", "sense-and-sensibility"}
TEST = {"persuasion", "kjv"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("debs")
    (folder / "r-cran-janeaustenr_1.0_all.deb").write_bytes(debs.austen_deb())
    (folder / "bible-kjv-text_1.0_all.deb").write_bytes(debs.bible_deb())
    (folder / "vim_9.0_all.deb").write_bytes(b"another package")
    return folder


def get(folder: Path, *sources: Path) -> None:
    prose(Terminal(), folder, sources)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- the folder -------------------------------------------------------------------------------------------------------


def test_the_books_are_written_apart_for_training_and_testing(
    local: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    get(tmp_path, local)
    assert {path.stem for path in (tmp_path / "train").iterdir()} == TRAIN
    assert {path.stem for path in (tmp_path / "test").iterdir()} == TEST
    assert {path.stem for path in (tmp_path / "documents").iterdir()} == {"kjv"}
    shown = capsys.readouterr()
    assert sorted(shown.out.split()) == sorted(str(path) for path in tmp_path.glob("*/*.txt"))
    assert shown.err.count("warning: ") == 2  # the packages made here are not the known ones
    assert "8 books" in shown.err


def test_the_texts_are_the_books(local: Path, tmp_path: Path) -> None:
    get(tmp_path, local)
    text = (tmp_path / "test" / "persuasion.txt").read_text(encoding="utf-8")
    assert text == "Persuasion\n\nSir Walter Elliot, of Kellynch Hall — a man who\n"
    verses = (tmp_path / "test" / "kjv.txt").read_text(encoding="utf-8")
    assert verses == "In the beginning.\nAnd the earth.\n\nThus.\n\nNow there was a man.\n"
    numbered = (tmp_path / "documents" / "kjv.txt").read_text(encoding="utf-8")
    assert numbered.startswith("Ge1:1 In the beginning.\nGe1:2 And the earth.\n\nGe2:1 Thus.\n\n")


def test_the_sources_are_said(local: Path, tmp_path: Path) -> None:
    get(tmp_path, local)
    said = (tmp_path / "SOURCES.md").read_text(encoding="utf-8")
    for name in ("r-cran-janeaustenr_1.0_all.deb", "bible-kjv-text_1.0_all.deb"):
        assert hashlib.sha256((local / name).read_bytes()).hexdigest() in said
    assert "| test/persuasion.txt | Persuasion | Jane Austen, 1818 | r-cran-janeaustenr 1.0 |" in said
    assert "in the public domain" in said
    assert "copyright has expired" in said
    assert len([line for line in said.splitlines() if line.startswith("| t")]) == 7


def test_a_second_run_touches_nothing(local: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    get(tmp_path, local)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    capsys.readouterr()
    get(tmp_path, *sorted(local.glob("[br]*.deb")))  # the order of --from is of no matter
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert "0 files written" in capsys.readouterr().err


def test_what_is_missing_is_written_again(local: Path, tmp_path: Path) -> None:
    get(tmp_path, local)
    before = contents(tmp_path)
    (tmp_path / "train" / "emma.txt").unlink()
    get(tmp_path, local)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("other", [b"mine", b""])
def test_another_file_of_that_name_is_never_overwritten(local: Path, tmp_path: Path, other: bytes) -> None:
    mine = tmp_path / "test" / "kjv.txt"
    mine.parent.mkdir()
    mine.write_bytes(other)
    with pytest.raises(UsageError, match=r"kjv\.txt exists and is not what would be written there") as error:
        get(tmp_path, local)
    assert error.value.hint
    assert contents(tmp_path) == {"test/kjv.txt": other}


# --- which packages ---------------------------------------------------------------------------------------------------


def test_both_packages_are_needed(local: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has bible-kjv-text 0 times, expected once"):
        get(tmp_path, local / "r-cran-janeaustenr_1.0_all.deb")
    with pytest.raises(UsageError, match="has bible-kjv-text 2 times, expected once"):
        get(tmp_path, local, local / "bible-kjv-text_1.0_all.deb")
    assert not contents(tmp_path)


def test_another_package_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "vim.deb"
    other.write_bytes(debs.deb("vim", debs.tar({})))
    with pytest.raises(DocumentError, match="it is the package vim, expected r-cran-janeaustenr or bible-kjv-text"):
        get(tmp_path / "out", other)


@pytest.mark.parametrize("name", ["nothing.deb", "/dev/zero"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        get(tmp_path / "out", tmp_path / name)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.deb").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DocumentError, match="is larger than"):
        get(tmp_path / "out", tmp_path / "huge.deb")


def test_a_package_without_a_novel_is_refused() -> None:
    fewer = {name: lines for name, lines in debs.NOVELS.items() if name != "EMMA"}
    with pytest.raises(DocumentError, match=r"a\.deb cannot be used: it lacks Emma"):
        unpack(debs.austen_deb(fewer), "", "a.deb")


# --- the network ------------------------------------------------------------------------------------------------------


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Return a mirror whose packages, made here, are the known ones."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_notatoken")
    made = {AUSTEN: debs.austen_deb(), BIBLE: debs.bible_deb()}
    known = tuple(
        replace(package, size=len(data), sha256=hashlib.sha256(data).hexdigest()) for package, data in made.items()
    )
    for module in (fetch, packages):
        monkeypatch.setattr(module, "PACKAGES", known)
    with running({package.file_name: data for package, data in made.items()}) as server:
        monkeypatch.setattr(fetch, "MIRROR", f"{server.url}/debian")
        close_session()
        yield server
        close_session()


def test_the_packages_are_fetched(
    mirror: FakeHub, local: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    get(tmp_path / "fetched")
    assert [seen.path for seen in mirror.seen] == [f"/debian/{package.path}" for package in packages.PACKAGES]
    assert {seen.authorization for seen in mirror.seen} == {None}  # the hub's token is not for Debian
    assert "warning" not in capsys.readouterr().err
    get(tmp_path / "local", local)
    assert contents(tmp_path / "fetched") == contents(tmp_path / "local")


def test_another_file_than_the_known_one_is_refused(mirror: FakeHub, tmp_path: Path) -> None:
    mirror.faults.flip[BIBLE.file_name] = 1
    with pytest.raises(NetworkError, match=r"is not the file expected: .* sha256 [0-9a-f]{64}, expected") as error:
        get(tmp_path)
    assert "after the folder" in error.value.hint
    assert not contents(tmp_path)


def test_a_file_that_never_ends_is_cut(mirror: FakeHub, tmp_path: Path) -> None:
    mirror.faults.endless = True
    with pytest.raises(NetworkError, match="is not the file expected"):
        get(tmp_path)
    assert mirror.sent[AUSTEN.file_name] < LARGEST


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_refusal_is_said(mirror: FakeHub, tmp_path: Path, status: int) -> None:
    mirror.faults.status[AUSTEN.file_name] = [(status, "")]
    with pytest.raises(NetworkError, match=rf"\.deb answered {status}") as error:
        get(tmp_path)
    assert "snapshot.debian.org" in error.value.hint


def test_a_connection_that_breaks_is_said(mirror: FakeHub, tmp_path: Path) -> None:
    mirror.faults.cut_after[AUSTEN.file_name] = [100]
    with pytest.raises(NetworkError, match="cannot fetch http"):
        get(tmp_path)
    get(tmp_path)
    assert len(contents(tmp_path)) == 9


@pytest.mark.usefixtures("mirror")
def test_a_mirror_that_cannot_be_reached_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MIRROR", "http://127.0.0.1:9/debian")
    with pytest.raises(NetworkError, match="cannot fetch"):
        get(tmp_path)


# --- hostile packages -------------------------------------------------------------------------------------------------


def test_every_truncation_is_refused() -> None:
    whole = debs.austen_deb()
    for end in range(0, len(whole) - 1, 7):
        with pytest.raises(DocumentError):
            unpack(whole[:end], "", "a.deb")


@given(st.sampled_from([debs.austen_deb(), debs.bible_deb()]), st.data())
def test_changed_bytes_give_the_books_or_an_error_of_ours(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(3):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    refused_or_whole(bytes(damaged))


@given(st.sampled_from([AUSTEN, BIBLE]), st.data())
def test_changed_contents_give_text_or_an_error_of_ours(package: packages.Package, data: st.DataObject) -> None:
    """The changes are below the checksums of xz: in the tar, R's records and the compressed text."""
    content = debs.rdb([debs.r_record(lines) for lines in debs.NOVELS.values()])
    if package is BIBLE:
        content = debs.bible(debs.VERSES.encode())
    tar = bytearray(debs.tar({package.member: content}))
    for _ in range(2):
        tar[data.draw(st.integers(0, len(content) + 600))] = data.draw(st.integers(0, 255))
    refused_or_whole(debs.deb(package.name, bytes(tar)))


def refused_or_whole(data: bytes) -> None:
    try:
        found = unpack(data, "", "a.deb")
    except Gemma10MError:
        return
    assert found.texts.keys() == set(found.package.books)


def austen_with(**changes: object) -> bytes:
    return debs.deb(AUSTEN.name, debs.tar({AUSTEN.member: b""}, **changes))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_a_link_or_device_in_place_of_the_text_is_refused(kind: bytes) -> None:
    with pytest.raises(DocumentError, match="is not a regular file"):
        unpack(austen_with(type=kind, linkname="/etc/passwd"), "", "a.deb")


@pytest.mark.parametrize("name", ["../../{}", "/{}", "./../{}", "{}/../x", "./x/{}"])
def test_only_the_file_of_that_very_path_is_read(name: str) -> None:
    other = name.format(AUSTEN.member)
    with pytest.raises(DocumentError, match="it holds no usr/lib/R"):
        unpack(debs.deb(AUSTEN.name, debs.tar({other: b"x"})), "", "a.deb")


@pytest.mark.parametrize("size", [-512, -1, -(1 << 40), LARGEST + 1, 1 << 60])
def test_an_impossible_size_in_the_tar_is_refused(size: int) -> None:
    with pytest.raises(DocumentError, match="more than the"):
        unpack(debs.deb(AUSTEN.name, header_of(size) + bytes(1024)), "", "a.deb")


def header_of(size: int) -> bytes:
    info = tarfile.TarInfo("usr/other")
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def test_a_sparse_file_is_refused() -> None:
    info = tarfile.TarInfo(AUSTEN.member)
    info.type = tarfile.GNUTYPE_SPARSE
    with pytest.raises(DocumentError, match="is not a regular file"):
        unpack(debs.deb(AUSTEN.name, info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)), "", "a.deb")


def test_an_xz_bomb_is_refused() -> None:
    zeros, out = lzma.LZMACompressor(preset=0), io.BytesIO()
    for _ in range(80):
        out.write(zeros.compress(bytes(1 << 20)))
    out.write(zeros.flush())
    good = lzma.compress(debs.tar({"control": b"Package: r-cran-janeaustenr\n"}))
    with pytest.raises(DocumentError, match="its content would have 67,108,865 bytes, more than"):
        unpack(debs.ar({"control.tar.xz": good, "data.tar.xz": out.getvalue()}), "", "a.deb")


@pytest.mark.parametrize("said", [1 << 31, LARGEST + 1, 10, 0])
def test_an_r_record_is_no_longer_than_it_says(said: int) -> None:
    content = struct.pack(">I", said) + debs.rdb([debs.r_record(["x"] * 1000)])[4:]
    with pytest.raises(DocumentError, match=r"R data"):
        unpack(debs.deb(AUSTEN.name, debs.tar({AUSTEN.member: content})), "", "a.deb")


def test_a_vector_of_a_billion_strings_is_refused_at_once() -> None:
    record = debs.r_record(["EMMA"])
    at = record.index(struct.pack(">II", 16, 1)) + 4
    content = debs.rdb([record[:at] + struct.pack(">I", 10**9) + record[at + 4 :]])
    with pytest.raises(DocumentError, match="its R data is broken"):
        unpack(debs.deb(AUSTEN.name, debs.tar({AUSTEN.member: content})), "", "a.deb")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is not an ar archive"),
        (debs.ar({}), "it has no control.tar.xz, only nothing"),
        (debs.ar({"control.tar.zst": b""}), "it has no control.tar.xz, only control.tar.zst"),
        (debs.ar({"control.tar.xz": b"not xz, and long", "data.tar.xz": b""}), "its xz data is broken"),
        (debs.deb(BIBLE.name, b"not a tar"), "its tar archive is broken"),
        (debs.deb(BIBLE.name, debs.tar({BIBLE.member: b"EC03"})), "does not begin with EC02"),
        (debs.deb(BIBLE.name, debs.tar({BIBLE.member: b"EC02"})), "its text ends early"),
        (debs.bible_deb("Edition.\nGe1:1 In.\nHello\n"), "1 of the 2 lines of its text are no verses"),
        (debs.bible_deb("Edition.\n"), "0 of the 0 lines"),
        (debs.bible_deb("Edition.\nGe1:1 caf\u00e9\n"), "is not ASCII"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as error:
        unpack(data, "", "a.deb")
    assert "apt-get download" in error.value.hint


# --- the compressed text ----------------------------------------------------------------------------------------------


def test_the_beginning_of_the_real_file() -> None:
    codes = "48deb0c90342481a316ccab00011a40e1d346fe4a4d153860c0814"
    assert expand(bytes.fromhex(codes), 100) == b"Holy Bible, Authorized ("


@given(st.binary(max_size=400) | st.text("ab \n", max_size=3000).map(str.encode))
def test_expanding_undoes_compressing(text: bytes) -> None:
    assert expand(debs.compressed(text or b"x"), len(text) + 1) == (text or b"x")


def test_codes_of_every_width_are_read() -> None:
    text = b"".join(struct.pack(">H", number * 40503 & 0xFFFF) for number in range(1 << 15))
    assert expand(debs.compressed(text), len(text)) == text


def test_more_text_than_said_is_refused() -> None:
    with pytest.raises(DamagedError, match="longer than the 4 bytes"):
        expand(debs.compressed(b"ababababab"), 4)


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_damaged(data: bytes) -> None:
    with suppress(DamagedError):
        assert len(expand(data, 500)) <= 500


def test_a_verse_may_go_on_in_the_next_window() -> None:
    whole = bible_texts(debs.bible(debs.VERSES.encode()))
    for window in (7, 20, 64):
        assert bible_texts(debs.bible(debs.VERSES.encode(), window)) == whole


@pytest.mark.parametrize("place", [84, 88, 92, 96])
def test_windows_that_lie_wrong_are_refused(place: int) -> None:
    data = bytearray(debs.bible(debs.VERSES.encode(), 20))
    data[place : place + 4] = b"\xff\xff\xff\xf0"
    with pytest.raises(DamagedError):
        bible_texts(bytes(data))
