"""Many documents are read by workers: what is done is skipped, what fails is named, a killed worker is replaced."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from kill_at_random import rows, tensors
from kill_workers import workers_of
from many_documents import NAMES, write_documents
from readers import checkpoint
from typer.testing import CliRunner

from gemma10m import Library
from gemma10m.cli import app
from gemma10m.errors import NetworkError, StateError, UsageError
from gemma10m.library import Notices
from gemma10m.library.many import OneOfMany, documents_of
from gemma10m.library.read_many import ManyReads, RunView, failures, jobs_here, read_many
from gemma10m.library.read_one import DocumentOutcome, WorkerJob, read_one
from gemma10m.library.signals import StopRequest
from gemma10m.library.states_index import MERGED_INDEX, refuse_other_folder, states_in
from gemma10m.library.states_library import StatesLibrary
from gemma10m.library.workers import Processes
from gemma10m.saved_states import PROGRAM

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_documents(tmp_path / "papers")


class InThisProcess:
    """Read in the test's own process, which takes no time to start; lose the worker as often as `losses` says."""

    def __init__(self, job: WorkerJob, losses: dict[str, int] | None = None) -> None:
        self.job, self.losses, self.running = job, losses or {}, list[OneOfMany]()

    @property
    def free(self) -> int:
        return 2 - len(self.running)

    @property
    def busy(self) -> int:
        return len(self.running)

    def start(self, document: OneOfMany) -> None:
        self.running.append(document)

    def ended(self, seconds: float) -> Iterator[tuple[OneOfMany, DocumentOutcome | None]]:
        document = self.running.pop(0)
        left = self.losses.get(document.source, 0)
        self.losses[document.source] = left - 1
        yield document, None if left > 0 else read_one(self.job, document)

    def stop(self) -> None:
        self.running.clear()


def job_for(states: Path, model: str = "demo", **changes: str) -> WorkerJob:
    library = Library(model, device="cpu", dtype="float32")
    known = {"program": PROGRAM, "fingerprint": library.chosen.checkpoint.fingerprint, **changes}
    return WorkerJob(library.options, os.getcwd(), str(states.absolute()), threads=1, **known)


def run(
    folder: Path, states: Path, losses: dict[str, int] | None = None, job: WorkerJob | None = None
) -> dict[str, DocumentOutcome]:
    workers = InThisProcess(job or job_for(states), losses)
    documents = documents_of(Notices(), str(folder), states)
    outcomes = ManyReads(workers, documents, StopRequest(), lambda view: None).outcomes()
    assert len(outcomes) == len(documents)
    return {outcome.document.source: outcome for outcome in outcomes}


def test_a_second_run_reads_only_what_has_changed(folder: Path) -> None:
    states = Path("states")
    assert {outcome.ended for outcome in run(Path("papers"), states).values()} == {"read"}
    before = {path: path.stat().st_mtime_ns for path in states.rglob("*.state")}
    assert len(before) == len(NAMES)
    Path("papers/amber-lantern.txt").write_text("Another text.")
    Path("states/red-river.txt.state.passages").unlink(missing_ok=True)
    Path("states/below/red-river.txt.state.passages").unlink()
    ended = {source: outcome.ended for source, outcome in run(Path("papers"), states).items()}
    assert ended == {
        "papers/amber-lantern.txt": "read",
        "papers/below/quiet-harbor.txt": "there",
        "papers/loud-mountain.txt": "there",
        "papers/below/red-river.txt": "read",
    }


def test_what_fails_is_named_with_its_code_and_stops_no_other(folder: Path) -> None:
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4\nrubbish")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    (folder / "empty.txt").touch()
    (folder / "link.txt").symlink_to("amber-lantern.txt")
    states = Path("states")
    (states / "loud-mountain.txt.state").mkdir(parents=True)
    outcomes = run(Path("papers"), states)
    assert [outcomes[f"papers/{name}"].ended for name in ("picture.png", "empty.txt", "link.txt")] == ["skipped"] * 3
    failed = {source: outcome.exit_code for source, outcome in outcomes.items() if outcome.ended == "failed"}
    assert failed == {"papers/bad.pdf": 3, "papers/loud-mountain.txt": 2}
    error = failures(list(outcomes.values()))
    assert error is not None
    assert (error.message, error.exit_code) == (f"2 of {len(outcomes)} documents were not read", 3)
    assert len(states_in(states).indexed) == len(NAMES) - 1


