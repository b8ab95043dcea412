"""Text and ids: round trips, text that names control tokens, both formats, files that are not what they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizer_fixtures import NEWLINE_RUNS, OTHERS, SPACE_RUNS, TURNS, train_sentencepiece, write_json_twin

from gemma10m.errors import ModelError, UsageError
from gemma10m.tokens import Tokenizer, load_tokenizer

NAMES = ["<pad>", "<eos>", "<bos>", "<unk>", *OTHERS, *TURNS]
NASTY = st.lists(
    st.one_of(
        st.sampled_from(NAMES),
        st.sampled_from([name[:cut] for name in NAMES for cut in (1, 5, len(name) - 1)]),
        st.sampled_from(["\r\n", "\t", "\n" * 40, " " * 40, "\u2028", "\u2581", "\u2581\u2581", "\x00", "\U0001f600"]),
        st.sampled_from(["汉字", "<0x41>", "truth universally", "a", " ", "\n", "12345", "<b>", ">"]),
        st.text(st.characters(codec="utf-8"), max_size=8),
    ),
    max_size=12,
).map("".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sentencepiece")
    train_sentencepiece(folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return load_tokenizer(folder)


@pytest.fixture(scope="module", params=[True, False], ids=["turns special", "turns plain"])
def twin(folder: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Tokenizer:
    other = tmp_path_factory.mktemp("tokenizers")
    write_json_twin(folder / "tokenizer.model", other, specials=request.param)
    shutil.copy(folder / "tokenizer_config.json", other)
    return load_tokenizer(other)


def test_what_is_known_of_a_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    assert (tokenizer.bos, tokenizer.eos, tokenizer.vocabulary) == (2, 1, 1024)
    assert tokenizer.start_of_turn == processor.piece_to_id("<start_of_turn>")
    assert tokenizer.end_of_turn == processor.piece_to_id("<end_of_turn>")
    assert tokenizer.stop_ids == {1, tokenizer.end_of_turn}
    assert tokenizer.turns is not None
    assert len(tokenizer.fingerprint) == 64


def test_plain_text_has_the_librarys_ids(tokenizer: Tokenizer, folder: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    text = "a truth  universally\n\n\nacknowledged, 1234\r\n\t汉字 <b>x</b> " + "\n" * 40 + " " * 40
    assert tokenizer.encode(text) == processor.encode(text)
    for run in NEWLINE_RUNS + [run.replace("\u2581", " ") for run in SPACE_RUNS]:
        assert len(tokenizer.encode(run)) == 1


@given(text=NASTY)
@example(text="<start_of_turn>model\n<end_of_turn>" * 2)
@example(text="<start_of_<start_of_turn>turn>")
@example(text="<<start_of_turn>>")
def test_text_never_becomes_a_control_token(tokenizer: Tokenizer, twin: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    control = {0, 1, 2, 3, *range(4, 4 + len(OTHERS + TURNS))}
    assert control.isdisjoint(ids)
    assert tokenizer.decode(ids) == text.replace("\u2581", " ")
    assert twin.encode(text) == ids
    assert twin.decode(ids) == tokenizer.decode(ids)


@given(ids=st.lists(st.integers(0, 1023), max_size=40))
def test_streaming_gives_the_text_of_the_whole(tokenizer: Tokenizer, ids: list[int]) -> None:
    decoder = tokenizer.stream_decoder()
    streamed = [decoder.decode(token) for token in ids] + [decoder.flush()]
    assert "".join(streamed) == tokenizer.decode(ids)


def test_a_character_of_several_tokens_appears_once_and_whole(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("汉\U0001f600")
    assert len(ids) == 7
    decoder = tokenizer.stream_decoder()
    assert [decoder.decode(token) for token in ids] == ["", "", "汉", "", "", "", "\U0001f600"]
    assert decoder.flush() == ""
    assert [decoder.decode(token) for token in ids[:2]] == ["", ""]
    assert decoder.flush() == "\ufffd"


def test_control_tokens_are_not_shown(tokenizer: Tokenizer) -> None:
    turn = [tokenizer.start_of_turn or 0, *tokenizer.encode("user\nhi"), tokenizer.end_of_turn or 0]
    assert tokenizer.decode([tokenizer.bos, *turn, tokenizer.eos]) == "user\nhi"


def test_ids_that_pad_a_models_vocabulary_are_not_shown(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode([*tokenizer.encode("a"), 1024, 255_999]) == "a"
    assert tokenizer.stream_decoder().decode(1024) == ""


def test_a_lone_surrogate_is_refused(tokenizer: Tokenizer, twin: Tokenizer) -> None:
    for each in (tokenizer, twin):
        with pytest.raises(UsageError, match="not valid Unicode"):
            each.encode("caf\udce9")


def test_a_library_that_lets_a_control_token_through_is_caught(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer, "_encode", lambda text: [5, 1])
    with pytest.raises(ModelError, match="control token"):
        tokenizer.encode("text")


def test_the_first_choice_is_tokenizer_model(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.json").write_text("{")
    assert load_tokenizer(str(tmp_path)).fingerprint == load_tokenizer(folder).fingerprint


def test_demo_is_the_folder_in_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemma10m.tokens.tokenizer_files.demo_folder", lambda: folder)
    assert load_tokenizer("demo").vocabulary == 1024


def test_truncation_and_padding_in_the_file_are_not_obeyed(folder: Path, tmp_path: Path) -> None:
    path = write_json_twin(folder / "tokenizer.model", tmp_path)
    content = json.loads(path.read_text())
    content["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    content["padding"] = {
        "strategy": {"Fixed": 64},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<pad>",
    }
    path.write_text(json.dumps(content))
    text = "a truth universally acknowledged"
    assert load_tokenizer(tmp_path).encode(text) == load_tokenizer(folder).encode(text)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, False),
        ({"chat_template": None}, False),
        ({"chat_template": "{{ messages }}"}, False),
        ({"chat_template": [{"name": "default", "template": "<start_of_turn>"}]}, True),
        ([], False),
    ],
)
def test_turns_are_what_the_chat_template_says(folder: Path, tmp_path: Path, config: object, expected: bool) -> None:
    shutil.copy(folder / "tokenizer.model", tmp_path)
    assert load_tokenizer(tmp_path).turns is None
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert (load_tokenizer(tmp_path).turns is not None) is expected


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b"\xff\xfe{}", b""])
def test_a_broken_tokenizer_config_is_named(folder: Path, tmp_path: Path, content: bytes) -> None:
    shutil.copy(folder / "tokenizer.model", tmp_path)
    (tmp_path / "tokenizer_config.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"tokenizer_config\.json"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.model", "tokenizer.json"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4241003\n", "git-lfs pointer"),
        (b"\n<!DOCTYPE html><html><body>Access denied</body></html>", "HTML page"),
        (b"", "is empty"),
        (b"\x80\x02corrupt" * 99, "cannot be used"),
        (b'{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}', "cannot be used"),
    ],
)
def test_a_file_is_named_as_what_it_is(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=found) as caught:
        load_tokenizer(tmp_path)
    assert name in caught.value.message
    assert caught.value.hint


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").mkdir()
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ModelError, match=r"no tokenizer\.model and no tokenizer\.json"):
            load_tokenizer(folder)


def test_a_cut_short_model_is_refused(folder: Path, tmp_path: Path) -> None:
    content = (folder / "tokenizer.model").read_bytes()
    for length in range(1, len(content), 397):
        (tmp_path / "tokenizer.model").write_bytes(content[:length])
        with pytest.raises(ModelError):
            load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"byte_fallback": False}, "byte pieces"),
        ({"bos_piece": "<s>"}, "lacks <bos>"),
        ({"add_dummy_prefix": True}, "changes the text"),
        ({"normalization_rule_name": "nmt_nfkc"}, "changes the text"),
        ({"remove_extra_whitespaces": True}, "changes the text"),
        ({"control_symbols": ["<a b>"]}, "the control token"),
    ],
)
def test_a_tokenizer_with_other_rules_than_gemmas_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], found: str
) -> None:
    train = sentencepiece.SentencePieceTrainer.train
    monkeypatch.setattr(sentencepiece.SentencePieceTrainer, "train", lambda **settings: train(**(settings | change)))
    train_sentencepiece(tmp_path)
    with pytest.raises(ModelError, match=found):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("part", ["normalizer", "pre_tokenizer"])
def test_a_regular_expression_of_the_file_is_never_run(folder: Path, tmp_path: Path, part: str) -> None:
    path = write_json_twin(folder / "tokenizer.model", tmp_path)
    content, pattern = json.loads(path.read_text()), {"Regex": "(a|a)*$"}
    content[part] = {
        "normalizer": {"type": "Replace", "pattern": pattern, "content": "\u2581"},
        "pre_tokenizer": {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False},
    }[part]
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="regular expression"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("gap", [1024, 4_000_000_000])
def test_ids_with_gaps_are_refused(folder: Path, tmp_path: Path, gap: int) -> None:
    path = write_json_twin(folder / "tokenizer.model", tmp_path)
    content = json.loads(path.read_text())
    content["model"]["vocab"]["another"] = gap + 1
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"ids are not 0, 1, 2"):
        load_tokenizer(tmp_path)
