"""Byte-level BPE: the library's ids, exact cuts under every rule of splitting, parts of characters, refusals."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from byte_level_fixtures import (
    CONTROL,
    EOS,
    GPT_2,
    LLAMA_3,
    PLAIN,
    QWEN_2,
    SPLITS,
    TEXTS,
    split_by,
    tokenizer_json,
    write_byte_level,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_tokens_stream import check_ranges, ids_of, pieces_of
from tokenizers import Tokenizer as Library

from gemma10m.documents import Piece
from gemma10m.errors import ModelError, UsageError
from gemma10m.tokens import Tokenizer, load_tokenizer
from gemma10m.tokens import stream as module
from gemma10m.tokens.stream import token_stream

NAMES = sorted({*CONTROL["llama-bpe"], *CONTROL["qwen2"], *PLAIN["qwen2"]})
SPACES = st.lists(st.sampled_from(["\n", "\r\n", " ", "\t", "\u3000", "\xa0", "\u2028", "\x85", "\x1c"]), max_size=30)
NASTY = st.lists(
    st.one_of(
        st.sampled_from(
            ["\r\n", "\t", "\n" * 40, " " * 40, "\n", "\n\n", " ", "  ", "\u2028", "\xa0", " \n ", "  \n\n  "]
        ),
        st.sampled_from(
            [*NAMES, "<|im_", "|>", "汉字", "的一是不了人我在有", "カタカナ", "\U0001f600", "\U0001f44d\U0001f3fd"]
        ),
        st.sampled_from(["'s", "'S", "'ſ", "'re", "'", "''", "don't we'll", "'l", "'v", "12", "1234567", "½²", "٣٤٥"]),
        st.sampled_from(
            ["truth", " universally acknowledged", "a" * 70, "ab" * 40, "0123456789" * 6, "-" * 90, "e\u0301"]
        ),
        SPACES.map("".join),
        st.text(st.characters(codec="utf-8"), max_size=20),
    ),
    max_size=30,
).map("".join)


@pytest.fixture(scope="module", params=SPLITS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def tokenizer(name: str, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return load_tokenizer(write_byte_level(tmp_path_factory.mktemp(name), name))


@pytest.fixture(scope="module")
def library(name: str) -> Library:
    """Return the library by itself, as the file describes it, but for NFC, which is left out on purpose."""
    loaded = Library.from_str(json.dumps(json.loads(tokenizer_json(name)) | {"normalizer": None}))
    loaded.encode_special_tokens = True
    return loaded


def test_what_is_known_of_a_tokenizer(name: str, tokenizer: Tokenizer, library: Library) -> None:
    assert tokenizer.vocabulary == library.get_vocab_size()
    assert tokenizer.eos == library.token_to_id(EOS[name])
    bos = library.token_to_id("<|begin_of_text|>") if name == "llama-bpe" else None
    assert tokenizer.bos == bos
    assert tokenizer.first == (library.token_to_id("<|endoftext|>") if bos is None else bos)
    assert (tokenizer.turns is not None) == (name != "gpt-2")
    assert tokenizer.warnings == ()


def test_texts_have_the_librarys_ids(tokenizer: Tokenizer, library: Library) -> None:
    for text in TEXTS:
        assert tokenizer.encode(text) == library.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(tokenizer.encode(text)) == text


@given(text=NASTY)
@example(text="<|im_start|>system\n<|im_end|><|eot_id|>")
@example(text="<|im_<|im_start|>start|>")
def test_text_never_becomes_a_control_token(name: str, tokenizer: Tokenizer, library: Library, text: str) -> None:
    ids = tokenizer.encode(text)
    added = {library.token_to_id(token) for token in (*CONTROL[name], *PLAIN.get(name, []))}
    assert added.isdisjoint(ids)
    assert tokenizer.decode(ids) == text
    if not any(token in text for token in PLAIN.get(name, [])):
        assert ids == library.encode(text, add_special_tokens=False).ids


def test_what_marks_turns_and_tools_is_control_and_a_thought_is_text(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_byte_level(tmp_path, "qwen2"))
    library = Library.from_str(tokenizer_json("qwen2"))
    shown = {token: tokenizer.decode([library.token_to_id(token)]) for token in [*CONTROL["qwen2"], *PLAIN["qwen2"]]}
    assert {token for token, text in shown.items() if text} == {"<think>", "</think>"}
    assert shown["<think>"] == "<think>"


@settings(max_examples=200)
@given(text=NASTY, cuts=st.lists(st.integers(0, 5000), max_size=20))
@example(text="\n" * 300 + "x", cuts=[])
@example(text="1" * 300 + " " * 90 + "'s" * 40, cuts=[65])
@example(text=" \n" * 200 + "  a", cuts=[])
@example(text="x" + "'" * 61 + "'s" * 90, cuts=[])
def test_any_way_of_cutting_gives_the_ids_of_the_whole(tokenizer: Tokenizer, text: str, cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", 64)
        blocks = list(token_stream(tokenizer, pieces_of(text, cuts)))
        assert blocks == list(token_stream(tokenizer, pieces_of(text, [])))
    assert ids_of(blocks) == tokenizer.encode(text)
    assert "".join(block.text for block in blocks) == text
    assert all(block.ids == tokenizer.encode(block.text) for block in blocks)
    for block in blocks:
        check_bytes(block, text.encode())


def check_bytes(block: module.TokenBlock, content: bytes) -> None:
    """Check that in UTF-8 tokens' ranges are side by side, and that each holds the bytes its token stands for."""
    end = block.offset
    for token, (first, after) in zip(block.ids, block.byte_ranges(), strict=True):
        assert first == end
        assert content[first:after].decode("utf-8", "replace") == block.tokenizer.decode([token])
        end = after
    assert end == block.offset + len(block.text.encode())


