"""This table holds the shapes of published models in the words of config.json, the text model's fields alone.

A model is looked up by its repository's name. `-it`, `-Instruct` and `-pt` share the shape of the base model and are
listed only where a field differs. Counts of parameters are exact and count a tied head once. Megalodon's rows are the
configurations of its released code, after whose repository they are named: no weights were published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Config = dict[str, Any]

_SUFFIXES = ("-hf", "-it", "-pt", "-instruct", "-chat")  # the same shape as without
_LAYER = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")


def _gemma(*layer: int) -> Config:
    return _sizes(layer) | dict(
        model_type="gemma", vocab_size=256000, head_dim=256, hidden_act="gelu", hidden_activation=None,
        attention_bias=False, max_position_embeddings=8192, rms_norm_eps=1e-06, rope_theta=10000.0, rope_scaling=None,
    )  # fmt: skip


def _gemma2(*layer: int, head: int = 256, scalar: int = 256) -> Config:
    return _sizes(layer) | dict(
        model_type="gemma2", vocab_size=256000, head_dim=head, hidden_act="gelu_pytorch_tanh",
        hidden_activation="gelu_pytorch_tanh", attention_bias=False, max_position_embeddings=8192, rms_norm_eps=1e-06,
        rope_theta=10000.0, sliding_window=4096, query_pre_attn_scalar=scalar, attn_logit_softcapping=50.0,
        final_logit_softcapping=30.0,
    )  # fmt: skip


def _gemma3(*layer: int, window: int, context: int, head: int = 256, scalar: int = 256) -> Config:
    """Describe one Gemma 3. A vocabulary for images and the longer context is padded by 64."""
    scaled = context > 32768
    return _sizes(layer) | dict(
        model_type="gemma3_text", vocab_size=262208 if scaled else 262144, head_dim=head,
        hidden_activation="gelu_pytorch_tanh", attention_bias=False, max_position_embeddings=context,
        rms_norm_eps=1e-06, rope_theta=1000000.0, rope_local_base_freq=10000.0,
        rope_scaling=dict(factor=8.0, rope_type="linear") if scaled else None, sliding_window=window,
        sliding_window_pattern=6, query_pre_attn_scalar=scalar, attn_logit_softcapping=None,
        final_logit_softcapping=None,
    )  # fmt: skip


def _gemma3n(*layer: int, shared: int) -> Config:
    local, whole = "sliding_attention", "full_attention"
    return _sizes(layer) | dict(
        model_type="gemma3n_text", vocab_size=262400, vocab_size_per_layer_input=262144, head_dim=256,
        hidden_activation="gelu_pytorch_tanh", attention_bias=False, max_position_embeddings=32768, rms_norm_eps=1e-06,
        rope_theta=1000000.0, rope_local_base_freq=10000.0, rope_scaling=None, sliding_window=512,
        final_logit_softcapping=30.0, hidden_size_per_layer_input=256, altup_num_inputs=4, altup_active_idx=0,
        altup_correct_scale=True, laurel_rank=64, num_kv_shared_layers=shared,
        activation_sparsity_pattern=[0.95] * 10 + [0.0] * (layer[2] - 10),
        layer_types=[whole if (number + 1) % 5 == 0 else local for number in range(layer[2])],
    )  # fmt: skip


def _gemma4(
    *layer: int, window: int, every: int, context: int, own: int = 0, shared: int = 0, wide: bool = False, one: int = 0
) -> Config:
    """Describe one Gemma 4.

    every: the layers that see everything are each so many apart. own: the size of each layer's own input. shared: the
    layers, the last ones, that attend to earlier ones' keys and values. one: K/V heads of layers whose keys are values.
    """
    local, whole = "sliding_attention", "full_attention"
    return _sizes(layer) | dict(
        model_type="gemma4_text", vocab_size=262144, head_dim=256, global_head_dim=512, attention_k_eq_v=one > 0,
        num_global_key_value_heads=one or None, hidden_activation="gelu_pytorch_tanh", attention_bias=False,
        max_position_embeddings=context, rms_norm_eps=1e-06, sliding_window=window, final_logit_softcapping=30.0,
        hidden_size_per_layer_input=own, vocab_size_per_layer_input=262144, num_kv_shared_layers=shared,
        use_double_wide_mlp=wide, enable_moe_block=False, tie_word_embeddings=True,
        layer_types=[whole if (number + 1) % every == 0 else local for number in range(layer[2])],
        rope_parameters={
            whole: dict(rope_type="proportional", partial_rotary_factor=0.25, rope_theta=1000000.0),
            local: dict(rope_type="default", rope_theta=10000.0),
        },
    )  # fmt: skip


def _megalodon(
    *layer: int, heads: int, chunk: int = 2048, groups: int = 64, base: float | None = None, **said: bool
) -> Config:
    """Describe one of the released code's configurations; `said` are its flags that are true."""
    names = ("num_layers", "model_dim", "z_dim", "value_dim", "ffn_hidden_dim")
    return dict(zip(names, layer, strict=True)) | dict(
        model_type="megalodon", num_heads=heads, cema_ndim=16, chunk_size=chunk, norm_num_groups=groups,
        norm_affine=True, norm_eps=1e-05, rope_base=base, swiglu=False, rescale_nffn=False, scale_emb=False,
        share_emb=False, vocab_size=32000,
    ) | said  # fmt: skip


