"""Time questions about a long document from process start: `python tools/time_questions.py DOCUMENT QUESTIONS`.

With an empty cache, the first question also indexes the document. The same process is then started again for each of
the next questions, and last one process is asked all of them. QUESTIONS: JSONL, as for `eval qa`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from gemma10m.bench.rows import append_rows
from gemma10m.errors import NoAnswer
from gemma10m.tasks.question_set import read_question_set
from gemma10m.terminal import Terminal


@dataclass(frozen=True)
class Timed:
    first_byte: float  # seconds since the process started
    whole: float
    peak_bytes: int  # most resident memory of the process


def timed(command: list[str], cache: str) -> Timed:
    """Run a command of the program. Raises CalledProcessError if it fails; no answer is not a failure."""
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert process.stdout is not None
    with process.stdout as said:
        said.read(1)
        first = time.perf_counter() - started
        said.read()
    _, status, usage = os.wait4(process.pid, 0)
    whole = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, NoAnswer.exit_code):
        raise subprocess.CalledProcessError(process.returncode, command)
    return Timed(first, whole, usage.ru_maxrss * 1024)


def measure(document: Path, questions: list[str], model: str) -> dict[str, object]:
    command = [sys.executable, "-m", "gemma10m", "ask", str(document), "--model", model]
    with tempfile.TemporaryDirectory() as cache:
        file = Path(cache) / "questions.jsonl"
        file.write_text("".join(json.dumps({"question": one}) + "\n" for one in questions), encoding="utf-8")
        first = timed([*command, questions[0]], cache)
        again = [timed([*command, one], cache) for one in questions]
        listed = timed([*command, "--questions", str(file)], cache)
    answer = statistics.median(one.whole for one in again)
    return {
        "document": document.name,
        "bytes": document.stat().st_size,
        "model": Path(model).name,
        "questions": len(questions),
        "indexing_and_first_answer_seconds": first.whole,
        "first_word_seconds": statistics.median(one.first_byte for one in again),
        "answer_seconds": answer,
        "further_question_seconds": (listed.whole - answer) / (len(questions) - 1),
        "peak_bytes": max(one.peak_bytes for one in (first, *again, listed)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("document", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("-n", type=int, default=10)
    parser.add_argument("-m", "--model", default="small")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    if options.n < 2:
        parser.error("-n must be 2 or more: a further question is timed")
    asked = [one.question for one in read_question_set(options.questions)[: options.n]]
    row = measure(options.document, asked, options.model)
    if options.results:
        command = f"tools/time_questions.py {options.document} {options.questions} -n {options.n}"
        append_rows(options.results, "questions", command, [row])
    Terminal().line(json.dumps(row))


if __name__ == "__main__":
    main()
