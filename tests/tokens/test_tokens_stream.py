"""Tokens of a text however it arrives: the ids of the whole, and for each the bytes of the file it stands for."""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_fixtures import TURNS, train_sentencepiece, write_json_twin

from gemma10m.documents import Piece, open_source
from gemma10m.tokens import Tokenizer, load_tokenizer
from gemma10m.tokens import stream as module
from gemma10m.tokens.stream import TokenBlock, token_stream

NASTY = st.lists(
    st.one_of(
        st.sampled_from(["\r\n", "\t", "\n" * 40, " " * 40, "\n", "\n\n", " ", "  ", "\u2028", "\u2581", "\u2581 "]),
        st.sampled_from([*TURNS, "<bos>", "<unused10>", "<start_of_", "汉字", "\U0001f600", "é", "\r"]),
        st.sampled_from(["truth", " universally acknowledged", "a" * 70, "ab" * 40, "0123456789" * 6, "-" * 90]),
        st.text(st.characters(codec="utf-8"), max_size=20),
    ),
    max_size=30,
).map("".join)


@pytest.fixture(scope="module", params=["sentencepiece", "tokenizers"])
def tokenizer(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Tokenizer:
    model = train_sentencepiece(tmp_path_factory.mktemp("model"))
    if request.param == "sentencepiece":
        return load_tokenizer(model.parent)
    return load_tokenizer(write_json_twin(model, tmp_path_factory.mktemp("json")).parent)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 64)
    monkeypatch.setattr(module, "LOOKAHEAD", 96)


def pieces_of(text: str, cuts: list[int]) -> Iterator[Piece]:
    borders = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(borders):
        before = text[:start]
        yield Piece(text[start:end], 0, len(before.encode()), 1 + before.count("\n"))


def ids_of(blocks: list[TokenBlock]) -> list[int]:
    return [token for block in blocks for token in block.ids]


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=150)
@given(text=NASTY, cuts=st.lists(st.integers(0, 5000), max_size=20))
def test_any_way_of_cutting_gives_the_ids_of_the_whole(tokenizer: Tokenizer, text: str, cuts: list[int]) -> None:
    blocks = list(token_stream(tokenizer, pieces_of(text, cuts)))
    assert ids_of(blocks) == tokenizer.encode(text)
    assert blocks == list(token_stream(tokenizer, pieces_of(text, [])))
    assert "".join(block.text for block in blocks) == text
    assert all(block.ids == tokenizer.encode(block.text) for block in blocks)
    check_ranges(blocks, text.encode(), "utf-8")


def check_ranges(blocks: list[TokenBlock], content: bytes, encoding: str) -> None:
    """Check that ranges join up, begin where the block says, and hold what their tokens decode to."""
    codec = encoding.removesuffix("-sig")
    for block in blocks:
        ranges = block.byte_ranges()
        assert len(ranges) == len(block.ids)
        assert not ranges or ranges[0][0] == block.offset
        distinct = list(dict.fromkeys(ranges))
        assert all(one[1] == other[0] for one, other in itertools.pairwise(distinct))
        taken = b"".join(content[start:end] for start, end in distinct)
        assert taken.decode(codec) == block.text
        assert block.line == 1 + content[: block.offset].decode(codec).removeprefix("\ufeff").count("\n")
        for token, (start, end) in zip(block.ids, ranges, strict=True):
            shown = block.tokenizer.decode([token])
            if "\ufffd" not in shown:
                assert content[start:end].decode(codec).replace("\u2581", " ") == shown
            elif encoding.startswith("utf-8"):
                assert end - start in (1, 3)


TEXT = "naïve  café\r\n\r\n\u2581 汉字 \U0001f600\t“quoted”\n\n\n<start_of_turn>user" + " long" * 60 + "é" * 100


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8-sig", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ],
)
def test_byte_ranges_in_every_encoding(tokenizer: Tokenizer, tmp_path: Path, encoding: str, mark: bytes) -> None:
    content = mark + (TEXT * 3).encode(encoding.removesuffix("-sig"))
    (tmp_path / "a.txt").write_bytes(content)
    blocks = list(token_stream(tokenizer, open_source(tmp_path / "a.txt").pieces()))
    assert len(blocks) > 10
    assert blocks[0].offset == len(mark)
    check_ranges(blocks, content, encoding)


