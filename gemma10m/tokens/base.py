"""All tokenizers share these parts, whatever their vocabulary is. Text never becomes a control token."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gemma10m.errors import ModelError, UsageError
from gemma10m.tokens.turns import ENDS, FORMATS, choose_turns

LONGEST_PIECE = 1024  # characters; Gemma's longest has 31, that of byte-level vocabularies some hundred
MOST_PIECES = 1 << 22  # the largest published vocabularies have 262,144
DOWNLOAD = "download the model again: gemma10m download"

# What a tokenizer must give back unchanged, and what one that normalises text or adds a space before it would not.
PROBE = "a  b\n\n\tÀ é \ufb01\u2460\r\n\u3000汉 \x01\U0001f600 1234 "

Encode = Callable[[str], list[int]]


@dataclass(frozen=True)
class Vocabulary:
    """Hold each id's name in `pieces` and the bytes it stands for in `texts`, b"" for a control token."""

    pieces: list[str]
    texts: list[bytes]
    control: frozenset[int]

    def control_names(self) -> dict[str, int]:
        return {self.pieces[i]: i for i in sorted(self.control)}


@dataclass(frozen=True)
class Roles:
    """Hold the ids to which a checkpoint gives a meaning.

    bos: what the model reads before every text, None where that is nothing. stops: more ids that end an answer.
    template: the chat template, "" without one.
    """

    bos: int | None
    eos: int
    stops: frozenset[int] = frozenset()
    template: str = ""
    warnings: tuple[str, ...] = ()


class Tokenizer(ABC):
    """Turn text into ids and back, and cut text where both halves keep the ids of the whole; `load_tokenizer` makes it.

    bos, eos: ids; bos is None where the model reads none before a text.
    start_of_turn, end_of_turn: ids, None where the vocabulary has the marks of no known turn format.
    turns: the format the checkpoint was taught, by its chat template; the template is never run.
    stop_ids: the ids that end an answer. vocabulary: the number of ids.
    fingerprint: sha256 of the tokenizer file. warnings: sentences for the user.
    """

    def __init__(self, encode: Encode, vocabulary: Vocabulary, roles: Roles, fingerprint: str) -> None:
        check_pieces(vocabulary)
        names = vocabulary.control_names()
        self._encode = encode
        self._pieces = vocabulary.pieces
        self._control_ids = vocabulary.control
        self._bytes = dict(enumerate(vocabulary.texts))
        self.bos, self.eos = roles.bos, roles.eos
        known = next((form for form in FORMATS if names.keys() >= set(form.marks)), None)
        self.start_of_turn = names[known.start] if known else None
        self.end_of_turn = names[known.end] if known else None
        self.stop_ids = frozenset({roles.eos, *roles.stops, *(names[name] for name in ENDS if name in names)})
        self._end_of_text = names.get("<|endoftext|>", roles.eos)
        self.vocabulary = len(vocabulary.pieces)
        self.fingerprint = fingerprint
        self.turns = choose_turns(roles.template, names)
        self.warnings = roles.warnings
        if roles.template.strip() and self.turns is None:
            self.warnings += ("the model's chat template has no known format, so questions are asked as plain text",)

    @property
    def first(self) -> int:
        """Return the id that precedes a text which must not come first: bos, else what ends a text."""
        return self._end_of_text if self.bos is None else self.bos

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, without bos. A control token's name in it is spelt with ordinary pieces.

        Raises `UsageError` for a lone surrogate (an argument that was not UTF-8), and `ModelError` should a control id
        come out all the same.
        """
        try:
            ids = self._spell(text)
        except (RuntimeError, TypeError, ValueError) as error:  # what the libraries say to a lone surrogate
            raise UsageError("the text is not valid Unicode", hint="write it in UTF-8") from error
        if not self._control_ids.isdisjoint(ids):
            raise ModelError("the tokenizer made a control token out of ordinary text", hint=DOWNLOAD)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`, without control tokens and the ids with which a model pads its vocabulary.

        Bytes that are not UTF-8 come out as U+FFFD.
        """
        return b"".join(self._bytes.get(i, b"") for i in ids).decode("utf-8", "replace")

    def stream_decoder(self) -> StreamDecoder:
        return StreamDecoder(self._bytes)

    @abstractmethod
    def _spell(self, text: str) -> list[int]:
        """Return the ids of `text`, no control token among them."""

    @abstractmethod
    def cut(self, text: str, longest: int, last: bool) -> int:
        """Return where a block at the beginning of the longer `text` ends, so that its ids and those of the rest are
        the ids of the whole: within `longest` characters unless a later cut alone is exact. last: nothing comes
        after `text`; else anything may.
        """

    @abstractmethod
    def character_spans(self, ids: Iterable[int], text: str) -> Iterator[tuple[int, int, int, int]]:
        """Yield for each of the `ids` of `text` the characters [start, end) of which it has bytes, how many bytes of
        the first of them belong to tokens before it, and how many of the last to tokens after it.
        """

    def check_round_trip(self, probe: str = PROBE) -> None:
        if self.decode(self.encode(probe)) != probe or self.decode(self._encode("a")) != "a":
            raise ModelError(
                "the tokenizer changes the text it is given", hint="only tokenizers that keep every character are known"
            )


class StreamDecoder:
    """Decode id by id; a character whose bytes are spread over ids comes out once, whole."""

    def __init__(self, bytes_of: dict[int, bytes]) -> None:
        self._bytes = bytes_of
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def decode(self, token: int) -> str:
        """Return the text that `token` completes, often its own, sometimes none."""
        return self._decoder.decode(self._bytes.get(token, b""))

    def flush(self) -> str:
        """Return what is held back of an unfinished character, as U+FFFD."""
        return self._decoder.decode(b"", final=True)


def check_pieces(vocabulary: Vocabulary) -> None:
    """Refuse what no tokenizer holds, in one sentence. Raises `ModelError`."""
    pieces = vocabulary.pieces
    if len(pieces) > MOST_PIECES:
        raise ModelError(f"the tokenizer holds {len(pieces):,} pieces, more than any", hint=DOWNLOAD)
    longest = max(map(len, pieces), default=0)
    if longest > LONGEST_PIECE:
        raise ModelError(f"the tokenizer holds a piece of {longest} characters", hint=DOWNLOAD)


def index_of(pieces: dict[str, int]) -> list[str]:
    """Return the pieces by their ids, which must be 0, 1, 2 and so on, each once. Raises `ValueError`."""
    index = {i: piece for piece, i in pieces.items()}
    if set(index) != set(range(len(pieces))):
        raise ValueError("its ids are not 0, 1, 2 and so on")
    return [index[i] for i in range(len(index))]
