"""Begin a read that several ranks share: all have the same model and document, and begin at the same place."""

from __future__ import annotations

from dataclasses import astuple, replace

import torch

from gemma10m.documents import Document
from gemma10m.memory.state import LayerState, State
from gemma10m.models.decoder import Decoder
from gemma10m.ranks.group import Ranks
from gemma10m.ranks.together import refuse_alone
from gemma10m.reading import Bookmark
from gemma10m.saved_states import Reader
from gemma10m.strict_json import canonical_json, strict_json


def meet(ranks: Ranks, reader: Reader, document: Document) -> None:
    """Connect the ranks. Raises UsageError for a memory that they cannot share, and if they differ in anything."""
    refuse_alone(reader.model)
    ranks.meet(reader.about_read(document), reader.model.device)


def shared(ranks: Ranks, reader: Reader, found: Bookmark | None) -> Bookmark | None:
    """Return the first rank's bookmark on every rank; the others have no file of it."""
    bare = found and replace(found, state=State((), found.state.position))
    text = ranks.text_of_first("" if bare is None else canonical_json([bare.state.position, *astuple(bare)[1:]]))
    if not text:
        return None
    position, sha256, open_ids, file_tokens, *others = strict_json(text)
    state = found.state if found else _room(reader.model, position)
    state = state.map(ranks.tensor_of_first)
    return Bookmark(state, sha256, tuple(open_ids), tuple(file_tokens), *others)


def _room(model: Decoder, position: int) -> State:
    """Return a state of the right shapes, to be overwritten."""
    layers = [
        {name: torch.empty(shape, dtype=dtype, device=model.device) for name, (dtype, shape) in layout.items()}
        for layout in model.layout(position)
    ]
    return State(tuple(LayerState(**tensors) for tensors in layers), position)