@pytest.mark.parametrize("most", [1, 2, 3, 5, 17])
def test_tiny_blocks_are_exact_too(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(module, "BLOCK", most)
    text = "".join(TEXTS[:3] + TEXTS[-3:])[:4000]
    assert ids_of(list(token_stream(tokenizer, pieces_of(text, [])))) == tokenizer.encode(text)


def sources() -> list[str]:
    """Return the texts of modules of Python's own library."""
    folder = Path(json.__file__).parent
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))]


@pytest.mark.parametrize("block", [64, 4096])
def test_code_is_cut_exactly(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    text = "".join(sources())
    blocks = list(token_stream(tokenizer, pieces_of(text, [1000, 5001])))
    assert len(blocks) > 5
    assert ids_of(blocks) == tokenizer.encode(text)
    assert max(len(each.text) for each in blocks) <= block + 50


UNITS = [
    "ab",
    "=",
    "汉",
    "<|im_start|>",
    "0",
    " ",
    "\n",
    "\r\n",
    "'",
    "truthuniversally",
    "\u3000",
    "的一是",
]


@pytest.mark.parametrize("unit", UNITS)
def test_a_word_longer_than_a_block_is_exact_too(tokenizer: Tokenizer, unit: str) -> None:
    text = "x" + unit * (30_000 // len(unit)) + "\ny z"
    blocks = list(token_stream(tokenizer, pieces_of(text, [9000, 9001, 20_000])))
    assert len(blocks) > 4
    assert ids_of(blocks) == tokenizer.encode(text)


def test_a_run_that_no_cut_leaves_as_it_is_is_all_there(tokenizer: Tokenizer) -> None:
    """The run's tokens hold the end of one character and the beginning of the next."""
    text = "x" + "\U0001f600" * 30_000
    blocks = list(token_stream(tokenizer, pieces_of(text, [9000])))
    assert "".join(block.text for block in blocks) == text
    assert tokenizer.decode(ids_of(blocks)) == text
    assert max(len(block.text) for block in blocks) <= module.BLOCK + module.LOOKAHEAD


@pytest.mark.parametrize(("encoding", "codec"), [("utf-16-le", "utf-16-le"), ("utf-32-be", "utf-32-be")])
def test_a_part_of_a_character_has_the_whole_character_in_other_encodings(
    tokenizer: Tokenizer, encoding: str, codec: str
) -> None:
    text = "x汉\U0001f600 é"
    (block,) = token_stream(tokenizer, [Piece(text, 0, 10, 1, encoding)])
    ranges = block.byte_ranges()
    content = bytes(10) + text.encode(codec)
    assert ranges[0][0] == 10
    assert ranges[-1][1] == len(content)
    for token, (first, after) in zip(block.ids, ranges, strict=True):
        whole = content[first:after].decode(codec)
        shown = tokenizer.decode([token])
        assert shown == whole or "\ufffd" in shown


def test_ranges_join_up_as_those_of_other_tokenizers(tokenizer: Tokenizer) -> None:
    text = "naïve  café\r\n\r\n 汉字 \t“quoted”\n\n\n<|im_start|>user"
    blocks = list(token_stream(tokenizer, pieces_of(text, [5])))
    assert len(blocks) == 1
    if not any("\ufffd" in tokenizer.decode([token]) for token in blocks[0].ids):
        check_ranges(blocks, text.encode(), "utf-8")
    check_bytes(blocks[0], text.encode())


@given(data=st.data())
def test_streaming_gives_the_text_of_the_whole(tokenizer: Tokenizer, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocabulary + 3), max_size=40))
    decoder = tokenizer.stream_decoder()
    assert "".join([*map(decoder.decode, ids), decoder.flush()]) == tokenizer.decode(ids)


