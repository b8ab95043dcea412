"""Tokenizers out of GGUF metadata: the ids of the files they were made of, and sentences for what is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sentencepiece
from byte_level_fixtures import SPLITS, TEXTS, gguf_metadata, write_byte_level
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tokens_byte_level import NASTY
from test_tokens_stream import ids_of, pieces_of
from tokenizer_fixtures import (
    CHAT_TEMPLATE,
    NEWLINE_RUNS,
    OTHERS,
    SPACE_RUNS,
    TURNS,
    train_sentencepiece,
    write_json_twin,
)

from gemma10m.errors import ModelError
from gemma10m.tokens import Tokenizer, load_tokenizer, tokenizer_from_gguf
from gemma10m.tokens import stream as module
from gemma10m.tokens.from_gguf import model_proto
from gemma10m.tokens.stream import token_stream

PREFIX = "tokenizer.ggml."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_sentencepiece(tmp_path_factory.mktemp("model")).parent


def sentencepiece_metadata(folder: Path) -> dict[str, Any]:
    """Return what llama.cpp's converter writes of a `tokenizer.model`: runs of spaces as they are in a text."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    ids = range(processor.get_piece_size())
    pieces = [processor.id_to_piece(i) for i in ids]
    kinds = [1] * len(pieces)
    for i, piece in enumerate(pieces):
        if processor.is_control(i) or processor.is_unknown(i) or piece in TURNS:
            kinds[i] = 3
        elif processor.is_byte(i):
            kinds[i] = 6
        elif piece in [*OTHERS, *NEWLINE_RUNS, *SPACE_RUNS]:
            kinds[i] = 4
    return {
        PREFIX + "model": "llama",
        PREFIX + "pre": "default",
        PREFIX + "tokens": [piece.replace("\u2581", " ") if kinds[i] == 4 else piece for i, piece in enumerate(pieces)],
        PREFIX + "scores": [processor.get_score(i) for i in ids],
        PREFIX + "token_type": kinds,
        PREFIX + "bos_token_id": 2,
        PREFIX + "eos_token_id": 1,
        PREFIX + "unknown_token_id": 3,
        PREFIX + "add_bos_token": True,
        PREFIX + "add_space_prefix": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


@pytest.fixture(scope="module")
def metadata(folder: Path) -> dict[str, Any]:
    return sentencepiece_metadata(folder)


@pytest.fixture(scope="module")
def tokenizer(metadata: dict[str, Any]) -> Tokenizer:
    return tokenizer_from_gguf(metadata, "f" * 64)


def test_what_is_known_of_a_sentencepiece_vocabulary(folder: Path, tokenizer: Tokenizer) -> None:
    file = load_tokenizer(folder)
    for name in ("bos", "eos", "first", "start_of_turn", "end_of_turn", "stop_ids", "vocabulary", "turns", "warnings"):
        assert getattr(tokenizer, name) == getattr(file, name)
    assert tokenizer.fingerprint == "f" * 64


@given(text=NASTY)
@settings(max_examples=150)
def test_a_sentencepiece_vocabulary_gives_the_ids_of_its_model(folder: Path, tokenizer: Tokenizer, text: str) -> None:
    file = load_tokenizer(folder)
    assert tokenizer.encode(text) == file.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text.replace("\u2581", " ")


def gemma4_metadata(folder: Path) -> dict[str, Any]:
    """Return what llama.cpp's converter writes of a Gemma 4's `tokenizer.json`: its pieces, kinds and merges."""
    said = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    added = {token["id"]: token["special"] for token in said["added_tokens"]}
    names = {i: piece for piece, i in said["model"]["vocab"].items()}
    names |= {token["id"]: token["content"] for token in said["added_tokens"]}
    kinds = [6 if names[i].startswith("<0x") else 4 if i in added else 1 for i in range(len(names))]
    kinds = [3 if added.get(i) else kind for i, kind in enumerate(kinds)]
    return {
        PREFIX + "model": "gemma4",
        PREFIX + "tokens": [names[i] for i in range(len(names))],
        PREFIX + "scores": [-1000.0] * len(names),
        PREFIX + "token_type": kinds,
        PREFIX + "merges": [pair if isinstance(pair, str) else " ".join(pair) for pair in said["model"]["merges"]],
        PREFIX + "bos_token_id": 2,
        PREFIX + "eos_token_id": 1,
        PREFIX + "add_bos_token": True,
        PREFIX + "add_space_prefix": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


@pytest.fixture(scope="module")
def twin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_json_twin(folder / "tokenizer.model", tmp_path_factory.mktemp("twin")).parent


@given(text=NASTY)
@settings(max_examples=150)
def test_gemma_4s_merges_give_the_ids_of_its_tokenizer_json(twin: Path, text: str) -> None:
    file, tokenizer = load_tokenizer(twin), tokenizer_from_gguf(gemma4_metadata(twin), "f" * 64)
    assert tokenizer.encode(text) == file.encode(text)
    assert (tokenizer.bos, tokenizer.stop_ids) == (file.bos, file.stop_ids)


def test_every_run_of_spaces_and_newlines_is_one_token(tokenizer: Tokenizer) -> None:
    for run in NEWLINE_RUNS + [run.replace("\u2581", " ") for run in SPACE_RUNS]:
        assert len(tokenizer.encode(run)) == 1


def test_blocks_of_a_sentencepiece_vocabulary_join_up(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 64)
    text = "".join(TEXTS[-80:])
    assert ids_of(list(token_stream(tokenizer, pieces_of(text, [7, 900])))) == tokenizer.encode(text)


def test_the_unknown_token_is_found_where_the_file_does_not_say(metadata: dict[str, Any]) -> None:
    text = "truth 汉"
    usual = tokenizer_from_gguf(metadata, "").encode(text)
    silent = {key: value for key, value in metadata.items() if key != PREFIX + "unknown_token_id"}
    kinds = [2 if i == 3 else kind for i, kind in enumerate(metadata[PREFIX + "token_type"])]
    assert tokenizer_from_gguf(silent, "").encode(text) == usual
    assert tokenizer_from_gguf(silent | {PREFIX + "token_type": kinds}, "").encode(text) == usual


def test_a_model_written_by_hand_is_one_that_the_library_writes() -> None:
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "a", "b", "ab", "x" * 300]
    kinds = [2, *[6] * 256, 1, 1, 1, 4]
    scores = [0.0] * 257 + [-1.0, -2.0, -0.5, 0.0]
    processor = sentencepiece.SentencePieceProcessor(model_proto=model_proto(pieces, scores, kinds))
    assert [processor.id_to_piece(i) for i in range(processor.get_piece_size())] == pieces
    assert [processor.get_score(i) for i in range(processor.get_piece_size())] == scores
    assert processor.encode("abba" + "x" * 300) == [259, 258, 257, 260]
    assert processor.encode(" c\n") == [1 + byte for byte in "\u2581c\n".encode()]


@pytest.fixture(scope="module", params=SPLITS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pair(name: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Tokenizer]:
    """Return the tokenizer from GGUF metadata and the one from the files."""
    file = load_tokenizer(write_byte_level(tmp_path_factory.mktemp(name), name))
    return tokenizer_from_gguf(gguf_metadata(name), ""), file


def test_what_is_known_of_a_byte_level_vocabulary(pair: tuple[Tokenizer, Tokenizer]) -> None:
    found, file = pair
    for attribute in ("bos", "eos", "first", "start_of_turn", "end_of_turn", "stop_ids", "vocabulary", "turns"):
        assert getattr(found, attribute) == getattr(file, attribute)
    assert found.warnings == ()
    assert [found.decode([i]) for i in range(found.vocabulary)] == [file.decode([i]) for i in range(file.vocabulary)]


@given(text=NASTY)
def test_a_byte_level_vocabulary_gives_the_ids_of_its_file(pair: tuple[Tokenizer, Tokenizer], text: str) -> None:
    found, file = pair
    assert found.encode(text) == file.encode(text)


def test_a_part_of_a_text_that_is_a_piece_is_not_put_together_by_llama_3(name: str) -> None:
    metadata = gguf_metadata(name)
    tokens = [*metadata[PREFIX + "tokens"], "qqxzj"]
    kinds = [*metadata[PREFIX + "token_type"], 1]
    tokenizer = tokenizer_from_gguf(metadata | {PREFIX + "tokens": tokens, PREFIX + "token_type": kinds}, "")
    assert (tokenizer.encode("qqxzj") == [len(tokens) - 1]) == (name == "llama-bpe")


@pytest.mark.parametrize("pre", ["default", None])
def test_where_a_file_does_not_name_a_rule_this_is_told(pre: str | None) -> None:
    metadata = gguf_metadata("gpt-2") | {PREFIX + "pre": pre}
    if pre is None:
        del metadata[PREFIX + "pre"]
    (warning,) = tokenizer_from_gguf(metadata, "").warnings
    assert "GPT-2's rule" in warning


def test_a_file_that_does_not_say_whether_a_text_begins_with_bos() -> None:
    metadata = gguf_metadata("llama-bpe")
    assert PREFIX + "add_bos_token" not in metadata
    bos = metadata[PREFIX + "bos_token_id"]
    assert tokenizer_from_gguf(metadata, "").bos == bos
    assert tokenizer_from_gguf(metadata | {PREFIX + "add_bos_token": False}, "").bos is None
    metadata = gguf_metadata("qwen2")
    del metadata[PREFIX + "add_bos_token"]
    assert tokenizer_from_gguf(metadata, "").bos is None


def test_more_ids_that_end_an_answer() -> None:
    metadata = gguf_metadata("qwen2")
    stops = tokenizer_from_gguf(metadata | {PREFIX + "eot_token_id": 5, PREFIX + "eom_token_id": 6}, "").stop_ids
    assert stops == tokenizer_from_gguf(metadata, "").stop_ids | {5, 6}


BYTE_LEVEL = gguf_metadata("smollm")
COUNT = len(BYTE_LEVEL[PREFIX + "tokens"])


def changed(name: str, index: int, value: object) -> dict[str, Any]:
    values = list(BYTE_LEVEL[PREFIX + name])
    values[index] = value
    return {name: values}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"model": "bert"}, "kind 'bert'"),
        ({"model": None}, "kind 'None'"),
        ({"model": ["gpt2"]}, "kind"),
        ({"pre": "tekken"}, "rule 'tekken'"),
        ({"pre": 7}, "rule '7'"),
        ({"add_space_prefix": True}, "puts a space before every text"),
        ({"tokens": None}, "tokens are missing"),
        ({"tokens": []}, "tokens are missing"),
        ({"tokens": "abc"}, "tokens are missing"),
        (changed("tokens", 5, 5), "tokens are missing or damaged"),
        (changed("tokens", 5, b"x"), "tokens are missing or damaged"),
        (changed("tokens", 5, BYTE_LEVEL[PREFIX + "tokens"][6]), "a piece twice"),
        (changed("tokens", 5, "汉"), "not written in bytes"),
        (changed("tokens", 5, "\ud800"), "not written in bytes"),
        (changed("tokens", 5, "x" * 1025), "a piece of 1025 characters|lacks 1 of the bytes"),
        ({"token_type": [1] * (COUNT - 1)}, f"{COUNT - 1:,} token_type for {COUNT:,} pieces"),
        (changed("token_type", 5, 7), "kind 7"),
        (changed("token_type", 5, -1), "kind -1"),
        (changed("token_type", 5, True), "token_type are missing or damaged"),
        (changed("token_type", 5, 3), "lacks 1 of the bytes|cannot be used"),
        ({"merges": None}, "merges are missing"),
        (changed("merges", 0, "th"), "holds the merge 'th'"),
        (changed("merges", 0, " th"), "holds the merge ' th'"),
        (changed("merges", 0, "t h e"), "holds the merge 't h e'"),
        (changed("merges", 0, "zq zq"), "cannot be used"),
        (changed("merges", 0, "汉 字"), "cannot be used"),
        ({"merges": ["t h"] * (4 * COUNT + 1)}, "merges of"),
        ({"eos_token_id": None}, "ends a text"),
        ({"eos_token_id": COUNT}, f"eos_token_id is {COUNT}"),
        ({"eos_token_id": -1}, "eos_token_id is -1"),
        ({"eos_token_id": 2.0}, r"eos_token_id is 2\.0"),
        ({"eos_token_id": True}, "eos_token_id is True"),
        ({"add_bos_token": True, "bos_token_id": 10**12}, "bos_token_id is 1000000000000"),
        ({"eot_token_id": "x"}, "eot_token_id is x"),
    ],
)
def test_a_damaged_byte_level_vocabulary_is_refused_in_a_sentence(change: dict[str, Any], found: str) -> None:
    check_refused(BYTE_LEVEL | {PREFIX + name: value for name, value in change.items()}, found)


