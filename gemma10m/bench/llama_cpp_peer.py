"""Run llama.cpp with a GGUF file, or with our weights through such a file that is deleted afterwards."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gemma10m.bench.shape import stock_weights
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder

HINT = "pip install llama-cpp-python gguf (the first is built from source: some 15 minutes on two cores)"
ROWS = 512  # llama.cpp's own default for tokens that go through a layer together


@contextmanager
def opened(ours: Decoder, tokens: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield llama.cpp's prefill of `tokens` tokens with our weights; else as `opened_file`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.gguf"
        write_gguf(ours, max(tokens, ours.config.context), file)
        with opened_file(file, ours, tokens) as prefill:
            yield prefill


@contextmanager
def opened_file(file: Path, ours: Decoder, tokens: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield the prefill of `tokens` tokens of a GGUF file's model; else as `loaded`."""
    with loaded(file, ours, tokens) as theirs:

        def prefill(ids: Tensor) -> Tensor:
            theirs.reset()
            theirs.eval(ids[0].tolist())
            return last_logits(theirs, ours.config.vocabulary).unsqueeze(0)  # (1, V)

        yield prefill


@contextmanager
def loaded(file: Path, ours: Decoder, tokens: int) -> Iterator[Any]:
    """Yield llama.cpp's model of a GGUF file, on the CPU with as many threads as we have.

    Raises UsageError when llama-cpp-python is not installed, and for a model on a GPU.
    """
    try:
        import llama_cpp
    except ImportError as error:
        raise UsageError("llama-cpp-python is not installed", hint=HINT) from error
    if ours.device.type != "cpu":
        raise UsageError("llama.cpp is compared on the CPU alone", hint="add --device cpu")
    threads = torch.get_num_threads()
    theirs = llama_cpp.Llama(
        str(file), n_ctx=tokens, n_batch=tokens, n_ubatch=ROWS, n_threads=threads, n_threads_batch=threads,
        flash_attn=True, swa_full=False, verbose=False,
    )  # fmt: skip
    try:
        yield theirs
    finally:
        theirs.close()


def last_logits(theirs: Any, vocabulary: int) -> Tensor:
    """Return the logits (V) of the last token that llama.cpp has read."""
    import llama_cpp

    found = llama_cpp.llama_get_logits_ith(theirs.ctx, -1)  # a pointer to V numbers
    content = ctypes.cast(found, ctypes.POINTER(ctypes.c_float * vocabulary)).contents
    return torch.frombuffer(content, dtype=torch.float32).clone()


def write_gguf(model: Decoder, context: int, file: Path) -> None:
    """Write matrices in the model's own numbers, norms in float32 with their 1 added, no vocabulary."""
    try:
        import gguf
    except ImportError as error:
        raise UsageError("gguf is not installed", hint=HINT) from error
    config = model.config
    writer = gguf.GGUFWriter(file, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.GEMMA])
    writer.add_context_length(context)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.feed_forward_size)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_size)
    writer.add_value_length(config.head_size)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_vocab_size(config.vocabulary)
    writer.add_tokenizer_model("no_vocab")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA, config.layers)
    bits = {torch.float32: gguf.GGMLQuantizationType.F32, torch.bfloat16: gguf.GGMLQuantizationType.BF16}
    for name, weight in stock_weights(model).items():
        kept = 1.0 + weight.float() if weight.dim() == 1 else weight
        raw = kept.contiguous().view(torch.uint8).numpy()
        there = names.get_name(name, try_suffixes=(".weight",))
        assert there is not None
        writer.add_tensor(there, raw, raw_dtype=bits[kept.dtype])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