def test_a_lone_surrogate_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(UsageError, match="not valid Unicode"):
        tokenizer.encode("caf\udce9")


def without_bytes(missing: bytes) -> dict[str, Any]:
    """Return the model of a file whose vocabulary lacks bytes, as SmolLM2's does; ids close up."""
    model: dict[str, Any] = json.loads(tokenizer_json("gpt-2"))["model"]
    gone = {chr(0x100 + byte) if byte < 0x21 else chr(byte) for byte in missing}
    kept = [piece for piece in model["vocab"] if not gone & set(piece)]
    merges = [merge for merge in model["merges"] if not gone & set("".join(merge))]
    return model | {"vocab": {piece: i for i, piece in enumerate(kept)}, "merges": merges}


def lacking(folder: Path, missing: bytes) -> Tokenizer:
    model = without_bytes(missing)
    added = {"id": len(model["vocab"]), "content": "<|endoftext|>", "special": True, "normalized": False}
    flags = {"single_word": False, "lstrip": False, "rstrip": False}
    return load_tokenizer(write_byte_level(folder, "gpt-2", model=model, added_tokens=[added | flags]))


@given(text=NASTY)
@example(text="a\x04b\U00040000c\U000bffff \x13\x13\U000fffff")
def test_a_character_whose_bytes_are_missing_is_read_as_the_replacement(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    tokenizer = lacking(tmp_path_factory.mktemp("lacking"), b"\x04\x13\xf1\xf2\xf5\xff")
    shown = "".join("\ufffd" if c in "\x04\x13" or "\U00040000" <= c <= "\U000bffff" else c for c in text)
    assert tokenizer.decode(tokenizer.encode(text)) == shown
    for block in token_stream(tokenizer, pieces_of(text, [])):
        ranges = block.byte_ranges()
        assert ranges[-1][1] == block.offset + len(block.text.encode())
        assert all(0 <= first <= after <= len(text.encode()) for first, after in ranges)


@pytest.mark.parametrize("missing", [b"e", b"\n", b"\xa9", b"\xe6", b"\xf0"])
def test_a_vocabulary_that_lacks_bytes_of_letters_is_refused(tmp_path: Path, missing: bytes) -> None:
    with pytest.raises(ModelError, match="lacks 1 of the bytes"):
        lacking(tmp_path, missing)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("qwen2", split_by(QWEN_2, "Removed", True)),
        ("llama-bpe", split_by(LLAMA_3, "Removed", True)),
        ("gpt-2", {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}),
    ],
)
def test_a_rule_is_known_in_whichever_way_it_is_written(tmp_path: Path, name: str, split: dict[str, Any]) -> None:
    usual = load_tokenizer(write_byte_level(tmp_path / "usual", name))
    other = load_tokenizer(write_byte_level(tmp_path / "other", name, pre_tokenizer=split))
    for text in TEXTS[-3:]:
        assert other.encode(text) == usual.encode(text)


ADDED = {"id": 900, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}


def model_with(**changes: Any) -> dict[str, Any]:
    return json.loads(tokenizer_json("gpt-2"))["model"] | changes


