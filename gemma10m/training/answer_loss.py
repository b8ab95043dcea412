"""Compute the loss of several answers about one set of passages: the passages go through the model once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt
from gemma10m.training.contexts import Context


@dataclass(frozen=True)
class EncodedContext:
    """Hold a context's ids. n questions, padded on the right to Q ids, which no question's own ids can see."""

    passages: Tensor  # (1, P) int64, behind the prompt's opening
    questions: Tensor  # (n, Q) int64, each with its answer
    answers: Tensor  # (n, Q) bool: ids of the answer, with the line's end

    @property
    def tokens(self) -> int:
        return self.passages.numel() + self.questions.numel()


@dataclass(frozen=True)
class AnswerLoss:
    loss: Tensor  # (), mean over the answers' tokens
    right: int  # answers of which every token is the likeliest
    asked: int


def encode_context(tokenizer: Tokenizer, context: Context) -> EncodedContext:
    """Return the ids that the model reads and answers in, as `answering.answer` puts them."""
    prompt = Prompt(tokenizer)
    passages = [*prompt.opening(), *tokenizer.encode(context.passages)]
    asked = [prompt.question(one.question) for one in context.asked]
    said = [prompt.answer(one.answer) for one in context.asked]
    longest = max(len(ids) + len(answer) for ids, answer in zip(asked, said, strict=True))
    questions = torch.zeros(len(asked), longest, dtype=torch.int64)  # (n, Q)
    answers = torch.zeros(questions.shape, dtype=torch.bool)  # (n, Q)
    for row, (ids, answer) in enumerate(zip(asked, said, strict=True)):
        stop = len(ids) + len(answer)
        questions[row, :stop] = torch.tensor([*ids, *answer])
        answers[row, len(ids) : stop] = True
    return EncodedContext(torch.tensor([passages]), questions, answers)


def answer_loss(model: Decoder, encoded: EncodedContext) -> AnswerLoss:
    """Return the loss of one context. The state after the passages is shared by all of its questions."""
    count = len(encoded.questions)
    _, state = model.hidden(encoded.passages, model.empty_state(1), 0)
    shared = state.map(lambda tensor: tensor.expand(count, *tensor.shape[1:]))
    hidden, _ = model.hidden(encoded.questions[:, :-1], shared, encoded.questions.shape[1] - 1)  # (n, Q, D)
    wanted = encoded.answers[:, 1:]
    targets = encoded.questions[:, 1:][wanted].to(model.device)
    logits = model.head(hidden[wanted]).float()  # (rows, V)
    hits = torch.ones(wanted.shape, dtype=torch.bool)
    hits[wanted] = (logits.argmax(-1) == targets).cpu()
    return AnswerLoss(F.cross_entropy(logits, targets), int(hits.all(1).sum()), count)