@pytest.mark.parametrize("everything", [False, True])
def test_generated_files_of_a_folder_are_left_out_by_their_text(folder: Path, everything: bool) -> None:
    (folder / "app.js").write_text("var a=1;" * 500)
    outcomes = run(Path("papers"), Path("states"), job=replace(job_for(Path("states")), everything=everything))
    outcome = outcomes["papers/app.js"]
    assert (outcome.ended, outcome.reason) == (("read", "") if everything else ("skipped", "minified"))


def test_all_reaches_the_folders_of_a_list(folder: Path) -> None:
    (folder / "app.js").write_text("var a=1;" * 500)
    Path("list").write_text("papers\n")
    tokens = list[int]()
    for everything in (False, True):
        job = replace(job_for(Path("states")), everything=everything)
        (outcome,) = run(Path("list"), Path("states"), job=job).values()
        tokens.append(outcome.tokens)
    assert 0 < tokens[0] < tokens[1]


def test_a_folder_of_states_may_change_while_it_is_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    class Fleeting:
        name = ".gemma10m-1.tmp"

        def is_dir(self, follow_symlinks: bool) -> bool:
            return False

        def is_file(self, follow_symlinks: bool) -> bool:
            return True

        def stat(self, follow_symlinks: bool) -> os.stat_result:
            raise FileNotFoundError(2, "gone")

    monkeypatch.setattr(os, "scandir", lambda path: nullcontext([Fleeting(), *scandir(path)]))
    assert states_in(folder).states == ()


def test_a_folder_that_cannot_be_listed_is_an_error_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(StateError, match=r"papers\S* cannot be listed: Permission denied"):
        states_in(folder)
    with pytest.raises(StateError, match="cannot be listed"):
        refuse_other_folder(folder)


def test_a_disk_that_is_full_is_each_documents_failure_and_leaves_nothing_half_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renaming, renamed = os.replace, list[str]()

    def full_after_four(source: str, target: Path) -> None:
        renamed.append(str(target))
        if len(renamed) > 4:
            raise OSError(28, "No space left on device")
        renaming(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full_after_four)
        outcomes = run(Path("papers"), Path("states")).values()
    assert [(outcome.ended, outcome.exit_code) for outcome in outcomes] == [
        ("read", 0),
        ("read", 0),
        *[("failed", 7)] * 2,
    ]
    assert all("the disk is full" in outcome.reason for outcome in outcomes if outcome.exit_code)
    assert not list(Path("states").rglob(".gemma10m-*"))
    assert len(states_in(Path("states")).indexed) == 2
    assert {outcome.ended for outcome in run(Path("papers"), Path("states")).values()} == {"there", "read"}


def test_the_state_of_another_model_is_not_overwritten_and_does_not_answer(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states, path = Path("states"), Path("states", "amber-lantern.txt.state")
    run(Path("papers"), states)
    path.unlink()
    other = job_for(states, model=str(checkpoint()))
    assert read_one(other, OneOfMany("papers/amber-lantern.txt", path.name, found=True)).ended == "read"
    before = path.read_bytes()
    outcome = run(Path("papers"), states)["papers/amber-lantern.txt"]
    assert (outcome.ended, outcome.exit_code) == ("failed", 5)
    assert f"was read by the model {checkpoint()}, and not by demo" in outcome.reason
    assert path.read_bytes() == before
    library = Library("demo", device="cpu")
    with StatesLibrary(library, states) as opened:
        assert opened.documents("amber-lantern")[0] == path
        answers = opened.ask("What is the special magic number for amber-lantern?")
    assert len(answers) == 2
    (warning,) = library.listener.warnings
    assert f"{path} was read by the model {checkpoint()}, not by demo" in warning


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [({"program": "gemma10m 9"}, 2, "was started by gemma10m 9"), ({"fingerprint": "f" * 64}, 4, "fingerprint")],
)
def test_a_worker_of_another_version_or_model_reads_nothing(
    folder: Path, changes: dict[str, str], code: int, words: str
) -> None:
    outcomes = run(Path("papers"), Path("states"), job=job_for(Path("states"), **changes)).values()
    assert {(outcome.ended, outcome.exit_code) for outcome in outcomes} == {("failed", code)}
    assert all(words in outcome.reason for outcome in outcomes)
    assert not Path("states").exists()


