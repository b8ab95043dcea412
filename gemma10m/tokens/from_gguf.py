"""Build a tokenizer from a GGUF file's metadata, which holds pieces, scores or merges, and kinds, but no rules."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

from gemma10m.errors import ModelError
from gemma10m.tokens.base import DOWNLOAD, MOST_PIECES, Roles, Tokenizer
from gemma10m.tokens.byte_level import (
    CONTROL_NAME,
    GPT_2,
    LLAMA_3,
    QWEN_2,
    SMOLLM,
    ByteLevelTokenizer,
    SplitRule,
    vocabulary_of,
)
from gemma10m.tokens.sentencepiece_model import SPACE, SentencePieceTokenizer, load_model_proto

_PREFIX = "tokenizer.ggml."
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)

# llama.cpp's names for how a text is split before bytes merge.
SPLIT_RULES: dict[str, SplitRule] = {
    "default": GPT_2,
    "gpt-2": GPT_2,
    "phi-2": GPT_2,
    "mpt": GPT_2,
    "olmo": GPT_2,
    "starcoder": SMOLLM,
    "smollm": SMOLLM,
    "refact": SMOLLM,
    "codeshell": SMOLLM,
    "command-r": SMOLLM,
    "llama3": LLAMA_3,
    "llama-v3": LLAMA_3,
    "llama-bpe": LLAMA_3,
    "falcon3": LLAMA_3,
    "smaug-bpe": LLAMA_3,
    "dbrx": LLAMA_3,
    "qwen2": QWEN_2,
    "stablelm2": QWEN_2,
    "deepseek-r1-qwen": QWEN_2,
}
# Of these rules: a part of a text that is a piece as it stands is not put together by merges.
_WHOLE_PARTS = {"llama3", "llama-v3", "llama-bpe", "falcon3"}


def tokenizer_from_gguf(metadata: Mapping[str, Any], fingerprint: str) -> Tokenizer:
    """Make the tokenizer that the `tokenizer.*` keys describe; metadata: GGUF's keys and plain values.

    Raises `ModelError`.
    """
    kind = metadata.get(f"{_PREFIX}model")
    builders: dict[str, Callable[[Mapping[str, Any], str], Tokenizer]] = {
        "llama": _sentencepiece,
        "gpt2": _byte_level,
        "gemma4": _merged_characters,
    }
    if not isinstance(kind, str) or kind not in builders:
        known = ", ".join(builders)
        raise ModelError(f"the tokenizer is of the kind {str(kind)[:80]!r}", hint=f"the kinds {known} are known")
    if metadata.get(f"{_PREFIX}add_space_prefix", kind == "llama"):
        raise ModelError(
            "the tokenizer puts a space before every text (add_space_prefix), so no block of a text could stand alone",
            hint="use a model whose tokenizer does not",
        )
    try:
        return builders[kind](metadata, fingerprint)
    except ModelError:
        raise
    except Exception as error:  # both libraries raise what they please, tokenizers a bare Exception
        found = str(error).strip().split("\n")[0] or type(error).__name__
        raise ModelError(f"the tokenizer in the file cannot be used: {found[:200]}", hint=DOWNLOAD) from error


def gguf_tokenizer(metadata: Mapping[str, Any]) -> Tokenizer:
    """Make the tokenizer of a GGUF file, named by its own metadata. Raises ModelError."""
    return tokenizer_from_gguf(metadata, fingerprint_of(metadata))


def fingerprint_of(metadata: Mapping[str, Any]) -> str:
    """Return the sha256 of all that the file says of the tokenizer."""
    said = {key: metadata[key] for key in sorted(metadata) if key.startswith("tokenizer.")}
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _sentencepiece(metadata: Mapping[str, Any], fingerprint: str) -> Tokenizer:
    pieces, kinds = _pieces(metadata)
    scores = _list(metadata, "scores", (float, int), len(pieces))
    unknown = _id(metadata, "unknown_token_id", len(pieces))
    if unknown is None:
        unknown = kinds.index(UNKNOWN) if UNKNOWN in kinds else pieces.index("<unk>")
    kinds = [CONTROL if kind == UNKNOWN else kind for kind in kinds]
    kinds[unknown] = UNKNOWN
    # Runs of spaces stand in the file as they are in a text, and the library writes a space as its sign.
    spelt = [
        piece.replace(" ", SPACE) if kind in (NORMAL, USER_DEFINED) else piece
        for piece, kind in zip(pieces, kinds, strict=True)
    ]
    processor, names = load_model_proto(model_proto(spelt, scores, kinds))
    control = {i for i, kind in enumerate(kinds) if kind in (UNKNOWN, CONTROL, UNUSED)}
    return SentencePieceTokenizer(
        processor.encode, names, control, _roles(metadata, len(pieces), bos=True), fingerprint
    )


def model_proto(pieces: list[str], scores: list[float], kinds: list[int]) -> bytes:
    """Write SentencePiece's ModelProto of a BPE vocabulary that keeps a text as it is, in protobuf's wire format."""
    before, after = cache(_before), cache(partial(_number, 3))  # few differ
    packed = (score for (score,) in struct.iter_unpack("4s", struct.pack(f"<{len(scores)}f", *scores)))
    fields = [
        b"%b%b\x15%b%b" % (before(len(text), kind), text, score, after(kind))
        for text, score, kind in zip(map(str.encode, pieces), packed, kinds, strict=True)
    ]
    trainer = (
        _number(3, 2) + _number(35, 1) + _number(40, kinds.index(UNKNOWN))
    )  # model_type BPE, byte_fallback, unk_id
    normalizer = _field(1, b"identity") + _number(3, 0) + _number(4, 0) + _number(5, 1)  # only spaces become signs
    return b"".join((*fields, _field(2, trainer), _field(3, normalizer)))


def _before(size: int, kind: int) -> bytes:
    """Return what comes before a piece of so many bytes: its field and its message, with a score and a kind in it."""
    text = _length(1, size)
    return _length(1, len(text) + size + 5 + len(_number(3, kind))) + text


def _field(number: int, content: bytes) -> bytes:
    return _length(number, len(content)) + content


def _length(number: int, size: int) -> bytes:
    """Return what comes before so many bytes of a field."""
    return _varint(number << 3 | 2) + _varint(size)


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _merged_characters(metadata: Mapping[str, Any], fingerprint: str) -> Tokenizer:
    """Build Gemma 4's tokenizer: SentencePiece's pieces with the merges that its tokenizer.json has."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers

    pieces, kinds = _pieces(metadata)
    unknown = kinds.index(UNKNOWN) if UNKNOWN in kinds else pieces.index("<unk>")
    model = models.BPE(
        vocab={piece: i for i, piece in enumerate(pieces)},
        merges=list(_merges(metadata, len(pieces))),
        unk_token=pieces[unknown],
        fuse_unk=True,
        byte_fallback=True,
    )
    library = Tokenizer(model)
    library.normalizer = normalizers.Replace(" ", SPACE)
    # A run of spaces is met after the normaliser has written it with its sign, as in tokenizer.json.
    named = (piece for piece, kind in zip(pieces, kinds, strict=True) if kind == USER_DEFINED)
    library.add_tokens([AddedToken(piece, normalized=SPACE in piece) for piece in named])
    control = {i for i, kind in enumerate(kinds) if kind in (UNKNOWN, CONTROL, UNUSED)}

    def encode(text: str) -> list[int]:
        ids: list[int] = library.encode(text, add_special_tokens=False).ids
        return ids

    return SentencePieceTokenizer(encode, pieces, control, _roles(metadata, len(pieces), bos=True), fingerprint)


