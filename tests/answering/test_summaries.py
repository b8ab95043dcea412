"""Summaries: parts fit and lose nothing, reduction ends, what is written is kept, and a run that stopped resumes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from checkpoints import tiny_gemma
from formats import epub, opened, pdf
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import checkpoint, document, reader
from tokenizer_fixtures import train_sentencepiece

from gemma10m import Sampling, open_source
from gemma10m.answering.document_parts import DocumentPart, parts, room
from gemma10m.answering.map_reduce import by_sections, combine, refine
from gemma10m.answering.own_words import OwnWords
from gemma10m.answering.summaries import Requests, say_about, sentence_requests, summary_requests
from gemma10m.commands.summarize import summarize
from gemma10m.config import ReadingConfig
from gemma10m.documents.sections import Section
from gemma10m.errors import DocumentError, UsageError
from gemma10m.folders import summaries_folder
from gemma10m.library import summarizing as command
from gemma10m.library.model_choice import ModelOptions, load_reader, remembers
from gemma10m.library.summarizing import SummaryOptions
from gemma10m.saved_summaries import kept
from gemma10m.terminal import Terminal

OPTIONS = ModelOptions(model=str(checkpoint()), device="cpu")
REQUESTS = Requests("text", "summaries", "more")
CHAPTERS = "Chapter 1\n\nOne.\n\nChapter 2\n\nTwo.\n\nChapter 3\n\nThree.\n"


def words(text: str) -> int:
    return len(text.split())


@given(st.text(st.sampled_from("ab \n汉"), max_size=300), st.integers(1, 20))
@settings(max_examples=60)
def test_parts_fit_and_are_the_text(text: str, room: int) -> None:
    found = list(parts(document("x" + text), len, room))
    assert "".join(part.text for part in found) == "x" + text
    assert all(part.tokens == len(part.text) <= room for part in found)
    assert sum(part.nbytes for part in found) == len(("x" + text).encode())
    assert len({part.section for part in found}) == len(found)


def test_no_part_is_in_two_sections() -> None:
    found = list(parts(document(CHAPTERS), words, 3))
    assert [part.section.title for part in found] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    assert "".join(part.text for part in found) == CHAPTERS


def shown(found: list[DocumentPart]) -> list[str]:
    sections = by_sections(found, lambda text, _: text, REQUESTS, words, 100)
    return [summary.section.location.rpartition("/")[2] for summary in sections]


PAGES = ["one two", "three four", "five six seven eight nine ten", "eleven", "", "twelve", "thirteen"]


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (100, ["1 (pages 1-7)"]),
        (4, ["1 (pages 1-2)", "3 (page 3)", "4 (pages 4-7)"]),
        (6, ["1 (pages 1-2)", "3 (page 3)", "4 (pages 4-7)"]),
        (7, ["1 (pages 1-2)", "3 (pages 3-5)", "8 (pages 6-7)"]),
        (1, ["1 (page 1)", "2 (page 2)", "3 (page 3)", "4 (pages 4-5)", "8 (page 6)", "9 (page 7)"]),
    ],
)
def test_whole_pages_that_fit_are_a_section(tmp_path: Path, room: int, expected: list[str]) -> None:
    """A page that does not fit is a section of several parts."""
    book = opened(tmp_path, "a.pdf", pdf(*PAGES))
    found = list(parts(book, words, room))
    assert "".join(part.text for part in found) == "".join(piece.text for piece in book.pieces())
    assert sum(part.nbytes for part in found) == book.nbytes
    assert all(part.tokens <= room for part in found)
    assert shown(found) == [f"a.pdf:{each}" for each in expected]


def test_chapters_by_their_headings_say_their_pages(tmp_path: Path) -> None:
    book = opened(tmp_path, "a.pdf", pdf("Chapter 1", "It was.", "Late.", "Chapter 2", "It is."))
    assert shown(list(parts(book, words, 100))) == ["a.pdf:1 (pages 1-3)", "a.pdf:7 (pages 4-5)"]


def test_a_file_of_several_says_its_pages(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("plain")
    opened(tmp_path, "a.pdf", pdf("one", "two"))
    assert shown(list(parts(open_source(tmp_path), words, 100))) == ["a.pdf:1 (pages 1-2)", "b.txt:1"]


@pytest.mark.usefixtures("cache", "said")
def test_an_outline_of_a_book_names_its_chapters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(["word"] * 10)
    opened(tmp_path, "a.epub", epub({"a": f"<h1>The Sea</h1>{text}", "b": f"<h1>The \x1b[31mLand</h1>{text}"}))
    lines = run(tmp_path / "a.epub", capsys, outline=True).splitlines()
    assert [line.partition("/a.epub")[2].partition("  ")[0] for line in lines] == [
        ":1 (chapter The Sea)",
        ":5 (chapter The \\x1b[31mLand)",
    ]
    record = json.loads(run(tmp_path / "a.epub", capsys, json=True, outline=True).splitlines()[0])
    place = "chapter The Sea"
    assert (record["section"]["place"], record["section"]["last_place"]) == (place, place)
    assert record["section"]["location"] == f"{tmp_path / 'a.epub'}:1 ({place})"


def test_room_is_what_the_model_sees_less_a_quarter() -> None:
    assert room(ReadingConfig(memory="window", segment=2048, carry=6144), 8192) == 6144
    assert room(ReadingConfig(memory="full"), 8192) == 6144
    assert room(ReadingConfig(memory="gated", segment=1), 8192) == 1


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 50))
@settings(max_examples=60)
def test_reduction_ends_and_leaves_nothing_out(sizes: list[int], room: int) -> None:
    """Reduction ends even where no two summaries fit, and where the model makes them longer."""
    summaries = [f"<{number}>" + "x" * size for number, size in enumerate(sizes)]
    whole = combine(summaries, lambda text, _: text + " and more", REQUESTS, len, room)
    assert [whole.count(f"<{number}>") for number in range(len(sizes))] == [1] * len(sizes)


def test_what_fits_is_asked_once_in_order() -> None:
    asked: list[tuple[str, str]] = []

    def write(text: str, request: str) -> str:
        asked.append((request, text))
        return f"s{len(asked)}"

    book = document("Chapter 1\n\none two three\n\nfour five\n\nChapter 2\n\nsix\n")
    first, second = by_sections(parts(book, words, 5), write, REQUESTS, words, 5)
    assert [request for request, _ in asked] == ["text", "text", "summaries", "text"]
    assert asked[2] == ("summaries", "s1\n\ns2")
    assert (first.text, first.tokens, first.section.line) == ("s3", 7, 1)
    assert (second.text, second.section.title) == ("s4", "Chapter 2")


def test_refining_hands_the_summary_on() -> None:
    blank, one, two = (DocumentPart(Section("a", 0, 1), text, 1, 1) for text in (" \n", "one", "two"))
    steps = list(refine([blank, one, blank, two], lambda text, request: f"({request}: {text})", REQUESTS))
    assert [step.text for step in steps][:3] == [None, "(text: one)", "(text: one)"]
    last = steps[-1].text
    assert last is not None
    assert last.startswith("(more: ")
    assert "(text: one)" in last
    assert last.endswith("two)")


def test_requests_are_in_words_of_ours() -> None:
    for requests in (summary_requests(50, " Anne "), sentence_requests("Anne")):
        for request in (requests.text, requests.summaries, requests.more):
            assert request.endswith("Say most about Anne.")
    assert "50 words" in summary_requests(50, None).more
    assert "one sentence" in sentence_requests("  ").summaries


@pytest.mark.usefixtures("cache")
def test_what_is_written_is_kept(cache: Path) -> None:
    asked: list[str] = []

    def write(text: str, request: str) -> str:
        asked.append(text)
        return f"{text} {request} é\x1b"

    for _ in range(2):
        assert kept(write, "a")("text", "request") == "text request é\x1b"
    kept(write, "b")("text", "request")
    kept(write, "a")("text", "another")
    kept(write, "a")("text request", "")
    assert asked == ["text", "text", "text", "text request"]
    files = list(summaries_folder().iterdir())
    assert len(files) == 4
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    for damage in (b"", b"{", b"[]", b'{"summary": 3}', b"\xff"):
        for path in files:
            path.write_bytes(damage)
        assert kept(write, "a")("text", "request") == "text request é\x1b"


def run(source: Path, capsys: pytest.CaptureFixture[str], json: bool = False, **wanted: Any) -> str:
    capsys.readouterr()
    summarize(Terminal(json=json), [str(source)], SummaryOptions(**wanted), OPTIONS, Sampling(max_new_tokens=5))
    return capsys.readouterr().out


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the texts that a model was asked about; it answers with a number, and every section is made of it."""
    texts: list[str] = []

    def say(_: Any, __: Any, text: str, request: str, sampling: Sampling, words: int) -> str:
        texts.append(text)
        return f"s{len(texts)}"

    monkeypatch.setattr(command, "say_about", say)
    monkeypatch.setattr(OwnWords, "line", lambda _, text, __: (text, False))
    return texts


