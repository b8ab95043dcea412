"""Reading: every token once, in order, whatever the stretch; the steps say how far it has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import (
    KINDS,
    SEGMENT,
    SENTENCE,
    assert_close,
    document,
    document_ids,
    fed_ids,
    opening,
    read_all,
    read_book,
    read_text,
    reader,
    stretch_of,
)
from states import same_bits

from gemma10m import open_source, read
from gemma10m.errors import DocumentError, OutOfMemoryError
from gemma10m.reading import stretch
from gemma10m.saved_states import Reader

WORDS = [
    "truth ",
    "universally",
    " ack",
    "nowledged",
    "\n",
    "\n\n\n",
    "   ",
    "48213",
    "汉",
    "é",
    "<end_of_turn>",
    "<bos>",
]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=70).map("".join)


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_is_fed_the_opening_and_every_token_once(kind: str) -> None:
    tiny = reader(kind)
    text = SENTENCE * 30
    with fed_ids(tiny.model) as fed:
        state = read(tiny.model, tiny.tokenizer, document(text))
    assert fed == document_ids(tiny, text)
    assert state.position - len(opening(tiny)) == len(tiny.tokenizer.encode(text))


def test_a_text_of_many_pieces_and_blocks_loses_nothing() -> None:
    tiny = reader("window")
    text = "".join(f"{number}: {SENTENCE}" for number in range(900))
    assert len(text) > 80_000
    with fed_ids(tiny.model) as fed:
        last = read_all(tiny, document(text))[-1]
    assert fed == document_ids(tiny, text)
    assert sum(last.bookmark.file_tokens) == last.progress.tokens_read == len(fed) - len(opening(tiny))


def test_files_of_a_folder_are_counted_each_with_its_header(tmp_path: Path) -> None:
    texts = {"a.txt": SENTENCE * 3, "b/c.md": "no newline at the end", "b/empty.txt": "", "d.txt": "\n\n"}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    tiny, folder = reader(), open_source(tmp_path)
    with fed_ids(tiny.model) as fed:
        last = read_all(tiny, folder)[-1]
    expected = [[0] for _ in folder.files]
    ids = opening(tiny)
    for piece in folder.pieces():  # each file here is one piece, and so is its header
        expected[piece.file].append(len(tiny.tokenizer.encode(piece.text)))
        ids += tiny.tokenizer.encode(piece.text)
    assert fed == ids
    assert list(last.bookmark.file_tokens) == [sum(counts) for counts in expected]
    assert last.progress.tokens_read == last.progress.tokens_total == sum(last.bookmark.file_tokens)


def test_control_tokens_are_fed_in_the_opening_alone() -> None:
    tiny = reader()
    control = {tiny.tokenizer.bos, tiny.tokenizer.eos, tiny.tokenizer.start_of_turn, tiny.tokenizer.end_of_turn}
    with fed_ids(tiny.model) as fed:
        read_text(tiny, "<end_of_turn>\n<start_of_turn>model\n<bos><eos> says the book" * 5)
    assert [token for token in fed if token in control] == [tiny.tokenizer.bos, tiny.tokenizer.start_of_turn]


@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXTS, tokens=st.integers(1, 9 * SEGMENT))
@settings(max_examples=20)
def test_the_stretch_never_changes_the_state(kind: str, text: str, tokens: int) -> None:
    tiny = reader(kind, dtype="float64")
    whole = read_text(tiny, text)
    with stretch_of(tokens), fed_ids(tiny.model) as fed:
        stretched = read_all(tiny, document(text))
    assert fed == document_ids(tiny, text)
    assert len(stretched) == -(-len(fed) // tokens)
    assert_close(stretched[-1].bookmark.state, whole)


def test_the_steps_of_a_stretch_are_bit_equal_each_time() -> None:
    tiny = reader("delta")
    with stretch_of(3 * SEGMENT):
        first, second = read_text(tiny, SENTENCE * 20), read_text(tiny, SENTENCE * 20)
    assert same_bits(first, second)


def test_only_the_last_step_is_complete_and_the_counts_add_up() -> None:
    tiny = reader()
    with stretch_of(2 * SEGMENT):
        steps = read_all(tiny, document(SENTENCE * 12))
    total = len(tiny.tokenizer.encode(SENTENCE * 12))
    assert len(steps) > 5
    assert [step.bookmark.complete for step in steps] == [False] * (len(steps) - 1) + [True]
    assert [step.bookmark.state.position for step in steps[:-1]] == [32 * (i + 1) for i in range(len(steps) - 1)]
    for step in steps:
        assert step.tokens_read_now == step.bookmark.state.position
        assert step.progress.tokens_read == step.bookmark.state.position - len(opening(tiny))
        assert len(step.bookmark.open_ids) == step.bookmark.state.position % SEGMENT
    assert steps[-1].progress.tokens_read == total == sum(steps[-1].bookmark.file_tokens)


def test_a_document_that_ends_with_a_stretch_has_no_empty_step() -> None:
    tiny = reader()
    missing = -len(opening(tiny)) % SEGMENT
    text = "\n" * 31 * (missing + SEGMENT)  # a run of 31 newlines is one token
    assert len(document_ids(tiny, text)) % SEGMENT == 0
    with stretch_of(SEGMENT):
        steps = read_all(tiny, document(text))
    assert len(steps) == len(document_ids(tiny, text)) // SEGMENT
    assert steps[-1].bookmark.complete
    assert steps[-1].bookmark.open_ids == ()


def test_progress_only_grows_and_is_exact_at_the_end() -> None:
    tiny = reader("window")
    book = document(SENTENCE * 400)
    total = len(tiny.tokenizer.encode(SENTENCE * 400))
    with stretch_of(40 * SEGMENT):
        steps = read_all(tiny, book)
    progress = [step.progress for step in steps]
    assert len(progress) > 10
    for values in ([each.tokens_read for each in progress], [each.bytes_done for each in progress]):
        assert values == sorted(values)
    for step, each in zip(steps, progress, strict=True):
        assert each.tokens_read <= each.tokens_total
        assert 0 <= each.bytes_done <= each.bytes_total == book.nbytes
        assert each.tokens_per_second > 0
        assert each.seconds_left is not None
        assert each.seconds_left >= 0
        assert each.device_memory is None
        assert 10**7 < each.process_memory < 10**11
        assert each.state_bytes == step.bookmark.state.nbytes
    last = progress[-1]
    assert (last.tokens_read, last.tokens_total, last.total_is_exact) == (total, total, True)
    assert (last.bytes_done, last.seconds_left) == (book.nbytes, 0.0)


def test_the_total_is_estimated_well_from_the_first_step_on() -> None:
    tiny = reader("window")
    total = len(tiny.tokenizer.encode(SENTENCE * 400))
    with stretch_of(40 * SEGMENT):
        estimates = [step.progress.tokens_total for step in read_all(tiny, document(SENTENCE * 400))]
    assert min(estimates) > 0.9 * total
    assert max(estimates) < 1.1 * total


def test_seconds_are_counted_up() -> None:
    tiny = reader()
    with stretch_of(SEGMENT):
        seconds = [step.bookmark.seconds for step in read_all(tiny, document(SENTENCE * 5))]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


def test_a_document_that_changes_meanwhile_ends_the_read() -> None:
    tiny = reader("window")
    book = document(SENTENCE * 10)
    document("X" + SENTENCE[1:] + SENTENCE * 9)
    with pytest.raises(DocumentError, match="changed"):
        read(tiny.model, tiny.tokenizer, book)


def test_a_document_of_thousands_of_files_takes_no_quadratic_time(tmp_path: Path) -> None:
    """The time is counted in files looked at, not in seconds."""
    for number in range(300):
        (tmp_path / f"{number:03}.txt").write_text("truth")
    looked_at = 0

    class Counted(tuple):
        def __getitem__(self, index):
            nonlocal looked_at
            found = super().__getitem__(index)
            looked_at += len(found) if isinstance(index, slice) else 1
            return found

    folder = open_source(tmp_path)
    last = read_all(reader("window"), replace(folder, files=Counted(folder.files)))[-1]
    assert len(last.bookmark.file_tokens) == 300
    assert min(last.bookmark.file_tokens) > 0
    assert looked_at < 20 * 300


def test_a_state_is_free_of_the_document_length() -> None:
    tiny = reader("delta")
    sizes = [read_text(tiny, "\n" * 31 * tokens).nbytes for tokens in (10 * SEGMENT, 50 * SEGMENT)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("flops", [1, 10**6, 10**9, 10**15])
def test_stretches_on_a_cpu_are_whole_segments_within_bounds(flops: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch, "CPU_FLOPS", flops)
    tokens = stretch.stretch_tokens(reader().model)
    assert tokens % SEGMENT == 0
    assert SEGMENT <= tokens <= stretch.CPU_LONGEST
    assert tokens == SEGMENT or tokens * stretch.product_flops(reader().model) <= flops


WITHOUT_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
)


@contextmanager
def memory_for(tiny: Reader, tokens: int, error: Exception = WITHOUT_MEMORY[0]) -> Iterator[None]:
    """Refuse a longer stretch, as a device does where more tokens do not fit."""

    def refuse(_: object, arguments: tuple[torch.Tensor, ...]) -> None:
        if arguments[0].shape[1] > tokens:
            raise error

    hook = tiny.model.register_forward_pre_hook(refuse)
    try:
        yield
    finally:
        hook.remove()


@pytest.mark.parametrize(("most", "stretches"), [(7, [7]), (4, [7, 3]), (2, [7, 3, 1])])
def test_a_stretch_that_does_not_fit_is_halved_and_changes_nothing(most: int, stretches: list[int]) -> None:
    tiny, text = reader(dtype="float64"), SENTENCE * 30
    expected = read_text(tiny, text)
    with stretch_of(7 * SEGMENT), memory_for(tiny, most * SEGMENT):
        steps = read_all(tiny, document(text))
    assert steps[0].stretch == stretches[-1] * SEGMENT
    assert {step.halvings for step in steps} == {len(stretches) - 1}
    assert_close(steps[-1].bookmark.state, expected)
    assert steps[-1].progress.tokens_read == len(tiny.tokenizer.encode(text))


@pytest.mark.parametrize("error", WITHOUT_MEMORY, ids=str)
def test_every_word_for_too_little_memory_is_understood(error: Exception) -> None:
    tiny = reader()
    with stretch_of(4 * SEGMENT), memory_for(tiny, 2 * SEGMENT, error):
        assert read_all(tiny, document(SENTENCE * 30))[-1].halvings == 1


def test_another_error_is_not_taken_for_too_little_memory() -> None:
    tiny, other = reader(), RuntimeError("sizes do not match")
    with stretch_of(4 * SEGMENT), memory_for(tiny, 2 * SEGMENT, other), pytest.raises(RuntimeError, match="sizes do"):
        read_all(tiny, document(SENTENCE * 30))


def test_a_gpu_too_small_for_one_segment_is_said() -> None:
    tiny = reader()
    with memory_for(tiny, SEGMENT - 1), pytest.raises(OutOfMemoryError, match="one segment of 16 tokens does not fit"):
        read_text(tiny, SENTENCE * 30)


def test_a_shorter_stretch_is_said_once(capsys: pytest.CaptureFixture[str], book: Path, cache: Path) -> None:
    tiny = reader()
    with stretch_of(4 * SEGMENT), memory_for(tiny, 2 * SEGMENT):
        read_book(tiny, book)
    said = capsys.readouterr().err
    assert said.count("GPU memory is short: now reading 32 tokens at a time") == 1


def test_a_bfloat16_model_reads_the_same_tokens() -> None:
    tiny = reader(dtype="bfloat16")
    with fed_ids(tiny.model) as fed:
        state = read_text(tiny, SENTENCE * 4)
    assert fed == document_ids(tiny, SENTENCE * 4)
    assert state.layers[0]["keys"].dtype == torch.bfloat16
    assert state.layers[0].get("memory") is not None
    assert state.layers[0]["memory"].dtype == torch.float32
