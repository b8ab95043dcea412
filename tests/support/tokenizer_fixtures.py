"""Small tokenizers with Gemma's settings, trained on the spot: no download, the same ids on every machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sentencepiece

NEWLINE_RUNS = ["\n" * n for n in range(1, 32)]
SPACE_RUNS = ["\u2581" * n for n in range(2, 32)]
TURNS = ["<start_of_turn>", "<end_of_turn>"]
OTHERS = ["<mask>", "<unused0>", "<unused10>"]
CHAT_TEMPLATE = "{{ bos_token }}{{ '<start_of_turn>' + role + '\\n' + content | trim + '<end_of_turn>\\n' }}"

PROSE = [
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want.",
    "However little known the feelings or views of such a man may be on his first entering a neighbourhood,",
    "this truth is so well fixed in the minds of the surrounding families, that he is considered the property",
    "def reading(model, ids): return [model(segment) for segment in cut(ids, 2048)]  # one segment at a time",
    "One of the special magic numbers for amber-lantern is: 48213.",
    "a name cut short, such as <start_of or <end_of, is text: <start_of <start_of <end_of <end_of",
    "user and model take turns; the <b>start</b> of a turn is marked, as is its end.",
]


def sentences() -> list[str]:
    """Prose with enough different words to fill a vocabulary of a few thousand pieces."""
    words = " ".join(PROSE).split()
    mixed = [" ".join(words[(7 * i + 3 * j) % len(words)] for j in range(12)) for i in range(400)]
    made_up = [f"{a}{b} {b}{a}" for i, a in enumerate(words) for b in words[i % 5 :: 5]]
    return PROSE + mixed + made_up


def train_sentencepiece(folder: Path, vocabulary: int = 1024, turns: bool = True) -> Path:
    """Write `tokenizer.model` and `tokenizer_config.json` into `folder`; with `turns` the chat template says so.

    Ids: 0 <pad>, 1 <eos>, 2 <bos>, 3 <unk>, then the user-defined symbols, 256 byte pieces, and what was learnt.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences()),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=vocabulary,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        split_by_unicode_script=False,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        user_defined_symbols=OTHERS + TURNS + NEWLINE_RUNS + SPACE_RUNS,
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        pad_piece="<pad>",
        eos_piece="<eos>",
        bos_piece="<bos>",
        unk_piece="<unk>",
        character_coverage=1.0,
        minloglevel=2,
        num_threads=1,
    )
    (folder / "tokenizer.vocab").unlink()
    config: dict[str, Any] = {"bos_token": "<bos>", "eos_token": "<eos>"}
    if turns:
        config["chat_template"] = CHAT_TEMPLATE
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder / "tokenizer.model"


def write_json_twin(model: Path, folder: Path, specials: bool = True) -> Path:
    """Write the `tokenizer.json` that holds the same pieces as `model`, in the form of the published Gemma files.

    `specials=False` marks the turn tokens as plain added tokens, as some published files do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    control = {i for i in range(len(pieces)) if processor.is_control(i) or processor.is_unknown(i)}
    symbols = {pieces.index(piece) for piece in OTHERS + TURNS + NEWLINE_RUNS + SPACE_RUNS}
    turns = {pieces.index(piece) for piece in TURNS}
    special = control | turns if specials else control
    added = [
        {
            "id": i,
            "content": pieces[i],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            # A run of spaces is written with U+2581 and must be met after the normaliser has written it so.
            "normalized": pieces[i] in SPACE_RUNS,
            "special": i in special,
        }
        for i in sorted(control | symbols)
    ]
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": {piece: i for i, piece in enumerate(pieces)},
            "merges": _merges(pieces, processor, control | symbols),
        },
    }
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _merges(pieces: list[str], processor: Any, frozen: set[int]) -> list[list[str]]:
    """Return every way of joining two pieces into a third, best score first: sentencepiece's rule, spelt out."""
    learnt = {
        piece: processor.get_score(i) for i, piece in enumerate(pieces) if i not in frozen and not processor.is_byte(i)
    }
    ways = [
        (-score, len(piece[:cut]), piece[:cut], piece[cut:])
        for piece, score in learnt.items()
        for cut in range(1, len(piece))
        if piece[:cut] in learnt and piece[cut:] in learnt
    ]
    return [[left, right] for _, _, left, right in sorted(ways)]
