"""A small sentencepiece tokenizer with Gemma's own settings, for a model trained from scratch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

NEWLINE_RUNS = ["\n" * n for n in range(1, 32)]
SPACE_RUNS = ["▁" * n for n in range(2, 32)]
TURNS = ["<start_of_turn>", "<end_of_turn>"]
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\n' + "
    "message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


def train_tokenizer(lines: Iterable[str], folder: Path, vocabulary: int) -> None:
    """Write tokenizer.model and tokenizer_config.json: BPE, bytes as fallback, digits one by one, text unchanged."""
    with (folder / "tokenizer.model").open("wb") as model:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            vocab_size=vocabulary,
            model_type="bpe",
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            user_defined_symbols=[*TURNS, *NEWLINE_RUNS, *SPACE_RUNS],
            pad_id=0,
            eos_id=1,
            bos_id=2,
            unk_id=3,
            pad_piece="<pad>",
            eos_piece="<eos>",
            bos_piece="<bos>",
            unk_piece="<unk>",
            character_coverage=1.0,
            num_threads=1,
            minloglevel=2,
        )
    config = {"chat_template": TEMPLATE, "bos_token": "<bos>", "eos_token": "<eos>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