@pytest.mark.usefixtures("small_blocks")
def test_byte_ranges_in_windows_1252(tokenizer: Tokenizer, tmp_path: Path) -> None:
    content = b"caf\xe9 \x81\x93na\xefve\x94\r\n" * 30
    (tmp_path / "a.txt").write_bytes(content)
    blocks = list(token_stream(tokenizer, open_source(tmp_path / "a.txt").pieces()))
    position = 0
    for block in blocks:
        assert block.offset == position
        characters = [start for start, _ in dict.fromkeys(block.byte_ranges())]
        assert characters[0] == position
        position += len(block.text)
        assert block.byte_ranges()[-1][1] == position
    assert position == len(content)


def test_each_byte_of_a_character_has_its_own_range(tokenizer: Tokenizer) -> None:
    (block,) = token_stream(tokenizer, [Piece("x汉", 0, 10, 1)])
    assert block.byte_ranges() == [(10, 11), (11, 12), (12, 13), (13, 14)]
    (block,) = token_stream(tokenizer, [Piece("x汉", 0, 10, 1, "utf-16-le")])
    assert block.byte_ranges() == [(10, 12), (12, 14), (12, 14), (12, 14)]


@pytest.mark.parametrize("shift", range(15))
def test_a_long_word_is_never_cut_inside_the_name_of_a_control_token(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    monkeypatch.setattr(module, "BLOCK", 60)
    assert len(tokenizer.encode("<start_of")) == 1
    text = "x" * shift + "<start_of_turn>" * 200
    assert ids_of(list(token_stream(tokenizer, pieces_of(text, [])))) == tokenizer.encode(text)


@pytest.mark.parametrize("unit", ["ab", "=", "汉", "<start_of_turn>", "0", " ", "\n", "\u2581", "truthuniversally,"])
def test_a_word_longer_than_a_block_is_exact_too(tokenizer: Tokenizer, unit: str) -> None:
    text = "x" + unit * (30_000 // len(unit)) + "\ny z"
    blocks = list(token_stream(tokenizer, pieces_of(text, [9000, 9001, 20_000])))
    assert len(blocks) > 4
    assert ids_of(blocks) == tokenizer.encode(text)


def test_without_looking_ahead_a_long_word_would_differ(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 50)
    text = "".join("universallyacknowledged"[i % 23] for i in range(2000))
    for cuts in ([], list(range(2000))):
        assert ids_of(list(token_stream(tokenizer, pieces_of(text, cuts)))) == tokenizer.encode(text)
    monkeypatch.setattr(module, "LOOKAHEAD", 1)
    assert ids_of(list(token_stream(tokenizer, pieces_of(text, [])))) != tokenizer.encode(text)


@pytest.mark.usefixtures("small_blocks")
def test_pieces_that_hold_a_space_inside_forbid_cuts_before_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenizer_fixtures.OTHERS", [">\u2581</", "a\nb"])
    tokenizer = load_tokenizer(train_sentencepiece(tmp_path).parent)
    assert tokenizer.safe_cuts == ()
    text = "> </" * 100 + "a\nb" * 100 + "a > </ universally\n\n" * 20
    blocks = list(token_stream(tokenizer, pieces_of(text, [50, 333])))
    assert len(blocks) > 5
    assert ids_of(blocks) == tokenizer.encode(text)
    assert len(ids_of(blocks)) < 500


def test_blocks_have_a_few_thousand_characters(tokenizer: Tokenizer) -> None:
    text = "One of the special magic numbers for amber-lantern is: 48213.\n" * 1000
    lengths = [len(block.text) for block in token_stream(tokenizer, pieces_of(text, []))]
    assert max(lengths) <= module.BLOCK
    assert min(lengths[:-1]) > module.BLOCK - 100


def test_files_and_headers_are_texts_of_their_own(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    (tmp_path / "b").write_text("\ntwo")
    (tmp_path / "c").write_text("")
    document = open_source(tmp_path)
    pieces = list(document.pieces())
    blocks = list(token_stream(tokenizer, pieces))
    assert [(block.file, block.offset, block.text) for block in blocks] == [(p.file, p.offset, p.text) for p in pieces]
    assert [block.ids for block in blocks] == [tokenizer.encode(piece.text) for piece in pieces]
    assert set(blocks[0].byte_ranges()) == {(-1, -1)}
    assert blocks[1].byte_ranges()[0][0] == 0


def test_nothing_gives_nothing(tokenizer: Tokenizer) -> None:
    assert list(token_stream(tokenizer, [])) == []
    assert list(token_stream(tokenizer, [Piece("", 0, 0, 1)])) == []
