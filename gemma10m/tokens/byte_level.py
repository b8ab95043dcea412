"""Byte-level BPE (GPT-2, Llama 3, SmolLM2, Qwen) splits a text by a rule and merges bytes inside the parts alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from gemma10m.errors import ModelError
from gemma10m.tokens.base import DOWNLOAD, PROBE, Roles, Tokenizer, Vocabulary, index_of

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


@dataclass(frozen=True)
class SplitRule:
    """Describe how a text is split. digits: each digit is a part of its own. pattern: a part; "" for GPT-2's rule.

    `ByteLevelTokenizer.cut` relies on what all patterns here have in common: no look behind, no look ahead but
    `(?!\\S)` after white space, and no decision that needs more than three characters after a part without white space.
    """

    pattern: str = ""
    digits: bool = False

    def pre_tokenizer(self) -> Any:
        from tokenizers import Regex, pre_tokenizers

        steps: list[Any] = [pre_tokenizers.Digits(individual_digits=True)] if self.digits else []
        if self.pattern:
            steps.append(pre_tokenizers.Split(Regex(self.pattern), behavior="isolated"))
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not self.pattern))
        return pre_tokenizers.Sequence(steps)


GPT_2 = SplitRule()
SMOLLM = SplitRule(digits=True)
LLAMA_3 = SplitRule(_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST)
QWEN_2 = SplitRule(_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST)
RULES = (GPT_2, SMOLLM, LLAMA_3, QWEN_2)

_DECIDES = 3  # characters after a part that the rules may look at
_TRIES = 32  # borders between tokens of a long word that are tried for a cut

# Names that are control tokens though a tokenizer.json may call them plain: marks of turns, tools, images, files.
CONTROL_NAME = re.compile(r"<\|[^\s|]+\|>|</?tool_(?:call|response)>")


def _letters() -> dict[str, int]:
    """Return GPT-2's letter for each byte: the byte itself if it can be printed, else one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


LETTERS = _letters()


class ByteLevelTokenizer(Tokenizer):
    """Spell with `model`, a `tokenizers` BPE model alone, so that no added token is ever met in a text.

    Some vocabularies lack bytes (SmolLM2's has no U+0004): a character that has one is read as U+FFFD.
    """

    def __init__(
        self,
        model: Any,
        rule: SplitRule,
        vocabulary: Vocabulary,
        roles: Roles,
        fingerprint: str,
    ) -> None:
        from tokenizers import Tokenizer as Library

        library = Library(model)
        library.pre_tokenizer = self._splitter = rule.pre_tokenizer()

        def encode(text: str) -> list[int]:
            ids: list[int] = library.encode(text, add_special_tokens=False).ids
            return ids

        self._unspellable = _unspellable(vocabulary)
        super().__init__(encode, vocabulary, roles, fingerprint)
        self.check_round_trip(self._spellable(PROBE))

    def _spellable(self, text: str) -> str:
        return self._unspellable.sub("\ufffd", text) if self._unspellable else text

    def _spell(self, text: str) -> list[int]:
        return self._encode(self._spellable(text))

    def cut(self, text: str, longest: int, last: bool) -> int:
        """Cut at the last border between parts that does not follow white space, or else at the next one.

        That is exact. No rule looks behind, so what follows is split there as in the whole. And so is the block: only
        `(?!\\S)` could match at its end and not in the whole, and that comes after white space alone.
        """
        before = [cut for cut in self._borders(text[: longest + _DECIDES]) if cut <= longest]
        if before:
            return before[-1]
        if last:
            return next(iter(self._borders(text)), len(text))
        after = (cut for cut in self._borders(text) if cut <= len(text) - _DECIDES)
        return next(after, None) or self._cut_inside(text, longest)

    def _borders(self, text: str) -> list[int]:
        """Return where a part begins and no white space is in front of it."""
        parts = self._splitter.pre_tokenize_str(text)
        return [first for _, (first, _) in parts if first and not text[first - 1].isspace()]

    def _cut_inside(self, text: str, longest: int) -> int:
        """Cut a word or white space longer than all of `text` where that and its halves give the same tokens.

        This is exact unless a chain of merges, or white space with a newline in it, reaches over all that follows.
        """
        ids = self.encode(text)
        starts = [first for first, _, before, _ in self.character_spans(ids, text) if not before]
        cuts = [cut for cut in dict.fromkeys(starts) if 0 < cut <= longest] or [longest]
        for cut in cuts[: -1 - _TRIES : -1]:
            if self.encode(text[:cut]) + self.encode(text[cut:]) == ids:
                return cut
        return cuts[-1]

    def character_spans(self, ids: Iterable[int], text: str) -> Iterator[tuple[int, int, int, int]]:
        spelt = self._spellable(text)
        position, byte = 0, 0
        for i in ids:
            first, before, left = position, byte, len(self._bytes[i])
            while left:
                needed = len(spelt[position].encode()) - byte
                position, byte = (position, byte + left) if left < needed else (position + 1, 0)
                left = max(0, left - needed)
            after = position + (byte > 0)
            behind = len(spelt[position].encode()) - byte if byte else 0
            # A character that was replaced has fewer bytes than what replaced it: it counts as a whole.
            if before and spelt[first] != text[first]:
                before = 0
            if behind and spelt[position] != text[position]:
                behind = 0
            yield first, after, before, behind


