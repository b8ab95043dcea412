"""Answer with passages retrieved: index the document, read its state, and ask each question as `ask` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from gemma10m.answering.answer import answer
from gemma10m.documents import open_source
from gemma10m.evaluation.needles import Answers, ReadDocuments, Tick, questions_begin
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.passages.building import build_index
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.passages.retrieve import default_budget, retrieve, shown
from gemma10m.passages.statements import NOT_IN_TEXT
from gemma10m.passages.verdicts import verify
from gemma10m.tasks.case import Case
from gemma10m.tasks.writer import Script
from gemma10m.tokens import Tokenizer

SUFFIX = " + passages"  # of the memory's name in a row


def answer_with_passages(
    model: Decoder,
    tokenizer: Tokenizer,
    cases: Sequence[Case],
    scripts: Sequence[Script],
    read: Sequence[Script],
    tick: Tick,
    read_documents: ReadDocuments,
) -> Answers:
    """Answer each script's question. `read`: what the model reads of the scripts, whose whole text is indexed.

    An answer is right when it matches letter by letter and its first source is a planted sentence; where the text has
    no answer, when that is reported.
    """
    ends = [len(script) - script.closing for script in read]
    first = questions_begin(model, read)
    with torch.inference_mode():
        state, tokens = read_documents(model, read, first, tick)
        rows = [
            model(script.cut(first, end).unsqueeze(0), _row(state, number), logits="none")[1]
            for number, (script, end) in enumerate(zip(read, ends, strict=True))
        ]
    right = tuple(
        _is_right(model, tokenizer, case, script, row) for case, script, row in zip(cases, scripts, rows, strict=True)
    )
    return Answers(right, tokens, rows[0].nbytes)


def _row(state: State, number: int) -> State:
    here = slice(number, number + 1)
    return state.map(lambda tensor: tensor[here])


def _is_right(model: Decoder, tokenizer: Tokenizer, case: Case, script: Script, state: State) -> bool:
    turn = case.turns[0]
    with TemporaryDirectory() as folder:
        document, path = Path(folder) / "document.txt", Path(folder) / "document.passages"
        document.write_text(tokenizer.decode(_document_ids(script).tolist()), encoding="utf-8")
        opened = open_source(document)
        build_index(opened, path)
        with open_index(path) as index:
            retrieved = shown(retrieve(index, tokenizer, turn.question, default_budget(model.reading)))
            made = "".join(answer(model, tokenizer, state, turn.question, retrieved=retrieved))
            return _is_supported(index, case, made)


def _document_ids(script: Script) -> Tensor:
    """Return the ids without the prompt's opening and the question."""
    return script.cut(len(script.parts[0]), len(script) - script.closing)  # (S)


def _is_supported(index: PassageIndex, case: Case, made: str) -> bool:
    turn = case.turns[0]
    found = verify(index, turn.question, made)
    if turn.answer == NOT_IN_TEXT:
        return found.verdict != "verified"
    planted = [" ".join(fact.text.split()) for fact in case.facts]
    located = found.verdict == "verified" and any(fact in " ".join(found.quotes[0].text.split()) for fact in planted)
    return made.strip() == turn.answer and located
