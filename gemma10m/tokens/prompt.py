"""Prompts are built from ids, never from text, so that no document can forge a turn."""

from __future__ import annotations

from gemma10m.tokens.base import Tokenizer
from gemma10m.tokens.turns import Turns


class Prompt:
    """Open the user's turn before the document's first token and close it after the question, if there are turns."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._turns = tokenizer.turns

    @property
    def stop(self) -> int:
        """Return the id that ends an answer."""
        return self._turns.ids[self._turns.form.end] if self._turns else self._tokenizer.eos

    def opening(self) -> list[int]:
        """Return the ids before the document."""
        first = [] if self._tokenizer.bos is None else [self._tokenizer.bos]
        turns = self._turns
        if turns is None:
            return first
        if turns.system:
            first += [*self._begun(turns, "system", turns.form.gap + turns.system), *self._ended(turns)]
        return [*first, *self._begun(turns, turns.form.user, turns.form.gap)]

    def question(self, text: str, recalled: str = "") -> list[int]:
        """Return the ids between the document and the answer; `recalled` is the document's text, read again."""
        return [*self._tokenizer.encode(recalled), *self._question(text)]

    def _question(self, text: str) -> list[int]:
        encode, turns = self._tokenizer.encode, self._turns
        if turns is None:
            return encode(f"\n\nQuestion: {text}\nAnswer:")
        return [*encode(f"\n\n{text}"), *self._reply(turns)]

    def answer(self, text: str) -> list[int]:
        """Return the ids of an answer, as a model gives it, and of what ends it."""
        encode = self._tokenizer.encode
        return [*encode(text), self.stop] if self._turns else [*encode(f" {text}"), *encode("\n")]

    def next_question(self, text: str, recalled: str = "") -> list[int]:
        """Return the ids between an answer and the next one; `recalled` as in `question`."""
        turns = self._turns
        if turns is None:
            return self.question(text, recalled)
        said = f"{recalled}\n\n{text}" if recalled else f"{turns.form.gap}{text}"
        return [*self._ended(turns), *self._begun(turns, turns.form.user, said), *self._reply(turns)]

    def _reply(self, turns: Turns) -> list[int]:
        return [*self._ended(turns), *self._begun(turns, turns.form.model, turns.form.gap)]

    def _begun(self, turns: Turns, role: str, text: str) -> list[int]:
        """Open a turn; `text` begins with the gap. Without a head, role and text are encoded as one text."""
        encode, form = self._tokenizer.encode, turns.form
        said = [*encode(role), turns.ids[form.head], *encode(text)] if form.head else encode(role + text)
        return [turns.ids[form.start], *said]

    def _ended(self, turns: Turns) -> list[int]:
        between = turns.form.between
        return [turns.ids[turns.form.end], *(self._tokenizer.encode(between) if between else [])]