def vocabulary_of(pieces: list[str], control: Iterable[int], added: Iterable[int]) -> Vocabulary:
    """Build the vocabulary. control: ids that text must never become. added: ids whose names are plain text."""
    plain = frozenset(added)
    every = frozenset({*control, *(i for i in plain if CONTROL_NAME.fullmatch(pieces[i]))})
    for i in plain - every:
        if not pieces[i].strip():
            raise ModelError(
                f"the tokenizer takes {pieces[i][:40]!r} out of a text before it splits it, which is not supported",
                hint="use another model",
            )
    texts = [
        b"" if i in every else piece.encode() if i in plain else _bytes_of(piece) for i, piece in enumerate(pieces)
    ]
    return Vocabulary(pieces, texts, every)


def _bytes_of(piece: str) -> bytes:
    try:
        return bytes([LETTERS[letter] for letter in piece])
    except KeyError:
        raise ModelError(f"the tokenizer's piece {piece[:80]!r} is not written in bytes", hint=DOWNLOAD) from None


def _unspellable(vocabulary: Vocabulary) -> re.Pattern[str] | None:
    """Return what finds the characters with a byte that the vocabulary lacks; letters must not be such."""
    missing = set(range(256)).difference(*(text for text in vocabulary.texts if len(text) == 1))
    if needed := missing & {*range(0x20, 0x7F), *b"\t\n\r", *range(0x80, 0xC0), *range(0xC2, 0xF1)}:
        raise ModelError(f"the tokenizer lacks {len(needed)} of the bytes that text is made of", hint=DOWNLOAD)
    rare = [_characters_from(byte) for byte in sorted(missing) if byte < 0x80 or 0xF1 <= byte <= 0xF4]
    return re.compile(f"[{''.join(rare)}]") if rare else None


def _characters_from(byte: int) -> str:
    """Write the characters whose UTF-8 begins with `byte`, which is ASCII or above 0xF0, for a regular expression."""
    if byte < 0x80:
        return f"\\x{byte:02x}"
    first = (byte & 7) << 18
    return f"\\U{first:08x}-\\U{min(first + 0x3FFFF, 0x10FFFF):08x}"


def from_tokenizer_json(
    tokenizer: Any, config: Mapping[str, Any], template: str, stops: frozenset[int], fingerprint: str
) -> Tokenizer:
    """Build a tokenizer from a `tokenizers.Tokenizer` whose model is BPE, and its tokenizer_config.json."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rule = _rule_of(tokenizer)
    model = tokenizer.model
    odd = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")
    if found := [name for name in odd if getattr(model, name)]:
        raise ModelError(f"the tokenizer uses {found[0]}, which byte-level BPE does not", hint=DOWNLOAD)
    pieces = index_of(tokenizer.get_vocab())
    added = tokenizer.get_added_tokens_decoder()
    vocabulary = vocabulary_of(pieces, (i for i, token in added.items() if token.special), added)
    names = dict(zip(pieces, range(len(pieces)), strict=True))
    bos = _first_of(tokenizer)
    if bos is None and config.get("add_bos_token") is True:
        bos = names.get(token_name(config.get("bos_token")))
    eos = names.get(token_name(config.get("eos_token")), min(stops, default=None))
    if eos is None:
        raise ModelError("the tokenizer names no token that ends a text (eos_token)", hint=DOWNLOAD)
    return ByteLevelTokenizer(model, rule, vocabulary, Roles(bos, eos, stops, template), fingerprint)


def token_name(value: Any) -> str:
    """Return the name of a token, which tokenizer_config.json has as a string or an object with one, or ""."""
    name = value.get("content") if isinstance(value, dict) else value
    return name if isinstance(name, str) else ""


def _first_of(tokenizer: Any) -> int | None:
    """Return the id that the file puts before every text."""
    with_marks, plain = (tokenizer.encode("a", add_special_tokens=marks).ids for marks in (True, False))
    return None if with_marks[:1] == plain[:1] else with_marks[0]


def _rule_of(tokenizer: Any) -> SplitRule:
    """Return the rule that the file's pre-tokenizer is.

    NFC, which Qwen asks for, is left out: a text is read as it stands.
    """
    if tokenizer.normalizer is not None and _state(tokenizer.normalizer).get("type") != "NFC":
        raise ModelError("the tokenizer changes the text it is given", hint="use another model")
    found = tuple(_steps(_state(tokenizer.pre_tokenizer)))
    for rule in RULES:
        if found in _ways(rule):
            return rule
    raise ModelError(
        f"the tokenizer splits text by an unknown rule: {str(found)[:200]}",
        hint="rules of GPT-2, SmolLM2, Llama 3 and Qwen 2 are known",
    )


def _state(part: Any) -> dict[str, Any]:
    state = json.loads(part.__getstate__())
    assert isinstance(state, dict)
    return state


def _steps(state: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    if state["type"] == "Sequence":
        yield from chain.from_iterable(_steps(step) for step in state["pretokenizers"])
    elif state["type"] == "ByteLevel":
        yield ("ByteLevel", state["add_prefix_space"], state.get("use_regex", True))
    elif state["type"] == "Split":
        yield ("Split", *state["pattern"].items(), state["behavior"], state["invert"])
    else:
        yield (state["type"], *sorted((name, value) for name, value in state.items() if name != "type"))


def _ways(rule: SplitRule) -> Iterator[tuple[tuple[Any, ...], ...]]:
    """Yield the ways in which files write a rule."""
    digits = (("Digits", ("individual_digits", True)),) if rule.digits else ()
    if not rule.pattern:
        yield (*digits, ("ByteLevel", False, True))
        return
    for kind in (("Isolated", False), ("Removed", True)):  # all of a text matches, so nothing is ever removed
        yield (*digits, ("Split", ("Regex", rule.pattern), *kind), ("ByteLevel", False, False))