def test_a_document_that_ends_its_worker_three_times_is_given_up_and_others_are_read(folder: Path) -> None:
    losses = {"papers/amber-lantern.txt": 2, "papers/loud-mountain.txt": 3}
    outcomes = run(Path("papers"), Path("states"), losses)
    assert outcomes["papers/amber-lantern.txt"].ended == "read"
    assert outcomes["papers/loud-mountain.txt"].exit_code == 6
    assert sum(outcome.ended == "read" for outcome in outcomes.values()) == 3


def test_a_stopped_run_starts_no_other_document_and_the_next_one_reads_the_rest(folder: Path) -> None:
    stop, documents = StopRequest(), documents_of(Notices(), "papers", Path("states"))

    def stop_after_one(view: RunView) -> None:
        if view.documents == 1:
            stop.ask(signal.SIGINT)

    outcomes = ManyReads(InThisProcess(job_for(Path("states"))), documents, stop, stop_after_one).outcomes()
    assert [outcome.ended for outcome in outcomes] == ["read"]
    ended = [outcome.ended for outcome in run(Path("papers"), Path("states")).values()]
    assert sorted(ended) == ["read", "read", "read", "there"]


def test_processes_share_cores_and_memory() -> None:
    job = WorkerJob(Library("demo").options, "", "", "", "", threads=8)
    assert [each.threads for each in jobs_here(job, "cpu", 3, 1)] == [2, 2, 2]
    assert len(jobs_here(job, "cpu", 100, 1)) == 8
    assert [each.threads for each in jobs_here(job, "cpu", 100, 1 << 60)] == [8]


def test_a_killed_process_loses_one_document_and_the_states_are_those_of_an_undisturbed_run(folder: Path) -> None:
    run(Path("papers"), Path("undisturbed"))
    documents = documents_of(Notices(), "papers", Path("states"))
    with Processes([job_for(Path("states"))]) as workers:
        (process,) = workers._pools[0]._processes
        workers.start(documents[0])
        os.kill(process, signal.SIGKILL)
        assert list(workers.ended(60)) == [(documents[0], None)]
        for document in documents:
            workers.start(document)
            ((_, outcome),) = workers.ended(60)
            assert outcome is not None
            assert outcome.ended == "read"
    for name in states_in(Path("undisturbed")).indexed:
        assert tensors(Path("states", name)) == tensors(Path("undisturbed", name))
        assert rows(Path("states", f"{name}.passages")) == rows(Path("undisturbed", f"{name}.passages"))


def test_ray_reads_them_too_though_an_actor_is_killed_and_the_folder_answers(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray")
    views = list[RunView]()

    def kill_one(view: RunView) -> None:
        views.append(view)
        if view.documents == 1:
            os.kill(workers_of(os.getpid())[0], signal.SIGKILL)

    read_many(Library("demo", device="cpu"), "papers", "states", ray="local", progress=kill_one)
    assert capfd.readouterr().out == ""
    assert [view.documents for view in views] == [0, 1, 2, 3, 4]
    assert views[-1].tokens > 0
    assert Path("states", MERGED_INDEX).exists()
    done = CliRunner().invoke(app, ["ask", "states", "What is the special magic number for quiet-harbor?", "--json"])
    assert done.exit_code == 0
    best = json.loads(done.stdout.splitlines()[0])
    assert (best["document"], best["verdict"]) == ("papers/below/quiet-harbor.txt", "verified")
    assert best["sources"][0]["file"] == "papers/below/quiet-harbor.txt"
    found = CliRunner().invoke(app, ["find", "states", "quiet-harbor"])
    assert found.stdout.startswith("papers/below/quiet-harbor.txt:2, bytes ")


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("127.0.0.1:1", NetworkError, "no Ray answers at 127.0.0.1:1"),
        ("nowhere", UsageError, "'nowhere' is not an address of Ray"),
    ],
)
def test_an_address_without_ray_is_refused_at_once(
    folder: Path, address: str, kind: type[Exception], words: str
) -> None:
    pytest.importorskip("ray")
    with pytest.raises(kind, match=words):
        read_many(Library("demo", device="cpu"), "papers", "states", ray=address)