def check_refused(metadata: dict[str, Any], found: str) -> None:
    with pytest.raises(ModelError, match=found) as caught:
        tokenizer_from_gguf({key: value for key, value in metadata.items() if value is not None}, "")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 600
    assert caught.value.hint


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"add_space_prefix": True}, "puts a space before every text"),
        ({"add_space_prefix": None}, "puts a space before every text"),
        ({"scores": None}, "scores are missing"),
        ({"scores": [0.0]}, "1 scores for 1,024 pieces"),
        ({"scores": ["0"] * 1024}, "scores are missing or damaged"),
        ({"scores": [1e300] * 1024}, "cannot be used"),
        ({"token_type": [1] * 1024}, "byte pieces|cannot be used"),
        ({"token_type": [6] * 1024}, "cannot be used"),
        ({"token_type": [3] * 1024}, "control token|cannot be used|lacks"),
        ({"unknown_token_id": 1024}, "unknown_token_id is 1024"),
        ({"tokens": [f"a{i}" for i in range(1024)]}, "lacks 256 of the 256 byte pieces|cannot be used"),
        ({"eos_token_id": None}, "ends a text"),
    ],
)
def test_a_damaged_sentencepiece_vocabulary_is_refused_in_a_sentence(
    metadata: dict[str, Any], change: dict[str, Any], found: str
) -> None:
    check_refused(metadata | {PREFIX + name: value for name, value in change.items()}, found)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.one_of(st.text(max_size=3), st.integers(-1, 9), st.floats()), max_size=5),
)


