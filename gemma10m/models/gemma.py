"""Read Gemma 1 (arXiv 2403.08295): 2B, 7B, CodeGemma, and gemma-2B-10M with its memory gates."""

from __future__ import annotations

from gemma10m.config import ModelConfig
from gemma10m.models.architecture import Architecture, read_shape
from gemma10m.models.config_reader import ConfigReader

# Published files say "gelu", yet every Gemma was trained with the tanh approximation.
GELUS = ("gelu", "gelu_pytorch_tanh")


def refuse_variants(said: ConfigReader, known: tuple[str, ...] = (), bidirectional: tuple[str, ...] = ()) -> None:
    """Refuse fields that would make another model of any Gemma, but for those that the architecture reads."""
    for key in ("hidden_act", "hidden_activation"):
        said.must_be(key, GELUS, "gelu or gelu_pytorch_tanh")
    said.must_be("attention_bias", (False,), "false")
    expected = " or ".join(("false", *bidirectional))
    said.must_be("use_bidirectional_attention", (False, *bidirectional), expected)
    said.refuse_foreign(known=("use_bidirectional_attention", *known))


def read(said: ConfigReader) -> ModelConfig:
    refuse_variants(said)
    # The head size is never derived from the others: Gemma 7B's heads are wider than hidden_size / heads.
    shape = read_shape(said)
    rope = said.rope(shape["head_size"], 10000.0, scalable=False)
    return ModelConfig(**shape, rope_theta=rope.theta)


ARCHITECTURE = Architecture(name="gemma", model_types=("gemma",), read=read)