def _llama(
    *layer: int, vocabulary: int, context: int, theta: float, tied: bool = False, scaling: Config | None = None
) -> Config:
    return _sizes(layer) | dict(
        model_type="llama", vocab_size=vocabulary, hidden_act="silu", attention_bias=False, mlp_bias=False,
        max_position_embeddings=context, rms_norm_eps=1e-05, rope_theta=theta, rope_scaling=scaling,
        tie_word_embeddings=tied,
    )  # fmt: skip


def _llama3(*layer: int, factor: float, tied: bool) -> Config:
    scaling: Config = dict(
        factor=factor, high_freq_factor=4.0, low_freq_factor=1.0, original_max_position_embeddings=8192,
        rope_type="llama3",
    )  # fmt: skip
    return _llama(*layer, vocabulary=128256, context=131072, theta=500000.0, tied=tied, scaling=scaling)


def _smollm2(*layer: int, theta: float) -> Config:
    return _llama(*layer, vocabulary=49152, context=8192, theta=theta, tied=True)


def _qwen2(*layer: int, context: int, vocabulary: int = 151936, tied: bool = True) -> Config:
    return _sizes(layer) | dict(
        model_type="qwen2", vocab_size=vocabulary, hidden_act="silu", max_position_embeddings=context,
        rms_norm_eps=1e-06, rope_theta=1000000.0, use_sliding_window=False, tie_word_embeddings=tied,
    )  # fmt: skip


def _qwen3(*layer: int, tied: bool) -> Config:
    return _sizes(layer) | dict(
        model_type="qwen3", vocab_size=151936, head_dim=128, hidden_act="silu", attention_bias=False,
        max_position_embeddings=40960, rms_norm_eps=1e-06, rope_theta=1000000, rope_scaling=None,
        use_sliding_window=False, tie_word_embeddings=tied,
    )  # fmt: skip


def _sizes(layer: tuple[int, ...]) -> Config:
    return dict(zip(_LAYER, layer, strict=True))


_QWEN25_15B, _QWEN25_7B = (1536, 8960, 28, 12, 2), (3584, 18944, 28, 28, 4)

_QWEN3 = (
    ("Qwen/Qwen3-0.6B", 596_049_920, _qwen3(1024, 3072, 28, 16, 8, tied=True)),
    ("Qwen/Qwen3-1.7B", 1_720_574_976, _qwen3(2048, 6144, 28, 16, 8, tied=True)),
    ("Qwen/Qwen3-4B", 4_022_468_096, _qwen3(2560, 9728, 36, 32, 8, tied=True)),
    ("Qwen/Qwen3-8B", 8_190_735_360, _qwen3(4096, 12288, 36, 32, 8, tied=False)),
)