def _byte_level(metadata: Mapping[str, Any], fingerprint: str) -> Tokenizer:
    from tokenizers import models

    pieces, kinds = _pieces(metadata)
    name = metadata.get(f"{_PREFIX}pre", "default")
    if not isinstance(name, str) or name not in SPLIT_RULES:
        raise ModelError(
            f"the tokenizer splits text by the rule {str(name)[:80]!r}",
            hint=f"known are {', '.join(SPLIT_RULES)}",
        )
    control = [i for i, kind in enumerate(kinds) if kind in (UNKNOWN, CONTROL, UNUSED)]
    vocabulary = vocabulary_of(pieces, control, (i for i, kind in enumerate(kinds) if kind != NORMAL))
    learnt = {piece: i for i, (piece, kind) in enumerate(zip(pieces, kinds, strict=True)) if kind == NORMAL}
    merges = list(_merges(metadata, len(pieces)))
    model = models.BPE(vocab=learnt, merges=merges, ignore_merges=name in _WHOLE_PARTS)
    roles = _roles(metadata, len(pieces), bos=name in _WHOLE_PARTS)
    return ByteLevelTokenizer(model, SPLIT_RULES[name], vocabulary, roles, fingerprint)


def _merges(metadata: Mapping[str, Any], pieces: int) -> Iterator[tuple[str, str]]:
    merges = _list(metadata, "merges", (str,))
    if len(merges) > pieces * 4:
        raise ModelError(f"the tokenizer holds {len(merges):,} merges of {pieces:,} pieces", hint=DOWNLOAD)
    for merge in merges:
        left, space, right = merge.partition(" ")
        if not (left and space and right) or " " in right:
            raise ModelError(f"the tokenizer holds the merge {merge[:80]!r}", hint=DOWNLOAD)
        yield left, right


