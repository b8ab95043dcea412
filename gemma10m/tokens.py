"""Text to ids and back, through a checkpoint's own tokenizer file. Text never becomes a control token."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from gemma10m.errors import ModelError, UsageError
from gemma10m.folders import demo_folder

SPACE = "\u2581"  # how pieces write a space

LONGEST_PIECE = 1024  # characters; Gemma's longest has 31
_LARGEST_FILE = 1 << 28  # bytes; Gemma's largest tokenizer.json has 34 MB
_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
_CONTROL_NAME = re.compile(
    r"<(?:pad|eos|bos|unk|mask|2mass|unused\d+|(?:start|end)_of_(?:turn|image)|image_soft_token)>"
    r"|\[multimodal\]|\[@BOS@\]"
)
# What a tokenizer must give back unchanged, and what one that normalises text or adds a space before it would not.
_PROBE = "a  b\n\n\tÀ é \ufb01\u2460\r\n\u3000汉 \x01\U0001f600 1234 "
_DOWNLOAD = "download the model again: gemma10m download"

# A cut is exact where no piece of the vocabulary holds what is on both its sides: no merge ever crosses it.
_AFTER_NEWLINES = re.compile(r".*\n(?=[^\n])", re.DOTALL)
_BEFORE_SPACES = re.compile(f".*[^ {SPACE}](?=[ {SPACE}])", re.DOTALL)


class Tokenizer:
    """Made by `load_tokenizer`.

    bos, eos, start_of_turn, end_of_turn: ids, the last two None where the vocabulary lacks them.
    vocabulary: the number of ids. fingerprint: sha256 of the tokenizer file.
    has_turns: whether the checkpoint was taught turns, by its chat template; the template is never run.
    """

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        pieces: list[str],
        control: Iterable[int],
        fingerprint: str,
        has_turns: bool,
    ) -> None:
        index = {piece: i for i, piece in enumerate(pieces)}
        named = (i for piece, i in index.items() if _CONTROL_NAME.fullmatch(piece))
        self._encode = encode
        self._control_ids = {*control, *named}
        self._byte_ids = {i for piece, i in index.items() if _BYTE_PIECE.fullmatch(piece)}
        self._pieces = pieces
        self._check_pieces()
        self._bytes = {i: self._bytes_of(i) for i in range(len(pieces))}
        names = sorted(re.escape(pieces[i]) for i in self._control_ids)
        self._control_name = re.compile("|".join(names))
        self._control_start = re.compile(f"(?={self._control_name.pattern})")
        self.safe_cuts = tuple(_safe_cuts(pieces))
        self.bos, self.eos = index["<bos>"], index["<eos>"]
        self.start_of_turn = index.get("<start_of_turn>")
        self.end_of_turn = index.get("<end_of_turn>")
        self.vocabulary = len(pieces)
        self.fingerprint = fingerprint
        self.has_turns = has_turns and self.start_of_turn is not None and self.end_of_turn is not None
        self._check_round_trip()

    @property
    def stop_ids(self) -> frozenset[int]:
        return frozenset({self.eos} if self.end_of_turn is None else {self.eos, self.end_of_turn})

    def encode(self, text: str) -> list[int]:
        """The ids of `text`, without <bos>. A control token's name in it is cut after its first character, so that it
        is spelt with ordinary pieces. Raises `UsageError` for a lone surrogate (an argument that was not UTF-8), and
        `ModelError` should a control id come out all the same.
        """
        cuts = [0, *self.inside_control_names(text), len(text)] if self._control_name.search(text) else [0, len(text)]
        try:
            ids = [i for start, end in pairwise(cuts) for i in self._encode(text[start:end])]
        except (RuntimeError, TypeError, ValueError) as error:  # what the libraries say to a lone surrogate
            raise UsageError("the text is not valid Unicode", hint="write it in UTF-8") from error
        if not self._control_ids.isdisjoint(ids):
            raise ModelError("the tokenizer made a control token out of ordinary text", hint=_DOWNLOAD)
        return ids

    def inside_control_names(self, text: str) -> list[int]:
        """Where `encode` cuts: the character after the first of each control token's name."""
        return [match.start() + 1 for match in self._control_start.finditer(text)]

    def leave_control_name(self, text: str, cut: int) -> int:
        """`cut`, or where `encode` cuts the control token's name that `cut` is in."""
        for match in self._control_name.finditer(text, max(0, cut - LONGEST_PIECE)):
            if match.start() < cut < match.end():
                return match.start() + 1
        return cut

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`, without control tokens and the ids with which a model pads its vocabulary.

        Bytes that are not UTF-8 come out as U+FFFD.
        """
        return b"".join(self._bytes.get(i, b"") for i in ids).decode("utf-8", "replace")

    def stream_decoder(self) -> StreamDecoder:
        return StreamDecoder(self._bytes)

    def character_spans(self, ids: Iterable[int], text: str) -> Iterator[tuple[int, int, int]]:
        """For each of the `ids` of `text`, the characters [start, end) it stands for and which byte of a single
        character it is, -1 where it is all of them.
        """
        position, byte = 0, 0
        for i in ids:
            if i not in self._byte_ids:
                start, position = position, position + len(self._pieces[i])
                yield start, position, -1
                continue
            yield position, position + 1, byte
            byte += 1
            if byte == len(text[position].encode()):
                position, byte = position + 1, 0

    def _bytes_of(self, i: int) -> bytes:
        if i in self._control_ids:
            return b""
        if i in self._byte_ids:
            return bytes.fromhex(self._pieces[i][3:5])
        return self._pieces[i].replace(SPACE, " ").encode()

    def _check_pieces(self) -> None:
        missing = [name for name in ("<bos>", "<eos>") if name not in self._pieces]
        if missing or len(self._byte_ids) < 256:
            found = " and ".join(missing) or f"{256 - len(self._byte_ids)} of the 256 byte pieces"
            raise ModelError(f"the tokenizer lacks {found}", hint="only Gemma's tokenizers are known")
        longest = max(map(len, self._pieces))
        control = [self._pieces[i] for i in self._control_ids]
        odd = [name for name in control if not re.fullmatch(f"[^\\s{SPACE}]{{2,}}", name)]
        if longest > LONGEST_PIECE or odd:
            found = f"the control token {odd[0]!r}" if odd else f"a piece of {longest} characters"
            raise ModelError(f"the tokenizer holds {found}", hint="only Gemma's tokenizers are known")

    def _check_round_trip(self) -> None:
        if self.decode(self.encode(_PROBE)) != _PROBE or self.decode(self._encode("a")) != "a":
            raise ModelError("the tokenizer changes the text it is given", hint="only Gemma's tokenizers are known")


class StreamDecoder:
    """Decodes id by id; a character whose bytes are spread over ids comes out once, whole."""

    def __init__(self, bytes_of: dict[int, bytes]) -> None:
        self._bytes = bytes_of
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def decode(self, token: int) -> str:
        """The text that `token` completes, often its own, sometimes none."""
        return self._decoder.decode(self._bytes.get(token, b""))

    def flush(self) -> str:
        """What is held back of an unfinished character, as U+FFFD."""
        return self._decoder.decode(b"", final=True)


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """The tokenizer of a checkpoint folder, or of "demo": `tokenizer.model`, else `tokenizer.json`.

    Raises `ModelError`.
    """
    folder = demo_folder() if folder == "demo" else Path(folder)
    has_turns = _has_turns(folder / "tokenizer_config.json")
    for name, load in (("tokenizer.model", _load_sentencepiece), ("tokenizer.json", _load_tokenizers)):
        path = folder / name
        if path.is_file():
            content = _read(path)
            try:
                encode, pieces, control = load(content)
            except Exception as error:  # both libraries raise what they please, tokenizers a bare Exception
                raise ModelError(f"{path} cannot be used: {_first_line(error)}", hint=_DOWNLOAD) from error
            return Tokenizer(encode, pieces, control, hashlib.sha256(content).hexdigest(), has_turns)
    raise ModelError(
        f"{folder} holds no tokenizer.model and no tokenizer.json", hint="name a checkpoint folder, or download one"
    )


Loaded = tuple[Callable[[str], list[int]], list[str], set[int]]  # encode, pieces, control ids


def _load_sentencepiece(content: bytes) -> Loaded:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=content)
    ids = list(range(processor.get_piece_size()))
    control = {i for i in ids if processor.is_control(i) or processor.is_unknown(i) or processor.is_unused(i)}
    return processor.encode, processor.id_to_piece(ids), control


def _load_tokenizers(content: bytes) -> Loaded:
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_buffer(content)
    if not isinstance(tokenizer.model, tokenizers.models.BPE):
        raise ValueError(f"its model is {type(tokenizer.model).__name__}, not BPE")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    index = {i: piece for piece, i in tokenizer.get_vocab().items()}
    if set(index) != set(range(len(index))):
        raise ValueError("its ids are not 0, 1, 2 and so on")
    control = {i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special}

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    return encode, [index[i] for i in range(len(index))], control


def _safe_cuts(pieces: list[str]) -> Iterator[re.Pattern[str]]:
    """The ways of cutting a text that this vocabulary allows, best first. Each matches up to the last such cut."""
    inner = "\0".join(pieces).replace(" ", SPACE)
    if not re.search("\n[^\n\0]", inner):
        yield _AFTER_NEWLINES
    if not re.search(f"[^{SPACE}\0]{SPACE}", inner):
        yield _BEFORE_SPACES


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ModelError(f"{path} is larger than any tokenizer", hint=_DOWNLOAD)
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", hint="check the folder's permissions") from error
    if content.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path} is a git-lfs pointer, not the file itself", hint="run git lfs pull, or " + _DOWNLOAD)
    if not content.strip():
        raise ModelError(f"{path} is empty", hint=_DOWNLOAD)
    if content[:1024].lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise ModelError(f"{path} is an HTML page, not a tokenizer", hint=_DOWNLOAD)
    return content


def _has_turns(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        config: Any = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON: {_first_line(error)}", hint=_DOWNLOAD) from error
    template = config.get("chat_template") if isinstance(config, dict) else None
    return "<start_of_turn>" in json.dumps(template)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
