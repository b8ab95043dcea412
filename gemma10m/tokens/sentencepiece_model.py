"""Gemma's kind of vocabulary is BPE over characters, ▁ for a space, byte pieces for what has no piece of its own.

It comes as SentencePiece's `tokenizer.model`, as a `tokenizer.json` of the same pieces, or inside a GGUF file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any

from gemma10m.errors import ModelError
from gemma10m.tokens.base import LONGEST_PIECE, Encode, Roles, Tokenizer, Vocabulary, index_of

SPACE = "\u2581"  # how pieces write a space

_KNOWN = "only SentencePiece vocabularies like Gemma's are known"
_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
_BRACKETS = ("<", "[")  # with which the names of both patterns begin
_CONTROL_NAME = re.compile(
    r"<(?:pad|eos|bos|unk|mask|2mass|unused\d+|(?:start|end)_of_(?:turn|image)|image_soft_token)>"
    r"|\[multimodal\]|\[@BOS@\]"
    r"|<\|[^\s|<>]+\|?>|<[^\s|<>]+\|>"  # Gemma 4's
)

# A cut is exact where no piece of the vocabulary holds what is on both its sides: no merge ever crosses it.
_AFTER_NEWLINES = re.compile(r".*\n(?=[^\n])", re.DOTALL)
_BEFORE_SPACES = re.compile(f".*[^ {SPACE}](?=[ {SPACE}])", re.DOTALL)


class SentencePieceTokenizer(Tokenizer):
    def __init__(
        self, encode: Encode, pieces: list[str], control: Iterable[int], roles: Roles, fingerprint: str
    ) -> None:
        # Few pieces of a large vocabulary begin as names do, and matching all of them would take a third of a second.
        named = [(i, piece) for i, piece in enumerate(pieces) if piece.startswith(_BRACKETS)]
        every = frozenset({*control, *(i for i, piece in named if _CONTROL_NAME.fullmatch(piece))})
        bytes_of = {i: bytes.fromhex(byte[1]) for i, piece in named if (byte := _BYTE_PIECE.fullmatch(piece))}
        self._byte_ids = set(bytes_of)
        _check_pieces(pieces, every, self._byte_ids)
        texts = [piece.replace(SPACE, " ").encode() for piece in pieces]
        for i, text in (bytes_of | dict.fromkeys(every, b"")).items():
            texts[i] = text
        super().__init__(encode, Vocabulary(pieces, texts, every), roles, fingerprint)
        self._names = sorted(pieces[i] for i in every)
        self._name_starts = {name[:2] for name in self._names}
        self.safe_cuts = tuple(_safe_cuts(pieces))
        self.check_round_trip()

    @cached_property
    def _control_name(self) -> re.Pattern[str]:
        """Match a name. It is compiled for texts that may have one: thousands of names take a seventh of a second."""
        return re.compile("|".join(map(re.escape, self._names)))

    @cached_property
    def _control_start(self) -> re.Pattern[str]:
        """Match before each name, inside another one, too."""
        return re.compile(f"(?={self._control_name.pattern})")

    def _spell(self, text: str) -> list[int]:
        """Spell the text, cutting a control token's name after its first character: ordinary pieces spell the rest."""
        if not any(start in text for start in self._name_starts) or not self._control_name.search(text):
            return self._encode(text)
        cuts = [0, *(match.start() + 1 for match in self._control_start.finditer(text)), len(text)]
        return [i for start, end in pairwise(cuts) for i in self._encode(text[start:end])]

    def cut(self, text: str, longest: int, last: bool) -> int:
        """Cut after a run of newlines, else before a run of spaces: exact, since no piece crosses them.

        In a longer word, where that and what follows have a border between tokens: exact unless a chain of merges
        reaches back over all that follows.
        """
        for pattern in self.safe_cuts:
            if match := pattern.match(text, 0, longest + 1):
                return match.end()
        spans = self.character_spans(self.encode(text), text)
        starts = (first for first, _, before, _ in spans if not before)
        return self._leave_control_name(text, max(first for first in starts if first <= longest))

    def _leave_control_name(self, text: str, cut: int) -> int:
        """Return `cut`, or where `encode` cuts the control token's name around it."""
        for match in self._control_name.finditer(text, max(0, cut - LONGEST_PIECE)):
            if match.start() < cut < match.end():
                return match.start() + 1
        return cut

    def character_spans(self, ids: Iterable[int], text: str) -> Iterator[tuple[int, int, int, int]]:
        position, byte = 0, 0
        for i in ids:
            if i not in self._byte_ids:
                start, position = position, position + len(self._pieces[i])
                yield start, position, 0, 0
                continue
            left = len(text[position].encode()) - byte - 1
            yield position, position + 1, byte, left
            position, byte = (position, byte + 1) if left else (position + 1, 0)


def load_model_proto(content: bytes) -> tuple[Any, list[str]]:
    """Return the library's processor and the pieces of a SentencePiece model. Raises what the library raises."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=content)
    return processor, processor.id_to_piece(list(range(processor.get_piece_size())))


def from_model_proto(content: bytes, template: str, stops: frozenset[int], fingerprint: str) -> Tokenizer:
    processor, pieces = load_model_proto(content)
    kinds = (processor.is_control, processor.is_unknown, processor.is_unused)
    control = {i for i in range(len(pieces)) if any(kind(i) for kind in kinds)}
    return SentencePieceTokenizer(processor.encode, pieces, control, _roles(pieces, template, stops), fingerprint)


def from_tokenizer_json(tokenizer: Any, template: str, stops: frozenset[int], fingerprint: str) -> Tokenizer:
    """Build a tokenizer from a `tokenizers.Tokenizer` whose model is BPE with byte fallback."""
    if any(part and b'"Regex"' in part.__getstate__() for part in (tokenizer.normalizer, tokenizer.pre_tokenizer)):
        raise ModelError("the tokenizer holds a regular expression, which Gemma's do not", hint=_KNOWN)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    pieces = index_of(tokenizer.get_vocab())
    control = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    return SentencePieceTokenizer(encode, pieces, control, _roles(pieces, template, stops), fingerprint)


def _roles(pieces: list[str], template: str, stops: frozenset[int]) -> Roles:
    missing = [name for name in ("<bos>", "<eos>") if name not in pieces]
    if missing:
        raise ModelError(f"the tokenizer lacks {' and '.join(missing)}", hint=_KNOWN)
    return Roles(pieces.index("<bos>"), pieces.index("<eos>"), stops, template)


def _check_pieces(pieces: list[str], control: frozenset[int], byte_ids: set[int]) -> None:
    if len(byte_ids) < 256:
        raise ModelError(f"the tokenizer lacks {256 - len(byte_ids)} of the 256 byte pieces", hint=_KNOWN)
    odd = [pieces[i] for i in control if not re.fullmatch(f"[^\\s{SPACE}]{{2,{LONGEST_PIECE}}}", pieces[i])]
    if odd:
        raise ModelError(f"the tokenizer holds the control token {odd[0][:80]!r}", hint=_KNOWN)


def _safe_cuts(pieces: list[str]) -> Iterator[re.Pattern[str]]:
    """Return patterns for the safe cuts of this vocabulary, best first. Each matches up to the last such cut."""
    inner = "\0".join(pieces).replace(" ", SPACE)
    if not re.search("\n[^\n\0]", inner):
        yield _AFTER_NEWLINES
    if not re.search(f"[^{SPACE}\0]{SPACE}", inner):
        yield _BEFORE_SPACES
