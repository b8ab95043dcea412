"""Distil a model into itself: a student that remembers learns the distribution of a teacher that sees everything.

The loss is Hinton's (arXiv 1503.02531): KL(teacher || student) at a temperature T, times T^2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gemma10m.config import ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.memory import KINDS
from gemma10m.models.decoder import Decoder

STRETCH = 2048  # tokens the teacher reads at a time: beyond that only its keys and values grow with the document
LOGITS_AT_ONCE = 2**25  # numbers: 128 MiB of float32, 131 rows of Gemma's vocabulary


class Teacher:
    """Hold a frozen model that sees the whole document with full attention."""

    def __init__(self, model: Decoder) -> None:
        """Freeze the model. Raises UsageError for one that does not read with memory "full"."""
        if KINDS[model.reading.memory].closes:
            raise UsageError(
                f"a teacher must see the whole document, and this one reads with memory {model.reading.memory!r}",
                hint='load the teacher with memory="full"',
            )
        self.model = model.requires_grad_(False).eval()

    @classmethod
    def of_student(cls, student: Decoder) -> Teacher:
        """Return the student's current weights as a teacher with full attention.

        Parameters without requires_grad share the student's storage, the others are copied: freeze what is not
        trained before this call. Raises UsageError where full attention shows nothing that the student does not see.
        """
        reading, context = student.reading, student.config.context
        visible = reading.carry + reading.segment
        if visible >= context:
            raise UsageError(
                f"the model was trained on {context} tokens at a time and sees as many as {visible} verbatim: "
                "its own full attention has nothing to teach a memory",
                hint="train with a smaller carry or segment, or name a teacher trained on longer documents",
            )
        trained = {name for name, weight in student.named_parameters() if weight.requires_grad}
        weights = {name: number.clone() if name in trained else number for name, number in student.state_dict().items()}
        with torch.device("meta"):
            model = Decoder(student.config, ReadingConfig("full", segment=reading.segment))
        model.load_state_dict(weights, strict=True, assign=True)
        return cls(model)

    @property
    def context(self) -> int:
        """Return the tokens the teacher was trained on at a time; its later positions are no lesson."""
        return self.model.config.context

    def check(self, student: Decoder) -> None:
        """Refuse a student whose distribution is over another vocabulary. Raises UsageError."""
        found, expected = self.model.config.vocabulary, student.config.vocabulary
        if found != expected:
            raise UsageError(
                f"the teacher's vocabulary has {found} tokens, the student's {expected}",
                hint="name a teacher with the student's tokenizer",
            )

    def hidden(self, ids: Tensor) -> Tensor:
        """Return normalised hidden states of the first `context` tokens: ids (B, S) -> (B, min(S, context), D)."""
        state = self.model.empty_state(ids.shape[0])
        found = []
        for part in ids[:, : self.context].split(STRETCH, dim=1):
            hidden, state = self.model.hidden(part, state, part.shape[1])
            found.append(hidden)
        return torch.cat(found, dim=1)


def distillation_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return T^2 KL(teacher || student), mean over tokens, in float32 or wider. Both logits (..., V) -> ()."""
    student, teacher = (
        F.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature, dim=-1)
        for logits in (student_logits, teacher_logits)
    )
    divergence = F.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)  # (...)
    return temperature**2 * divergence.mean()


def chunked_distillation(
    student: Decoder,
    student_hidden: Tensor,
    teacher: Teacher,
    teacher_hidden: Tensor,
    where: Tensor | slice = slice(None),
    temperature: float = 1.0,
) -> Tensor:
    """Return `distillation_loss` of the positions that both have, without ever holding a document's logits.

    student_hidden (B, S, D), teacher_hidden (B, S', D'), both from the same first token; where: some of the S
    positions, as a slice, a mask or indices. Positions from S' on are left out. Gives (), the mean over tokens.
    Raises UsageError for two vocabularies, and when no position is left.
    """
    teacher.check(student)
    positions = torch.arange(student_hidden.shape[1], device=student_hidden.device)[where]
    positions = positions[positions < teacher_hidden.shape[1]]
    if not positions.numel():
        raise UsageError(
            f"no position is left to learn from: the teacher was trained on {teacher.context} tokens at a time",
            hint="train on shorter documents, or name a teacher trained on longer ones",
        )
    mine = student_hidden[:, positions].flatten(0, 1)  # (rows, D)
    theirs = teacher_hidden[:, positions].flatten(0, 1)  # (rows, D)
    rows = max(1, LOGITS_AT_ONCE // student.config.vocabulary)
    # A checkpoint a block, or the backward pass would keep every block's logits.
    losses = [
        checkpoint(_block, student, a, teacher.model, b, temperature, use_reentrant=False) * len(a)
        for a, b in zip(mine.split(rows), theirs.split(rows), strict=True)
    ]
    return torch.stack(losses).sum() / len(mine)


def _block(student: Decoder, mine: Tensor, teacher: Decoder, theirs: Tensor, temperature: float) -> Tensor:
    return distillation_loss(student.head(mine), teacher.head(theirs), temperature)  # logits (rows, V)