def _pieces(metadata: Mapping[str, Any]) -> tuple[list[str], list[int]]:
    """Return the pieces and the kind of each; a name of a control token makes it one."""
    pieces: list[str] = _list(metadata, "tokens", (str,))
    if len(pieces) > MOST_PIECES:
        raise ModelError(f"the tokenizer holds {len(pieces):,} pieces, more than any", hint=DOWNLOAD)
    if len(set(pieces)) < len(pieces):
        raise ModelError("the tokenizer holds a piece twice", hint=DOWNLOAD)
    kinds: list[int] = [NORMAL] * len(pieces)
    if f"{_PREFIX}token_type" in metadata:
        kinds = _list(metadata, "token_type", (int,), len(pieces))
    if odd := set(kinds) - set(range(NORMAL, BYTE + 1)):
        raise ModelError(f"the tokenizer holds a piece of the kind {min(odd)}", hint=DOWNLOAD)
    marked = (kind == USER_DEFINED and CONTROL_NAME.fullmatch(piece) for piece, kind in zip(pieces, kinds, strict=True))
    return pieces, [CONTROL if mark else kind for mark, kind in zip(marked, kinds, strict=True)]


def _roles(metadata: Mapping[str, Any], pieces: int, bos: bool) -> Roles:
    """Return the roles. bos: whether a text begins with one if the file does not say."""
    eos = _id(metadata, "eos_token_id", pieces)
    if eos is None:
        raise ModelError("the tokenizer names no token that ends a text (eos_token_id)", hint=DOWNLOAD)
    first = _id(metadata, "bos_token_id", pieces) if metadata.get(f"{_PREFIX}add_bos_token", bos) else None
    more = (_id(metadata, name, pieces) for name in ("eot_token_id", "eom_token_id"))
    template = metadata.get("tokenizer.chat_template", "")
    warnings: tuple[str, ...] = ()
    if metadata[f"{_PREFIX}model"] == "gpt2" and metadata.get(f"{_PREFIX}pre", "default") == "default":
        warnings = ("the model's file does not say how a text is split, so GPT-2's rule is used",)
    stops = frozenset(i for i in more if i is not None)
    return Roles(first, eos, stops, template if isinstance(template, str) else "", warnings)


def _id(metadata: Mapping[str, Any], name: str, pieces: int) -> int | None:
    found = metadata.get(_PREFIX + name)
    if found is not None and (type(found) is not int or not 0 <= found < pieces):
        raise ModelError(f"the tokenizer's {name} is {str(found)[:80]}, which no piece has", hint=DOWNLOAD)
    return found


def _list(metadata: Mapping[str, Any], name: str, kinds: tuple[type, ...], length: int | None = None) -> list[Any]:
    found = metadata.get(_PREFIX + name)
    whole = isinstance(found, list) and all(type(each) in kinds for each in found) and (found or name == "merges")
    if not isinstance(found, list) or not whole:
        raise ModelError(f"the tokenizer's {name} are missing or damaged", hint=DOWNLOAD)
    if length is not None and len(found) != length:
        raise ModelError(f"the tokenizer has {len(found):,} {name} for {length:,} pieces", hint=DOWNLOAD)
    return found
