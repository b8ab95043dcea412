"""Chat models mark who speaks in different ways; a chat template chooses one, and no template is ever run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TurnFormat:
    """Write a turn as `start`, the role, `head`, `gap`, the text, `end` and `between`.

    start, end, head: names of control tokens; head is "" where a role ends with the gap alone.
    """

    name: str
    start: str
    end: str
    user: str = "user"
    model: str = "assistant"
    head: str = ""
    gap: str = "\n"
    between: str = "\n"

    @property
    def marks(self) -> tuple[str, ...]:
        return tuple(name for name in (self.start, self.head, self.end) if name)


FORMATS = (
    TurnFormat("gemma", "<start_of_turn>", "<end_of_turn>", model="model"),
    TurnFormat("gemma4", "<|turn>", "<turn|>", model="model"),
    TurnFormat("chatml", "<|im_start|>", "<|im_end|>"),
    TurnFormat("llama3", "<|start_header_id|>", "<|eot_id|>", head="<|end_header_id|>", gap="\n\n", between=""),
)

# Control tokens after which no model goes on with its answer.
ENDS = ("<|endoftext|>", "<|end_of_text|>", "<|eom_id|>", *(form.end for form in FORMATS))

# System turns that a chat template puts first where the user gives none. A longer one may hold a shorter one.
_SYSTEM_TURNS = (
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a helpful assistant",
)


@dataclass(frozen=True)
class Turns:
    """Hold a turn format as a checkpoint uses it."""

    form: TurnFormat
    ids: Mapping[str, int]  # of the format's marks
    system: str = ""  # the text of the turn before the user's first


def choose_turns(template: str, control: Mapping[str, int]) -> Turns | None:
    """Return the one format whose start is in the template, if all its marks are control tokens."""
    forms = [form for form in FORMATS if form.start in template]
    if len(forms) != 1 or not control.keys() >= set(forms[0].marks):
        return None
    (form,) = forms
    system = next((text for text in _SYSTEM_TURNS if form.name == "chatml" and text in template), "")
    return Turns(form, {name: control[name] for name in form.marks}, system)
