"""Train a small sentencepiece tokenizer with Gemma's own settings, for a model trained from scratch."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import sentencepiece

from gemma10m.atomic_file import write_bytes, write_json
from gemma10m.errors import UsageError
from gemma10m.tasks.passkey import FILLER, OPENING, QUESTION, draw_passkey
from gemma10m.training.mixture import draw_needles, draw_story

NEWLINE_RUNS = ["\n" * n for n in range(1, 32)]
SPACE_RUNS = ["▁" * n for n in range(2, 32)]
TURNS = ["<start_of_turn>", "<end_of_turn>"]
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\n' + "
    "message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


def tokenizer_lines(texts: Iterable[str], seed: int) -> Iterator[str]:
    """Yield the texts' lines and those that the tasks plant in them."""
    for text in texts:
        yield from (line for line in text.split("\n") if line)
    draw = random.Random(seed)
    for _ in range(3000):
        numbers = draw_needles(draw, "number", 2, 2, draw.random)
        words = draw_needles(draw, "word", 2, 2, draw.random)
        for case in (numbers, words, draw_story(draw, 6, 3), draw_passkey(draw, draw.random())):
            yield from (f" {fact.text}" for fact in case.facts)
            for turn in case.turns:
                yield from (turn.question, turn.answer)
    yield from [OPENING, f" {FILLER}", f" {QUESTION}"] * 30
    yield from ["user", "model"] * 50


def train_tokenizer(lines: Iterable[str], folder: Path, vocabulary: int) -> None:
    """Write tokenizer.model and tokenizer_config.json: BPE, byte fallback, digits one by one, text unchanged.

    Raises UsageError for text too short for so many pieces, DiskError.
    """
    model = io.BytesIO()
    try:
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
    except RuntimeError as error:
        raise UsageError(
            f"no tokenizer of {vocabulary} pieces can be made of this text: {str(error).strip().splitlines()[-1]}",
            hint="name more text with --data, or a smaller vocab_size in --config",
        ) from error
    config = {"chat_template": TEMPLATE, "bos_token": "<bos>", "eos_token": "<eos>"}
    write_json(folder / "tokenizer_config.json", config)
    write_bytes(folder / "tokenizer.model", model.getvalue())
