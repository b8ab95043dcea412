"""Library holds a model and opens documents with it, for the commands and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gemma10m.config import ReadingConfig
from gemma10m.documents import Document
from gemma10m.errors import UsageError
from gemma10m.library.finding import find_passages
from gemma10m.library.listening import Listener, Notices, OnProgress
from gemma10m.library.model_choice import (
    ChosenModel,
    ModelOptions,
    choose_model,
    choose_reading,
    given_reader,
    given_searches,
    load_chosen,
    may_search,
)
from gemma10m.library.read_source import open_state, read_document, refuse_other_document, search_document
from gemma10m.library.reading import Reading
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.library.sources import ALL, Patterns, open_document, refuse_patterns, saved_state, source_names
from gemma10m.library.state_model import as_saved
from gemma10m.models.decoder import Decoder
from gemma10m.passages.quotes import Source
from gemma10m.ranks.group import Ranks
from gemma10m.saved_states import Reader
from gemma10m.state_file import read_header
from gemma10m.tokens import Tokenizer

WITH_SOURCES = RetrievalOptions(sources=True)


class Library:
    """Open documents with one model; states, indexes and summaries are kept in the user's cache folder.

        library = Library("demo")
        with library.open("book.txt") as reading:
            print(reading.ask("Who is Anne?").text)

    model: a name ("demo", "small", "large", "chat" or a downloaded one), a checkpoint folder, a GGUF file, or a loaded
    model with its `tokenizer`; None for the default. It is loaded when the first document is opened.
    adapter: the folder of a LoRA adapter in PEFT's layout, "none", or None for the packaged one if the model has one.
    kv: "float", "int8" or "int4": how kept keys and values are stored.
    Notes and warnings go to `listener`: by default to the lists `library.listener.notes` and
    `library.listener.warnings`.
    ranks: what `gemma10m.ranks.group.joined()` returns in processes that torchrun started: all of them read each
    document together, and make the same calls.
    """

    def __init__(
        self,
        model: str | Path | Decoder | None = None,
        tokenizer: Tokenizer | None = None,
        *,
        device: str = "auto",
        dtype: str = "auto",
        memory: str | None = None,
        carry: int | None = None,
        sinks: int | None = None,
        read_all: bool = False,
        adapter: str | Path | None = None,
        kv: str | None = None,
        listener: Listener | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        """Prepare to load a model. Raises UsageError for a loaded model or a tokenizer without the other."""
        loaded = isinstance(model, Decoder)
        if loaded != (tokenizer is not None):
            raise UsageError(
                "a loaded model needs its tokenizer, and a tokenizer its model", hint="give both, or the model's name"
            )
        name = None if model is None or isinstance(model, Decoder) else str(model)
        folder = None if adapter is None else str(adapter)
        self.ranks, device = ranks, ranks.device(device) if ranks else device
        self.options = ModelOptions(name, device, dtype, memory, carry, sinks, read_all, folder, kv)
        self.listener: Listener = listener or Notices()
        self._given = (
            given_reader(model, tokenizer, read_all, ranks) if isinstance(model, Decoder) and tokenizer else None
        )
        self._chosen: dict[tuple[str | None, str, str | None], ChosenModel] = {}
        self._readers: dict[tuple[str | None, str, str | None, ReadingConfig], Reader] = {}

    def open(
        self,
        *sources: str | Path,
        patterns: Patterns = ALL,
        retrieval: RetrievalOptions = WITH_SOURCES,
        progress: OnProgress | None = None,
    ) -> Reading:
        """Read the sources as one document, resuming an earlier read; or open one saved state.

        For a model without a memory that answers from passages, the sources are indexed and not read: one whose adapter
        was trained to, the packaged large one, and a chat model whose context is shorter than the document. A saved
        state chooses its model if the library has none. progress: called with a ProgressView at every step of the read.
        Raises DocumentError, ModelError, StateError, and Interrupted after a SIGINT or SIGTERM: then the state is
        saved, and the same call resumes.
        """
        names = source_names(sources)
        if names and (path := saved_state(names)):
            refuse_patterns(f"{path} is a saved state", patterns)
            reader = self._given or self._loaded(as_saved(self.options, path, read_header(path)))
            return Reading(self.listener, reader, open_state(self.listener, reader, path), retrieval)
        document = self.document(names, patterns)
        if retrieval.retrieves and self._searches(document.nbytes):
            reader = self.reader()
            if may_search(reader):
                return Reading(self.listener, reader, search_document(self.listener, reader, document), retrieval)
        return self.read(document, None, retrieval, progress)

    def find(self, *sources: str | Path, words: str, limit: int = 10, patterns: Patterns = ALL) -> list[Source]:
        """Find passages by their words. The document is indexed, not read, and no model is loaded."""
        return find_passages(self.listener, source_names(sources), words, limit, patterns)

    def document(self, sources: Sequence[str], patterns: Patterns = ALL) -> Document:
        """Open the sources as one document without reading it. Raises DocumentError, and UsageError for `patterns`."""
        if self.ranks and "-" in sources:
            hint = "save the text in a file that every rank can open"
            raise UsageError("standard input reaches one process, and not several ranks", hint)
        return open_document(self.listener, sources, patterns)

    def read(
        self,
        document: Document,
        output: Path | None = None,
        retrieval: RetrievalOptions = WITH_SOURCES,
        progress: OnProgress | None = None,
    ) -> Reading:
        """Read an open document. output: file for its state, instead of the cache. Raises as `open` does."""
        if output:
            refuse_other_document(output, document)
        reader = self.reader(document.nbytes, state_alone=retrieval.recall == "off")
        source = read_document(self.listener, reader, document, output, progress)
        return Reading(self.listener, reader, source, retrieval)

    def reader(self, nbytes: int = 0, state_alone: bool = False) -> Reader:
        """Return the loaded model for a document of `nbytes` bytes. state_alone: answers come from its state alone."""
        return self._given or self._loaded(self.options, nbytes, state_alone)

    @property
    def chosen(self) -> ChosenModel:
        """Return the model that the options name, before its weights are loaded. Raises UsageError for a loaded one."""
        if self._given:
            raise UsageError("a loaded model stays in its process", hint="name the model instead of giving it")
        return self._choose(self.options)

    def _searches(self, nbytes: int) -> bool:
        if self._given:
            return given_searches(self._given, nbytes)
        return self._choose(self.options).searches(nbytes)

    def _choose(self, options: ModelOptions) -> ChosenModel:
        named = (options.model, options.dtype, options.adapter)
        if named not in self._chosen:
            self._chosen[named] = choose_model(self.listener, options)
        return self._chosen[named]

    def _loaded(self, options: ModelOptions, nbytes: int = 0, state_alone: bool = False) -> Reader:
        """Load a model once for each way of reading."""
        named, chosen = (options.model, options.dtype, options.adapter), self._choose(options)
        reading = choose_reading(self.listener, options, chosen, nbytes, state_alone)
        if (*named, reading) not in self._readers:
            loaded = load_chosen(self.listener, chosen, reading, options.read_all)
            self._readers[*named, reading] = replace(loaded, ranks=self.ranks)
        return self._readers[*named, reading]