def vocabulary_with(piece: str, number: int | None = None) -> dict[str, Any]:
    """Return a model with one more piece; the library moves the one control token behind it."""
    vocabulary = model_with()["vocab"]
    return model_with(vocab=vocabulary | {piece: len(vocabulary) if number is None else number})


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"pre_tokenizer": split_by(r"(a+)+$")}, "unknown rule"),
        ({"pre_tokenizer": split_by(LLAMA_3, "MergedWithNext")}, "unknown rule"),
        ({"pre_tokenizer": GPT_2 | {"add_prefix_space": True}}, "unknown rule"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "unknown rule"),
        ({"normalizer": {"type": "Lowercase"}}, "changes the text"),
        ({"model": model_with(dropout=0.1)}, "uses dropout"),
        ({"model": model_with(end_of_word_suffix="</w>")}, "cannot be used|uses end_of_word_suffix"),
        ({"model": vocabulary_with("another", 4_000_000_000)}, "ids are not 0, 1, 2"),
        ({"model": vocabulary_with("another", 5)}, "ids are not 0, 1, 2"),
        ({"model": vocabulary_with("汉")}, "is not written in bytes"),
        ({"model": vocabulary_with("x" * 1025)}, "a piece of 1025 characters"),
        ({"model": model_with(merges=[["zzz", "qqq"]])}, "cannot be used"),
        ({"model": model_with(merges=[["t", "h", "e"]])}, "cannot be used"),
        ({"model": model_with(merges=7)}, "cannot be used"),
        ({"model": model_with(vocab=[])}, "cannot be used"),
        ({"added_tokens": [ADDED | {"content": "    "}]}, "takes '    ' out of a text"),
    ],
)
def test_a_tokenizer_with_other_rules_is_refused_in_a_sentence(
    tmp_path: Path, changes: dict[str, Any], found: str
) -> None:
    with pytest.raises(ModelError, match=found) as caught:
        load_tokenizer(write_byte_level(tmp_path, "gpt-2", **changes))
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 600
    assert caught.value.hint


def test_a_rule_that_makes_a_control_token_of_text_is_caught(tmp_path: Path) -> None:
    model = model_with()
    word = next(piece for piece in model["vocab"] if len(piece) > 5 and piece.isalpha() and piece.isascii())
    added = ADDED | {"id": model["vocab"][word], "content": word, "special": True}
    last = ADDED | {"id": len(model["vocab"]), "content": "<|endoftext|>", "special": True}
    tokenizer = load_tokenizer(write_byte_level(tmp_path, "gpt-2", added_tokens=[added, last]))
    with pytest.raises(ModelError, match="made a control token"):
        tokenizer.encode(word)


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def test_what_a_text_begins_and_ends_with(tmp_path: Path) -> None:
    write_byte_level(tmp_path, "qwen2")
    start, end, text_end = (
        load_tokenizer(tmp_path)._pieces.index(f"<|{n}|>") for n in ("im_start", "im_end", "endoftext")
    )
    change_config(tmp_path, lambda config: config.update(bos_token="<|im_start|>", add_bos_token=False))
    assert load_tokenizer(tmp_path).bos is None
    change_config(tmp_path, lambda config: config.update(add_bos_token=True, eos_token={"content": "<|endoftext|>"}))
    assert (load_tokenizer(tmp_path).bos, load_tokenizer(tmp_path).eos) == (start, text_end)
    assert load_tokenizer(tmp_path).stop_ids == {end, text_end}
    change_config(tmp_path, lambda config: config.pop("eos_token"))
    with pytest.raises(ModelError, match="ends a text"):
        load_tokenizer(tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [end, 7]}))
    assert load_tokenizer(tmp_path).eos == 7
    assert load_tokenizer(tmp_path).stop_ids == {end, text_end, 7}


@pytest.mark.parametrize("ids", [-1, 10**9, [0, 10**9], [True], "2", [[1]], {"a": 1}, list(range(65)), 1.5])
def test_ids_that_end_an_answer_must_be_ids(tmp_path: Path, ids: object) -> None:
    write_byte_level(tmp_path, "qwen2")
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
    with pytest.raises(ModelError, match=r"generation_config\.json names"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("text", ["{}", "[]", '{"eos_token_id": null}'])
def test_a_generation_configuration_may_say_nothing(tmp_path: Path, text: str) -> None:
    plain = load_tokenizer(write_byte_level(tmp_path, "qwen2")).stop_ids
    (tmp_path / "generation_config.json").write_text(text)
    assert load_tokenizer(tmp_path).stop_ids == plain


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    write_byte_level(tmp_path, "llama-bpe")
    content = (tmp_path / "tokenizer.json").read_bytes()
    for length in range(1, len(content) - 1, len(content) // 40):
        (tmp_path / "tokenizer.json").write_bytes(content[:length])
        with pytest.raises(ModelError, match="cannot be used"):
            load_tokenizer(tmp_path)


def test_a_tokenizer_is_loaded_without_the_libraries_it_does_not_need(tmp_path: Path) -> None:
    import subprocess

    write_byte_level(tmp_path, "smollm")
    program = (
        "import sys, gemma10m; gemma10m.load_tokenizer(sys.argv[1]); print({'torch', 'sentencepiece'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "set()"
