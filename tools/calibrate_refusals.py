"""Find out how far to move a model's refusals: `python tools/calibrate_refusals.py QUESTIONS DATA [-n N]`.

For each of N drawn questions the model answers from retrieved passages twice: as it would, and with `not in the text`
forbidden. The margin is the logarithm of the odds of the refusal's first token; a bias of b refuses where the margin
plus b is above 0. Print exact match, F1, refused answerable and answered unanswerable questions by bias.
Take questions that the model was not measured with.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gemma10m.answering.conversation import reply
from gemma10m.answering.refusing import Refusing
from gemma10m.answering.sampling import Sampling
from gemma10m.evaluation.squad_score import exact_match, f1
from gemma10m.library.chat import conversation_of_passages, put_to
from gemma10m.library.library import Library
from gemma10m.passages.statements import REFUSAL
from gemma10m.saved_states import Reader
from gemma10m.tasks.question_set import AskedQuestion, read_question_set
from gemma10m.terminal import Terminal
from gemma10m.tokens.prompt import Prompt

BIASES = (-6.0, -5.0, -4.0, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
LONGEST = 32  # tokens of an answer


@dataclass(frozen=True)
class Margin:
    asked: AskedQuestion
    margin: float
    forbidden: str  # what is said where refusing is forbidden


def margin_of(reader: Reader, asked: AskedQuestion, retrieved: str) -> Margin:
    prompt, conversation = Prompt(reader.tokenizer), conversation_of_passages(reader)
    refusing, question = Refusing(prompt.answer(REFUSAL)[0]), put_to(reader, asked.question)
    ids = [*conversation.unread, *prompt.question(question, retrieved)]
    with torch.inference_mode():
        logits = reader.model(torch.tensor([ids]), conversation.state, logits="last")[0][0, 0]  # (V)
    sampling, never = Sampling(max_new_tokens=LONGEST), replace(refusing, bias=-math.inf)
    said = "".join(reply(reader.model, reader.tokenizer, conversation, question, sampling, retrieved, never))
    return Margin(asked, refusing.margin(logits), said.strip())


def line(found: Sequence[Margin], bias: float) -> str:
    said = ["" if one.margin + bias > 0 else one.forbidden for one in found]
    pairs = [(one.asked.answers, text) for one, text in zip(found, said, strict=True)]
    exact = sum(exact_match(text, answers) for answers, text in pairs) / len(pairs)
    score = sum(f1(text, answers) for answers, text in pairs) / len(pairs)
    answerable = [text for answers, text in pairs if answers]
    others = [text for answers, text in pairs if not answers]
    refused = sum(not text for text in answerable) / max(1, len(answerable))
    false = sum(bool(text) for text in others) / max(1, len(others))
    return f"{bias:6.1f} {100 * exact:6.1f} {100 * score:6.1f} {100 * refused:8.1f} {100 * false:8.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", type=Path)
    parser.add_argument("data")
    parser.add_argument("-n", type=int, default=150)
    parser.add_argument("-m", "--model", default="small")
    parser.add_argument("--adapter")
    options = parser.parse_args()
    asked = random.Random(0).sample(read_question_set(options.questions), options.n)
    terminal, found = Terminal(), list[Margin]()
    library = Library(options.model, adapter=options.adapter, listener=terminal)
    progress = terminal.count_progress("answering", "questions", len(asked))
    with library.open(options.data) as reading, progress as bar:
        for one in asked:
            retrieved = reading.passages.retrieved(reading.reader, one.question, reading.source.state)
            found.append(margin_of(reading.reader, one, retrieved))
            bar.update(len(found))
    terminal.line("  bias  exact     F1  refused  false answers (%)")
    for bias in BIASES:
        terminal.line(line(found, bias))


if __name__ == "__main__":
    main()
