"""Small byte-level BPE tokenizers in the form of published files, and the metadata a GGUF file would hold of them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tokenizer_fixtures import sentences
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_2 = LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")


def split_by(pattern: str, behavior: str = "Isolated", invert: bool = False) -> dict[str, Any]:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {"type": "Sequence", "pretokenizers": [split, byte_level]}


GPT_2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
SPLITS: dict[str, dict[str, Any]] = {
    "gpt-2": GPT_2,
    "smollm": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, GPT_2]},
    "llama-bpe": split_by(LLAMA_3),
    "qwen2": split_by(QWEN_2),
}

CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CONTROL: dict[str, list[str]] = {
    "gpt-2": ["<|endoftext|>"],
    "smollm": CHATML,
    "llama-bpe": [
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
    ],
    "qwen2": CHATML,
}
PLAIN = {"qwen2": ["<tool_call>", "</tool_call>", "<|fim_pad|>", "<think>", "</think>"]}  # added, but not special
EOS = {"gpt-2": "<|endoftext|>", "smollm": "<|im_end|>", "llama-bpe": "<|eot_id|>", "qwen2": "<|im_end|>"}

_CHATML_TURNS = (
    "{% for message in messages %}SYSTEM{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_DEFAULT = "{% if loop.first and message['role'] != 'system' %}{{ '<|im_start|>system\nTEXT<|im_end|>\n' }}{% endif %}"
SYSTEMS = {
    "smollm": "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
    "qwen2": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
}
TEMPLATES = {
    name: _CHATML_TURNS.replace("SYSTEM", _DEFAULT.replace("TEXT", text)) for name, text in SYSTEMS.items()
} | {
    "llama-bpe": "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
}

TEXTS = [
    *sentences(),
    "    def f(self):\n        return [x for x in range(100)]\n\n\n    # don't we'll I'd 2024 12345\r\n\t\tend\n \n  \n"
    * 9,
    "汉字的一是不了人我在有他这中大来上国。日本語のテキスト、カタカナ" * 9,
    "\U0001f600\U0001f601\U0001f602 \U0001f44d\U0001f3fd ===== ------ ((( ))) !!! ... é à ü ß\n" * 9,
]


@cache
def tokenizer_json(name: str, vocabulary: int = 900) -> str:
    """Return a `tokenizer.json` that splits by the rule `name` of `SPLITS`; control tokens come last."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=name == "llama-bpe"))
    whole = {"version": "1.0", "model": json.loads(tokenizer.to_str())["model"], "pre_tokenizer": SPLITS[name]}
    tokenizer = Tokenizer.from_str(json.dumps(whole | {"added_tokens": []}))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in CONTROL[name]])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in PLAIN.get(name, [])])
    content = json.loads(tokenizer.to_str())
    if name == "llama-bpe":
        content["post_processor"] = _puts_first("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))
    if name == "qwen2":
        content["normalizer"] = {"type": "NFC"}
    return json.dumps(content)


def _puts_first(token: str, number: int) -> dict[str, Any]:
    mark, text = {"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [mark, text],
        "pair": [mark, text, mark, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


def write_byte_level(folder: Path, name: str, **changes: Any) -> Path:
    """Write `tokenizer.json`, with keys changed, and `tokenizer_config.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer_json(name)) | changes))
    config: dict[str, Any] = {"eos_token": EOS[name]}
    if name in TEMPLATES:
        config["chat_template"] = TEMPLATES[name]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def gguf_metadata(name: str) -> dict[str, Any]:
    """Return what llama.cpp's converter writes of the same tokenizer."""
    content = json.loads(tokenizer_json(name))
    added = {token["content"]: token for token in content["added_tokens"]}
    ids = content["model"]["vocab"] | {token["content"]: token["id"] for token in content["added_tokens"]}
    tokens = sorted(ids, key=ids.__getitem__)
    kinds = [3 if token in CONTROL[name] else 4 if token in added else 1 for token in tokens]
    metadata = {
        "general.architecture": "llama",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": name,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": [" ".join(merge) for merge in content["model"]["merges"]],
        "tokenizer.ggml.eos_token_id": ids[EOS[name]],
        "tokenizer.ggml.bos_token_id": ids[CONTROL[name][0]],
        "tokenizer.ggml.add_space_prefix": False,
    }
    if name != "llama-bpe":
        metadata["tokenizer.ggml.add_bos_token"] = False
    if name in TEMPLATES:
        metadata["tokenizer.chat_template"] = TEMPLATES[name]
    return metadata