# The rows say: repository, parameters, and hidden size, feed-forward size, layers, query heads, key/value heads.
_ROWS: tuple[tuple[str, int, Config], ...] = (
    ("mustafaaljadery/gemma-2B-10M", 2_506_172_416, _gemma(2048, 16384, 18, 8, 1)),
    ("google/gemma-2b", 2_506_172_416, _gemma(2048, 16384, 18, 8, 1)),
    ("google/gemma-7b", 8_537_680_896, _gemma(3072, 24576, 28, 16, 16)),
    ("google/gemma-1.1-2b", 2_506_172_416, _gemma(2048, 16384, 18, 8, 1)),
    ("google/gemma-1.1-7b", 8_537_680_896, _gemma(3072, 24576, 28, 16, 16)),
    ("google/gemma-2-2b", 2_614_341_888, _gemma2(2304, 9216, 26, 8, 4)),
    ("google/gemma-2-9b", 9_241_705_984, _gemma2(3584, 14336, 42, 16, 8)),
    ("google/gemma-2-27b", 27_227_128_320, _gemma2(4608, 36864, 46, 32, 16, head=128, scalar=144)),
    ("google/gemma-3-270m", 268_098_176, _gemma3(640, 2048, 18, 4, 1, window=512, context=32768)),
    ("google/gemma-3-1b", 999_885_952, _gemma3(1152, 6912, 26, 4, 1, window=512, context=32768)),
    ("google/gemma-3-4b", 3_880_263_168, _gemma3(2560, 10240, 34, 8, 4, window=1024, context=131072)),
    ("google/gemma-3-12b", 11_766_034_176, _gemma3(3840, 15360, 48, 16, 8, window=1024, context=131072)),
    (
        "google/gemma-3-27b",
        27_009_346_304,
        _gemma3(5376, 21504, 62, 32, 16, window=1024, context=131072, head=128, scalar=168),
    ),
    ("google/gemma-3n-E2B", 4_435_182_688, _gemma3n(2048, 8192, 30, 8, 2, shared=10)),
    ("google/gemma-3n-E4B", 6_835_235_568, _gemma3n(2048, 16384, 35, 8, 2, shared=15)),
    (
        "google/gemma-4-E2B",
        4_628_569_344,
        _gemma4(1536, 6144, 35, 8, 1, window=512, every=5, context=131072, own=256, shared=20, wide=True),
    ),
    (
        "google/gemma-4-E4B",
        7_463_013_376,
        _gemma4(2560, 10240, 42, 8, 2, window=512, every=6, context=131072, own=256, shared=18),
    ),
    (
        "google/gemma-4-12B",
        11_907_350_272,
        _gemma4(3840, 15360, 48, 16, 8, window=1024, every=6, context=262144, one=1),
    ),
    (
        "google/gemma-4-31B",
        30_697_345_280,
        _gemma4(5376, 21504, 60, 32, 16, window=1024, every=6, context=262144, one=4),
    ),
    (
        "meta-llama/Llama-2-7b",
        6_738_415_616,
        _llama(4096, 11008, 32, 32, 32, vocabulary=32000, context=4096, theta=10000.0),
    ),
    (
        "meta-llama/Llama-3-8B",
        8_030_261_248,
        _llama(4096, 14336, 32, 32, 8, vocabulary=128256, context=8192, theta=500000.0),
    ),
    ("meta-llama/Llama-3.1-8B", 8_030_261_248, _llama3(4096, 14336, 32, 32, 8, factor=8.0, tied=False)),
    ("meta-llama/Llama-3.2-1B", 1_235_814_400, _llama3(2048, 8192, 16, 32, 8, factor=32.0, tied=True)),
    ("meta-llama/Llama-3.2-3B", 3_212_749_824, _llama3(3072, 8192, 28, 24, 8, factor=32.0, tied=True)),
    ("HuggingFaceTB/SmolLM2-135M", 134_515_008, _smollm2(576, 1536, 30, 9, 3, theta=100000.0)),
    ("HuggingFaceTB/SmolLM2-360M", 361_821_120, _smollm2(960, 2560, 32, 15, 5, theta=100000.0)),
    ("HuggingFaceTB/SmolLM2-1.7B", 1_711_376_384, _smollm2(2048, 8192, 24, 32, 32, theta=130000.0)),
    ("Qwen/Qwen2.5-0.5B", 494_032_768, _qwen2(896, 4864, 24, 14, 2, context=32768)),
    ("Qwen/Qwen2.5-1.5B", 1_543_714_304, _qwen2(*_QWEN25_15B, context=131072)),
    ("Qwen/Qwen2.5-1.5B-Instruct", 1_543_714_304, _qwen2(*_QWEN25_15B, context=32768)),
    ("Qwen/Qwen2.5-3B", 3_085_938_688, _qwen2(2048, 11008, 36, 16, 2, context=32768)),
    ("Qwen/Qwen2.5-7B", 7_615_616_512, _qwen2(*_QWEN25_7B, context=131072, vocabulary=152064, tied=False)),
    ("Qwen/Qwen2.5-7B-Instruct", 7_615_616_512, _qwen2(*_QWEN25_7B, context=32768, vocabulary=152064, tied=False)),
    # The paper's 7B has the code's mega7.3B but for chunks of 4,096 tokens and the base of the rotary embedding.
    (
        "XuezheMax/megalodon-7B",
        7_385_817_088,
        _megalodon(32, 4096, 1024, 8192, 8192, heads=4, chunk=4096, base=100000.0, swiglu=True),
    ),
    ("XuezheMax/mega200M", 220_627_968, _megalodon(12, 1024, 256, 2048, 2560, heads=1, groups=32)),
    ("XuezheMax/mega1.3B", 1_342_832_640, _megalodon(24, 2048, 512, 4096, 4864, heads=2)),
    (
        "XuezheMax/mega1.3B_pg19",
        1_327_628_288,
        _megalodon(24, 2048, 512, 4096, 3584, heads=2, swiglu=True, scale_emb=True, share_emb=True),
    ),
    ("XuezheMax/mega7.1B", 7_117_381_632, _megalodon(32, 4096, 1024, 8192, 11264, heads=4)),
    ("XuezheMax/mega7.3B", 7_385_817_088, _megalodon(32, 4096, 1024, 8192, 8192, heads=4, swiglu=True)),
    *_QWEN3,
    *((f"{name}-Base", count, config | dict(max_position_embeddings=32768)) for name, count, config in _QWEN3),
)


