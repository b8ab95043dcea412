"""Prompts are built from ids, never from text, so that no document can forge a turn."""

from __future__ import annotations

from gemma10m.tokens import Tokenizer


class Prompt:
    """With a turn format the user's turn opens before the document's first token and closes after the question."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._turns = (tokenizer.start_of_turn, tokenizer.end_of_turn) if tokenizer.has_turns else None

    @property
    def stop(self) -> int:
        """The id that ends an answer."""
        end = self._tokenizer.end_of_turn
        return end if self._turns and end is not None else self._tokenizer.eos

    def opening(self) -> list[int]:
        """What stands before the document."""
        if self._turns is None:
            return [self._tokenizer.bos]
        start, _ = self._marks()
        return [self._tokenizer.bos, start, *self._tokenizer.encode("user\n")]

    def question(self, text: str, recalled: str = "") -> list[int]:
        """What stands between the document and the answer; `recalled` is the document's own text, read again."""
        return [*self._tokenizer.encode(recalled), *self._question(text)]

    def _question(self, text: str) -> list[int]:
        encode = self._tokenizer.encode
        if self._turns is None:
            return encode(f"\n\nQuestion: {text}\nAnswer:")
        start, end = self._marks()
        return [*encode(f"\n\n{text}"), end, *encode("\n"), start, *encode("model\n")]

    def next_question(self, text: str, recalled: str = "") -> list[int]:
        """What stands between an answer and the next one; `recalled` as in `question`."""
        if self._turns is None:
            return self.question(text, recalled)
        start, end = self._marks()
        encode = self._tokenizer.encode
        user = [start, *encode(f"user{recalled}\n\n{text}" if recalled else f"user\n{text}"), end]
        return [end, *encode("\n"), *user, *encode("\n"), start, *encode("model\n")]

    def _marks(self) -> tuple[int, int]:
        start, end = self._tokenizer.start_of_turn, self._tokenizer.end_of_turn
        assert start is not None
        assert end is not None
        return start, end
