"""Compute how far a model with updates is from the one without them, on text that it should read as before."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m.adapters.lora import updates_left_out
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt
from gemma10m.training.lora_recipe import LoraRecipe


def encode_prose(tokenizer: Tokenizer, text: str, recipe: LoraRecipe) -> Tensor:
    """Return ids (1, P) of the text's beginning, as a document is read."""
    return torch.tensor([[*Prompt(tokenizer).opening(), *tokenizer.encode(text)][: recipe.prose_tokens]])


def prose_loss(model: Decoder, ids: Tensor, recipe: LoraRecipe, draw: random.Random) -> Tensor:
    """Return the mean over drawn positions of KL(p || q), p without the updates and q with them; ids (1, P)."""
    length = ids.shape[1]
    places = sorted(draw.sample(range(length), min(recipe.prose_positions, length)))
    with torch.no_grad(), updates_left_out(model):
        wanted = _log_shares(model, ids, places)
    found = _log_shares(model, ids, places)
    return F.kl_div(found, wanted, reduction="batchmean", log_target=True)


def _log_shares(model: Decoder, ids: Tensor, places: list[int]) -> Tensor:
    """Return the logarithms of the next token's shares (places, V)."""
    hidden, _ = model.hidden(ids, model.empty_state(1), ids.shape[1])
    return model.head(hidden[0, places]).float().log_softmax(-1)