GATED = ("mustafaaljadery/gemma-2B-10M",)


@dataclass(frozen=True)
class Published:
    repository: str
    parameters: int
    config: Config

    @property
    def has_weights(self) -> bool:
        """Tell if weights were published, and not the configuration alone, as for Megalodon."""
        return bool(self.config["model_type"] != "megalodon")

    @property
    def has_gates(self) -> bool:
        """Tell if each layer has a memory gate, which neither the config nor the count of parameters says."""
        return self.repository in GATED


PUBLISHED = tuple(Published(*row) for row in _ROWS)


def find_published(name: str) -> Published | None:
    """Return the published model of that name, or None for a name that is not in the table.

    name: of the repository, in any case, with or without its organisation. Another organisation's copy is not looked
    up: its weights may have another shape.
    """
    wanted = name.lower()
    for repository in (wanted, _without_suffixes(wanted)):
        for entry in PUBLISHED:
            listed = entry.repository.lower()
            if repository in (listed, listed.rpartition("/")[2]):
                return entry
    return None


def _without_suffixes(name: str) -> str:
    """Return the base model's name: Meta-Llama-3-8B-Instruct is Llama-3-8B, Llama-2-7b-chat-hf is Llama-2-7b."""
    organisation, slash, name = name.rpartition("/")
    name = name.removeprefix("meta-")
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return organisation + slash + name