@pytest.mark.usefixtures("cache", "said")
def test_an_outline_is_a_line_a_section(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book.write_text(CHAPTERS)
    lines = run(book, capsys, outline=True).splitlines()
    assert lines == [f"{book}:{line}  Chapter {n}: s{n}" for n, line in ((1, 1), (2, 5), (3, 9))]
    records = [json.loads(line) for line in run(book, capsys, json=True, outline=True).splitlines()]
    assert [(r["section"]["line"], r["section"]["title"], r["summary"]) for r in records] == [
        (1, "Chapter 1", "s1"),
        (5, "Chapter 2", "s2"),
        (9, "Chapter 3", "s3"),
    ]


@pytest.mark.usefixtures("cache")
def test_a_folder_has_a_line_a_file_then_the_whole(
    tmp_path: Path, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, text in (("a.txt", "One."), ("b.txt", ""), ("c\x1b[2J.txt", "Three."), ("d.png", "\x00")):
        (folder / name).write_text(text)
    out = run(folder, capsys, by="sections", words=1)
    lines = ["a.txt:1  s1", "b.txt:1  (empty)", "c\\x1b[2J.txt:1  s2"]
    assert out.splitlines() == [*(f"{folder}/{line}" for line in lines), "", "s3"]
    assert said == ["One.", "Three.", "a.txt:1:\ns1\n\nc\\x1b[2J.txt:1:\ns2"]
    records = [json.loads(line) for line in run(folder, capsys, json=True, by="sections", words=1).splitlines()]
    assert [record["summary"] for record in records] == ["s1", None, "s2", "s3"]
    assert records[-1]["by"] == "sections"
    assert [records[-1][name] for name in ("files_in_document", "files_skipped")] == [3, 1]


@pytest.mark.usefixtures("cache", "said")
def test_places_of_an_outline_open_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "folder" / "inside" / "a.txt"
    path.parent.mkdir(parents=True)
    path.write_text("One.")
    monkeypatch.chdir(tmp_path)
    assert run(Path("folder"), capsys, outline=True) == "folder/inside/a.txt:1  s1\n"
    section = json.loads(run(Path("folder"), capsys, json=True, outline=True))["section"]
    assert (section["path"], section["location"]) == ("folder/inside/a.txt", "folder/inside/a.txt:1")
    monkeypatch.chdir(path.parent)
    assert Path(run(Path(".."), capsys, outline=True).partition(":")[0]).read_text() == "One."


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("by", ["sections", "refine"])
def test_a_run_that_was_stopped_goes_on(
    book: Path, by: str, said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unbroken = run(book, capsys, by=by)
    expected = list(said)
    assert len(expected) > 5
    for path in summaries_folder().iterdir():
        path.unlink()
    said.clear()
    say, left = command.say_about, iter(range(4))

    def stopping(*arguments: Any, **settings: Any) -> str:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return say(*arguments, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "say_about", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(book, capsys, by=by)
    assert said == expected[:4]
    assert run(book, capsys, by=by) == unbroken
    assert said == expected
    assert run(book, capsys, by=by) == unbroken
    assert said == expected


@pytest.mark.usefixtures("cache")
def test_the_model_reads_each_part_and_the_request(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = reader()
    book.write_text("One.")
    request = summary_requests(20, None).text
    expected = say_about(tiny.model, tiny.tokenizer, "One.", request, Sampling(max_new_tokens=5), 20)
    record = json.loads(run(book, capsys, json=True, by="sections", words=20).splitlines()[-1])
    assert (record["summary"], record["by"], record["memory"]) == (expected, "sections", "gated")


@pytest.mark.usefixtures("cache")
def test_the_default_is_what_the_model_can_do(
    book: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = reader()
    assert remembers(tiny.model)
    assert remembers(reader("full").model)
    assert remembers(reader("state-vector").model)
    assert not remembers(reader("window").model)
    closed = tiny_gemma(tmp_path / "closed", gates=-100.0, vocabulary=1040, segment_size=16)
    train_sentencepiece(closed)
    assert not remembers(load_reader(Terminal(), replace(OPTIONS, model=str(closed))).model)
    record = json.loads(run(book, capsys, json=True))
    assert record["summary"]
    assert record["tokens_read"] == record["tokens_in_document"]
    assert len(list(cache.glob("*.safetensors"))) == 1
    assert not summaries_folder().exists()


@pytest.mark.usefixtures("cache")
def test_every_summary_in_json_has_the_same_members(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A summary by parts names its count otherwise, because pieces are counted each on its own."""
    document, tokenizer = open_source(book), reader().tokenizer
    cut = parts(document, lambda text: len(tokenizer.encode(text)), room(reader().model.reading, 8192))
    counts = {"sections": ("tokens_in_parts", sum(part.tokens for part in cut))}
    counts["state"] = ("tokens_read", len(tokenizer.encode(book.read_text())))
    for by in ("state", "sections", "refine"):
        record = json.loads(run(book, capsys, json=True, by=by, focus="Anne").splitlines()[-1])
        assert isinstance(record["summary"], str)
        assert (record["by"], record["focus"]) == (by, "Anne")
        assert not {"question", "answer", "skipped"} & record.keys()
        assert (record["files_in_document"], record["files_skipped"]) == (1, 0)
        assert (record["bytes_in_document"], record["fingerprint"]) == (document.nbytes, document.fingerprint)
        assert (record["model"], record["memory"]) == (str(checkpoint()), "gated")
        if by in counts:
            name, count = counts[by]
            assert record[name] == count
    assert counts["state"][1] < counts["sections"][1]
    state = reader().state_path(document)
    record = json.loads(run(state, capsys, json=True).splitlines()[-1])
    assert (record["by"], record["focus"]) == ("state", None)


@pytest.mark.usefixtures("cache")
def test_a_saved_state_has_no_text_to_go_over(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = reader()
    run(book, capsys)
    path = tiny.state_path(open_source(book))
    for wanted in ({"by": "sections"}, {"by": "refine"}, {"outline": True}):
        with pytest.raises(UsageError, match="holds no text"):
            run(path, capsys, **wanted)
    assert run(path, capsys) == run(book, capsys)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("by", ["sections", "refine"])
def test_a_file_of_blanks_is_refused(book: Path, by: str, capsys: pytest.CaptureFixture[str]) -> None:
    book.write_text(" \n\t\n" * 50)
    with pytest.raises(DocumentError, match="white space"):
        run(book, capsys, by=by)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("by", ["sections", "refine"])
def test_a_line_without_an_end_is_summed_up(
    book: Path, by: str, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    book.write_text("word" * 300)
    run(book, capsys, by=by)
    assert sum("word" in text for text in said) > 4


@pytest.mark.parametrize(
    ("wanted", "found"),
    [({"by": "magic"}, "'magic'"), ({"by": "state", "outline": True}, "state"), ({"words": 0}, "--words 0")],
)
def test_wrong_options_are_refused(
    wanted: dict[str, Any], found: str, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=found):
        run(book, capsys, **wanted)