@given(data=st.data())
@settings(max_examples=150)
def test_whatever_a_file_says_there_is_a_tokenizer_or_a_sentence(metadata: dict[str, Any], data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([metadata, BYTE_LEVEL]))
    hostile: dict[str, Any] = dict(whole)
    for key in data.draw(st.lists(st.sampled_from(sorted(whole)), min_size=1, max_size=3, unique=True)):
        value = whole[key]
        if isinstance(value, list) and data.draw(st.booleans()):
            places = data.draw(st.lists(st.integers(0, len(value) - 1), min_size=1, max_size=4))
            value = [data.draw(JUNK) if i in places else each for i, each in enumerate(value)]
            hostile[key] = value
        else:
            hostile[key] = data.draw(JUNK)
    try:
        tokenizer = tokenizer_from_gguf(hostile, "")
    except ModelError as error:
        sentence = error.message
    else:
        sentence = tokenizer.decode(tokenizer.encode("truth 汉")).replace("truth 汉", "")
    assert "\n" not in sentence


def test_a_gguf_file_is_opened_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    held = iter([BYTE_LEVEL, BYTE_LEVEL | {"general.name": "x"}, BYTE_LEVEL | {PREFIX + "pre": "gpt-2"}])

    def read_gguf(path: Path) -> SimpleNamespace:
        opened.append(path)
        return SimpleNamespace(metadata=next(held))

    monkeypatch.setattr("gemma10m.tokens.tokenizer_files.read_gguf", read_gguf)
    path = tmp_path / "model.gguf"
    first, second, third = load_tokenizer(path), load_tokenizer(str(path)), load_tokenizer(path)
    assert opened == [path] * 3
    assert first.fingerprint == second.fingerprint != third.fingerprint
    assert len(first.fingerprint) == 64
