"""Turn text to ids and back through a checkpoint's own tokenizer, and build prompts from ids."""

from __future__ import annotations

from gemma10m.tokens.base import LONGEST_PIECE, StreamDecoder, Tokenizer
from gemma10m.tokens.from_gguf import gguf_tokenizer, tokenizer_from_gguf
from gemma10m.tokens.tokenizer_files import TOKENIZER_FILES, files_of_tokenizer, load_tokenizer

__all__ = [
    "LONGEST_PIECE",
    "TOKENIZER_FILES",
    "StreamDecoder",
    "Tokenizer",
    "files_of_tokenizer",
    "gguf_tokenizer",
    "load_tokenizer",
    "tokenizer_from_gguf",
]
